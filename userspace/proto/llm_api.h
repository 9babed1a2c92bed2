// Which requests of HTTP ask a language model, by their path: OpenAI's interface, which vLLM,
// llama.cpp and many others serve, and those of llama.cpp, TGI, Ollama and Anthropic. A path is
// only a hint: what is told of an exchange is what its bodies say. Knows nothing of bodies.
#pragma once

#include <string_view>

namespace tailwhy {

struct LlmApi {
  std::string_view path;       // what the path ends with
  std::string_view operation;  // gen_ai.operation.name
  std::string_view provider;   // gen_ai.provider.name: whose interface it is
};

// By the path of a POST, as a route template (proto/route.h); null: none.
[[nodiscard]] const LlmApi* llm_api(std::string_view path);

}  // namespace tailwhy
