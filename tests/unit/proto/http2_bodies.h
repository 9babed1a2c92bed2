// Conversations of HTTP/2 whose bodies are read: calls of gRPC with several messages, streams of
// events, a language model's answer. What clients ask and models answer is `kSecret` everywhere.
#pragma once

#include "http2_wire.h"
#include "stream_goldens.h"

#include <string>
#include <vector>

namespace tailwhy::test {

inline std::string message(std::string_view bytes) {
  return '\0' + number(static_cast<std::uint32_t>(bytes.size())) + std::string(bytes);
}

inline HeaderList typed(std::string type) {
  return {{":status", "200"}, {"content-type", std::move(type)}};
}

inline HeaderList post_to(std::string path) {
  return {{":method", "POST"}, {":scheme", "http"}, {":path", std::move(path)}};
}

// Two calls at once, of which the second is one of many messages each way.
inline std::vector<Turn> calls() {
  Talk t;
  std::string asked = t.head(1, call("/a.B/One"), false) + data(1, message("ask"), true);
  asked += t.head(3, call("/a.B/Many"), false);
  t.ask(asked + data(3, message("a") + message("") + message("b"), true));
  const std::string many = message(std::string(kSecret)) + message("second");
  std::string answer = t.reply(3, grpc_ok()) + data(3, many.substr(0, 20), false);
  answer += t.reply(1, grpc_ok());
  t.answer(answer + data(1, message("one"), false) + data(3, many.substr(20), false));
  std::string last = data(3, message(""), false) + t.reply(1, {{"grpc-status", "0"}}, true);
  t.answer(last + t.reply(3, {{"grpc-status", "0"}}, true));
  return t.turns;
}

inline std::vector<Turn> events() {
  Talk t;
  const std::string first = t.head(1, get("/events"));
  t.ask(first + t.head(3, post_to("/v1/chat/completions"), false) +
        data(3, "{\"prompt\":\"" + std::string(kSecret) + "\",\"model\":\"m\"}", true));
  const std::string begin =
      t.reply(1, typed("text/event-stream")) + data(1, "data: " + std::string(kSecret), false);
  t.answer(begin + t.reply(3, typed("text/event-stream; charset=utf-8")) +
           data(3, "data: {\"choices\":[{\"delta\":{\"role\":\"a\"}}]}\n\n", false));
  t.answer(data(1, "\n\n:ping\n\n", false) + data(3,
                                                  "data: {\"choices\":[{\"delta\":{\"content\":\"" +
                                                      std::string(kSecret) + "\"}}]}\n\n",
                                                  false));
  t.answer(data(3, "data: {\"usage\":{\"completion_tokens\":9}}\n\ndata: [DONE]\n\n", true));
  return t.turns;
}

}  // namespace tailwhy::test
