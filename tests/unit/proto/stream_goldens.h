// Answers that are streams of events, and those of language models, over HTTP/1: see goldens.h.
// What clients ask and models answer is `kSecret` everywhere.
#pragma once

#include "goldens.h"

#include <fmt/format.h>
#include <string>
#include <string_view>

namespace tailwhy::test {

inline constexpr std::string_view kSecret = "prompt-or-completion";

inline std::string chunk(std::string_view bytes) {
  std::size_t size = bytes.size();
  size -= static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '|'));
  return fmt::format("{:x}\r\n{}\r\n", size, bytes);
}

inline std::string post(std::string_view path, std::string_view body) {
  return fmt::format("POST {} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{}", path, body.size(), body);
}

inline std::string chunked(std::string_view type) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
                     type);
}

inline std::string sized(std::string_view body) {
  std::size_t size = body.size();
  size -= static_cast<std::size_t>(std::count(body.begin(), body.end(), '|'));
  return fmt::format(
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", size,
      body);
}

/// The lines of a golden that are about its streams.
inline Lines stream_lines(const Lines& all) {
  Lines found;
  for (const std::string& line : all) {
    const bool about = line.starts_with("stream ") || line.starts_with("event ") ||
                       line.find(" says") != std::string::npos;
    if (about) found.push_back(line);
  }
  return found;
}

