// Conversations and what must be read from them.
#pragma once

#include "http2_wire.h"

namespace tailwhy::test {

struct Http2Golden {
  std::string name;
  std::vector<Turn> turns;
  Lines expected;  // without offsets: see without_offsets()
};

/// Offsets depend on how nghttp2 codes a header block; tests that want them compute them.
inline std::string without_offset(const std::string& line) {
  for (const std::string_view kind : {"request begin ", "request end ", "response begin ",
                                      "response end ", "abandoned ", "event end "}) {
    if (!line.starts_with(kind)) continue;
    const std::size_t end = std::min(line.find(' ', kind.size()), line.size());
    return line.substr(0, kind.size() - 1) + line.substr(end);
  }
  return line;
}
inline Lines without_offsets(Lines lines) {
  for (std::string& line : lines)
    line = without_offset(line);
  return lines;
}

inline std::string size_of(std::string_view bytes) {
  return " size " + std::to_string(bytes.size());
}

inline std::vector<Http2Golden> http2_goldens() {
  std::vector<Http2Golden> all;
  const auto add = [&](std::string name, const Talk& talk, Lines expected) {
    all.push_back({std::move(name), talk.turns, std::move(expected)});
  };
  {
    Talk t;
    const std::string ask = t.head(1, get("/user/42?token=1"));
    const std::string head = t.reply(1, ok());
    const std::string body = data(1, "hello", true);
    t.ask(ask + settings_ack()).answer(head + body);
    const std::string again = t.head(3, get("/user/42?token=1"));
    t.ask(again).answer(t.reply(3, {{":status", "404"}}, true));
    add("get", t,
        {"request begin stream 1", "request head GET /user/{id} 2 as http stream 1",
         "request end framing stream 1" + size_of(ask), "response begin stream 1",
         "response head 200 stream 1", "response end framing stream 1" + size_of(head + body),
         "request begin stream 3", "request head GET /user/{id} 2 as http stream 3",
         "request end framing stream 3" + size_of(again), "response begin stream 3",
         "response head 404 stream 3", "response end framing stream 3 size 10"});
  }
  {
    Talk t;
    HeaderList list = get("/a");
    list[0].second = "POST";
    list.emplace_back("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    list.emplace_back("x-request-id", "req-1");
    const std::string block = t.client.block(list);
    const std::string half = block.substr(0, 20);
    const std::string ask =
        frame(1, 0x20 | 0x8, 1, std::string("\3\0\0\0\0\20", 6) + half + "pad") +
        frame(9, 0, 1, block.substr(20, 5)) + frame(9, kEndHeaders, 1, block.substr(25));
    const std::string body = frame(0, 0x8, 1, std::string("\2", 1) + "abcxx") + data(1, "", true);
    const std::string hint = t.reply(1, {{":status", "103"}, {"link", "</style>"}});
    const std::string head = t.reply(1, {{":status", "500"}});
    const std::string end = data(1, "x", false) + t.reply(1, {{"x-sum", "1"}}, true);
    t.ask(ask).answer(hint).ask(body).answer(head + frame(8, 0, 1, number(100)) + end);
    add("continuation, padding, priority, interim, trailers", t,
        {"request begin stream 1",
         "request head POST /a 2 trace 4bf92f3577b34da6a3ce929d0e0e4736 as http id req-1 stream 1",
         "request end framing stream 1" + size_of(ask + body), "response begin stream 1",
         "response head 500 error stream 1",
         "response end framing stream 1" + size_of(hint + head + end)});
  }
  {
    Talk t;
    const std::string ask1 = t.head(1, get("/a"));
    const std::string ask3 = t.head(3, get("/b"));
    const std::string ask5 = t.head(5, get("/c"));
    t.ask(ask1 + ask3 + ask5);
    const std::string b = t.reply(3, ok());
    const std::string a = t.reply(1, ok());
    t.answer(b + a + data(3, "bb", false) + data(1, "a", true) + frame(6, 0, 0, "pingping"));
    t.answer(data(3, "b", true) + t.reply(5, {{":status", "204"}}, true) +
             frame(77, 255, 0x80000000U, "what is this") + frame(7, 0, 0, number(5) + number(0)));
    add("interleaved", t,
        {"request begin stream 1", "request head GET /a 2 as http stream 1",
         "request end framing stream 1" + size_of(ask1), "request begin stream 3",
         "request head GET /b 2 as http stream 3", "request end framing stream 3" + size_of(ask3),
         "request begin stream 5", "request head GET /c 2 as http stream 5",
         "request end framing stream 5" + size_of(ask5), "response begin stream 3",
         "response head 200 stream 3", "response begin stream 1", "response head 200 stream 1",
         "response end framing stream 1" + size_of(a + data(1, "a", true)),
         "response end framing stream 3" + size_of(b + data(3, "bb", true) + data(3, "b", true)),
         "response begin stream 5", "response head 204 stream 5",
         "response end framing stream 5 size 10"});
  }
  {
    Talk t;
    const std::string ask = t.head(1, call("/pkg.Greeter/SayHello"), false);
    const std::string message = data(1, std::string("\0\0\0\0\2hi", 7), true);
    const std::string head = t.reply(1, grpc_ok());
    const std::string reply = data(1, std::string("\0\0\0\0\2yo", 7), false);
    const std::string trailers = t.reply(1, {{"grpc-status", "0"}, {"grpc-message", ""}}, true);
    t.ask(ask).ask(message).answer(head + reply + trailers);
    const std::string error = t.reply(3,
                                      {{":status", "200"},
                                       {"content-type", "application/grpc+proto"},
                                       {"grpc-status", "14"},
                                       {"grpc-message", "no"}},
                                      true);
    const std::string ask3 = t.head(3, call("/pkg.Greeter/SayHello"), true);
    t.ask(ask3).answer(error);
    const std::string ask5 = t.head(5, call("/not a call"), true);
    const std::string head5 = t.reply(5, grpc_ok(), true);
    t.ask(ask5).answer(head5);
    const std::string ask7 = t.head(7, call("/a.B/C"), true);
    const std::string head7 = t.reply(7, grpc_ok());
    const std::string trailers7 = t.reply(7, {{"grpc-status", "5"}}, true);
    t.ask(ask7).answer(head7 + trailers7);
    add("grpc", t,
        {"request begin stream 1",
         "request head  pkg.Greeter/SayHello 2 as grpc stream 1",
         "request end framing stream 1" + size_of(ask + message),
         "response begin stream 1",
         "response head 0 unknown stream 1",
         "event end stream 1",
         "response head OK stream 1",
         "response end framing stream 1" + size_of(head + reply + trailers),
         "request begin stream 3",
         "request head  pkg.Greeter/SayHello 2 as grpc stream 3",
         "request end framing stream 3" + size_of(ask3),
         "response begin stream 3",
         "response head UNAVAILABLE error stream 3",
         "response end framing stream 3" + size_of(error),
         "request begin stream 5",
         "request head  _OTHER 2 as grpc stream 5",
         "request end framing stream 5" + size_of(ask5),
         "response begin stream 5",
         "response head 0 unknown stream 5",
         "response end framing stream 5" + size_of(head5),
         "request begin stream 7",
         "request head  a.B/C 2 as grpc stream 7",
         "request end framing stream 7" + size_of(ask7),
         "response begin stream 7",
         "response head 0 unknown stream 7",
         "response head NOT_FOUND client error stream 7",
         "response end framing stream 7" + size_of(head7 + trailers7)});
  }
  {
    Talk t;
    const std::string a = t.head(1, get("/a"), false);
    const std::string b = t.head(3, get("/b"));
    const std::string c = t.head(5, get("/c"), false);
    const std::string d = t.head(7, get("/d"), false);
    const std::string e = t.head(9, get("/e"));
    t.ask(a + b + c + d + e);
    const std::string head = t.reply(1, ok());
    const std::string done = t.reply(7, {{":status", "413"}}, true);
    t.answer(head + reset(3, 7) + reset(5, 2) + done + reset(7, 0));
    t.ask(reset(1, 8) + reset(3, 8)).answer(frame(7, 0, 0, number(7) + number(2) + "debug"));
    const auto begins = [](int stream, std::string_view path) {
      return Lines{fmt::format("request begin stream {}", stream),
                   fmt::format("request head GET {} 2 as http stream {}", path, stream)};
    };
    Lines expected;
    const auto extend = [&](Lines lines) {
      expected.insert(expected.end(), lines.begin(), lines.end());
    };
    extend(begins(1, "/a"));
    extend(begins(3, "/b"));
    extend({"request end framing stream 3" + size_of(b)});
    extend(begins(5, "/c"));
    extend(begins(7, "/d"));
    extend(begins(9, "/e"));
    extend({"request end framing stream 9" + size_of(e), "response begin stream 1",
            "response head 200 stream 1", "response end framing stream 3 size 0 no_response",
            "request end framing stream 5" + size_of(c),
            "response end framing stream 5 size 0 connection_reset", "response begin stream 7",
            "response head 413 stream 7", "response end framing stream 7" + size_of(done),
            "request end framing stream 7" + size_of(d),
            "request end framing stream 1" + size_of(a),
            "response end framing stream 1" + size_of(head) + " client_abort",
            "response end framing stream 9 size 0 no_response"});
    add("resets", t, expected);
  }
  {
    Talk t;
    t.turns.clear();
    t.answer(settings()).ask(std::string(kClientPreface) + settings());
    const std::string promise =
        frame(5, kEndHeaders, 1, number(2) + t.server.block(get("/pushed")));
    const std::string pushed = t.reply(2, ok()) + data(2, "css", true);
    const std::string ask = t.head(1, get("/a"));
    const std::string answer = t.reply(1, ok(), true);
    t.ask(ask).answer(promise + pushed + answer);
    add("a server that speaks first, and pushes", t,
        {"request begin stream 1", "request head GET /a 2 as http stream 1",
         "request end framing stream 1" + size_of(ask), "response begin stream 1",
         "response head 200 stream 1", "response end framing stream 1" + size_of(answer)});
  }
  {
    Talk t;  // asked by HTTP/1
    const std::string answer = t.reply(1, ok()) + data(1, "hello", true);
    t.turns.clear();
    t.answer(settings() + answer).ask(std::string(kClientPreface) + settings());
    t.ask(t.head(3, get("/b"))).answer(t.reply(3, ok(), true));
    add("after an upgrade", t,
        {"response begin stream 1", "response head 200 stream 1",
         "response end framing stream 1" + size_of(answer), "request begin stream 3",
         "request head GET /b 2 as http stream 3",
         "request end framing stream 3" + size_of(Talk().head(3, get("/b"))),
         "response begin stream 3", "response head 200 stream 3",
         "response end framing stream 3 size 12"});
  }
  return all;
}

}  // namespace tailwhy::test
