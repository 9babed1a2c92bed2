#include "proto/llm_api.h"

namespace tailwhy {
namespace {

// Longer ones before their own ends.
constexpr LlmApi kApis[] = {
    {"/chat/completions", "chat", "openai"},
    {"/completions", "text_completion", "openai"},
    {"/responses", "chat", "openai"},
    {"/embeddings", "embeddings", "openai"},
    {"/v1/messages", "chat", "anthropic"},
    {"/completion", "text_completion", "llama.cpp"},
    {"/generate_stream", "text_completion", "tgi"},
    {"/api/generate", "text_completion", "ollama"},
    {"/generate", "text_completion", "tgi"},
    {"/api/chat", "chat", "ollama"},
    {"/api/embed", "embeddings", "ollama"},
};

}  // namespace

const LlmApi* llm_api(std::string_view path) {
  constexpr std::string_view kLastLetters = "sneamtd";  // most paths of most servers end here
  if (path.size() < 9 || kLastLetters.find(path.back()) == std::string_view::npos) return nullptr;
  for (const LlmApi& api : kApis) {
    if (path.ends_with(api.path)) return &api;
  }
  return nullptr;
}

}  // namespace tailwhy