inline std::vector<Golden> stream_goldens() {
  std::vector<Golden> all;
  // `expected`: only what is about streams.
  const auto add = [&](std::string name, std::string ask, std::string answer, Lines expected) {
    all.push_back({std::move(name),
                   {request(std::move(ask)), response(std::move(answer))},
                   {},
                   std::move(expected)});
  };
  const std::string get = "GET /events HTTP/1.1\r\n\r\n";
  const std::string sse = chunked("text/event-stream; charset=utf-8");
  const std::string secret(kSecret);

  add("events of every line end", get,
      sse + chunk("data: " + secret + "\n\n|data:a\r\n\r|\ndata\r\rid: 1\revent: a\rdata: b\r\r|") +
          chunk(""),
      {"stream of sse", "event end @0", "event end @1", "event end @2"});
  add("what is no event", get,
      sse +
          chunk("\xef\xbb\xbf: " + secret + "\n\nretry: 10\n\ndata:\n\ndata\n\ndatas: 1\n\n" +
                "event: ping\n\nid: 1\n\n: x\ndata: [DONE]\n\n") +
          chunk(""),
      {"stream of sse"});
  add("lines of data are one event", get,
      sse + chunk(": " + secret + "\ndata: a\ndata: b\ndata\n\n|") +
          chunk("data: [DONE]\ndata: [DONE]\n\n|data: [DONE] \n\n|data: [DO\n\n|") + chunk(""),
      {"stream of sse", "event end @0", "event end @1", "event end @2", "event end @3"});
  add("events in pieces of chunks", get,
      sse + chunk("da") + chunk("ta: " + secret) + chunk("\n") + chunk("\n|dat") +
          chunk("a: b\n\n|") + chunk(""),
      {"stream of sse", "event end @0", "event end @1"});
  add("an event that does not end is none", get, sse + chunk("data: a\n") + chunk(""),
      {"stream of sse"});
  add("the type in capitals and a head in pieces", get,
      "HTTP/1.1 200 OK\r\nCONTENT-TYPE:TEXT/Event-Stream\r\n\r\ndata: " + secret + "\n\n|data: b",
      {"stream of sse", "event end @0"});
  add("what is compressed cannot be read", get,
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"
      "Transfer-Encoding: chunked\r\n\r\n|" +
          chunk("data: a\n\n") + chunk(""),
      {"stream of sse", "stream gap @0"});
  add("another type is no stream", get,
      chunked("text/event-streams") + chunk("data: a\n\n") + chunk(""), {});
  add("a length that is known is no stream", get,
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\ndata: a\n\n",
      {});
  add("lines of JSON", "GET /watch HTTP/1.1\r\n\r\n",
      chunked("application/x-ndjson") +
          chunk("{\"a\":\"" + secret + "\"}|\n\n{\"b\":[{}]}|\r\nno\n") + chunk("{\"c\":1}|") +
          chunk(""),
      {"stream of json_lines", "event end @0", "event end @1", "event end @2"});

  const std::string ask = "{\"messages\":[{\"role\":\"user\",\"content\":\"" + secret +
                          "\",\"model\":\"no\"}],\"model\":\"org/asked:8b\",\"stream\":true}";
  const auto delta = [](const std::string& what) {
    return R"(data: {"id":"c-1","object":"chat.completion.chunk","model":"m-1","choices":[{"index":0,)"
           R"("delta":{)" +
           what + "},\"finish_reason\":null}]}\n\n";
  };
  add("OpenAI chat", post("/v1/chat/completions", ask),
      sse + chunk(delta(R"("role":"assistant","content":"")") + "|") +
          chunk(delta("\"content\":\"" + secret + "\\\"\"") + "|") + chunk(": ping\n\n") +
          chunk(delta(R"("content":null)")) +
          chunk(delta(R"("tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}])") +
                "|") +
          chunk(delta("")) +
          chunk(
              R"(data: {"model":"m-1","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":)"
              "30,\"completion_tokens_details\":{\"reasoning_tokens\":1}}}\n\n|data: [DONE]\n\n") +
          chunk(""),
      {"request says: chat openai asked org/asked:8b", "stream of sse",
       "response says: chat openai model m-1", "event end @1", "event end @2",
       "response says: chat openai model m-1 in 7 out 30"});
  add("OpenAI completions", post("/v1/completions", R"({"model":"m","prompt":[1,2,3]})"),
      sse + chunk("data: {\"choices\":[{\"text\":\"" + secret + "\"}],\"model\":\"m\"}\n\n|") +
          chunk(""),
      {"request says: text_completion openai asked m", "stream of sse", "event end @0",
       "response says: text_completion openai model m"});
  add("OpenAI responses", post("/v1/responses", "{\"input\":\"" + secret + "\"}"),
      sse +
          chunk("event: response.created\ndata: {\"type\":\"response.created\",\"response\":"
                "{\"model\":\"r\",\"output\":[],\"usage\":null}}\n\n|") +
          chunk("data: {\"type\":\"response.output_text.delta\",\"delta\":\"" + secret +
                "\"}\n\n|") +
          chunk("data: {\"type\":\"response.output_text.done\",\"text\":\"" + secret + "\"}\n\n") +
          chunk("data: {\"type\":\"response.completed\",\"response\":{\"output\":[{\"content\":"
                "[{\"text\":\"a\"}]}],\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}\n\n|") +
          chunk(""),
      {"stream of sse", "response says: chat openai model r", "event end @1",
       "response says: chat openai model r in 3 out 4"});
  add("an answer that is no stream", post("/openai/v1/chat/completions", ask),
      sized(
          "{\"model\":\"a\\/b\",\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"" +
          secret + "\"}}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}|\n"),
      {"request says: chat openai asked org/asked:8b",
       "response says: chat openai model a/b in 1 out 2"});
  add("llama.cpp", post("/completion", "{\"prompt\":\"" + secret + "\",\"stream\":true}"),
      sse +
          chunk("data: {\"index\":0,\"content\":\"" + secret +
                "\",\"tokens\":[9],\"stop\":false}\n\n|") +
          chunk("data: "
                "{\"content\":\"\",\"stop\":true,\"model\":\"/m/x.gguf\",\"tokens_predicted\":5,"
                "\"tokens_evaluated\":6,\"generation_settings\":{\"seed\":1},\"prompt\":\"" +
                secret + "\"}\n\n|") +
          chunk(""),
      {"stream of sse", "event end @0",
       "response says: text_completion llama.cpp model /m/x.gguf in 6 out 5"});
  add("TGI", post("/generate_stream", "{\"inputs\":\"" + secret + "\"}"),
      sse +
          chunk("data:{\"index\":1,\"token\":{\"id\":4,\"text\":\"" + secret +
                "\",\"special\":false},\"generated_text\":null,\"details\":null}\n\n|") +
          chunk("data:{\"token\":{\"text\":\" b\"},\"generated_text\":\"" + secret +
                "\",\"details\":{\"finish_reason\":\"length\",\"generated_tokens\":2,"
                "\"input_length\":1}}\n\n|") +
          chunk(""),
      {"stream of sse", "event end @0", "event end @1",
       "response says: text_completion tgi in 1 out 2"});
  add("Ollama", post("/api/chat", "{\"model\":\"llama3:8b\"}"),
      chunked("application/x-ndjson") +
          chunk("{\"model\":\"llama3:8b\",\"message\":{\"role\":\"assistant\",\"content\":\"" +
                secret + "\"},\"done\":false}|\n") +
          chunk("{\"model\":\"llama3:8b\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},"
                "\"done\":true,\"prompt_eval_count\":26,\"eval_count\":298}|\n") +
          chunk(""),
      {"request says: chat ollama asked llama3:8b", "stream of json_lines", "event end @0",
       "response says: chat ollama model llama3:8b",
       "response says: chat ollama model llama3:8b in 26 out 298"});
  add("Anthropic", post("/v1/messages", "{\"model\":\"c-1\"}"),
      sse +
          chunk("event: message_start\ndata: "
                "{\"type\":\"message_start\",\"message\":{\"model\":\"c-1\","
                "\"content\":[],\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n|") +
          chunk("event: ping\ndata: {\"type\":\"ping\"}\n\n") +
          chunk("data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\","
                "\"text\":\"\"}}\n\n") +
          chunk("data: "
                "{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"" +
                secret + "\"}}\n\n|") +
          chunk("data: "
                "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":"
                "{\"output_tokens\":15}}\n\n|") +
          chunk(""),
      {"request says: chat anthropic asked c-1", "stream of sse",
       "response says: chat anthropic model c-1 in 25 out 1", "event end @1",
       "response says: chat anthropic model c-1 in 25 out 15"});
  add("names and numbers that are none", post("/v1/chat/completions", R"({"model":"a b"})"),
      sized(R"({"model":"<script>","usage":{"prompt_tokens":-1,"completion_tokens":1.5,)"
            R"("input_tokens":1234567890123,"output_tokens":"3"}})"),
      {});
  return resolve_all(std::move(all));
}

}  // namespace tailwhy::test
