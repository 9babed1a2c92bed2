#include "model/stream.h"

namespace tailwhy {

std::string_view to_string(StreamKind kind) {
  switch (kind) {
    case StreamKind::None:
      return "";
    case StreamKind::Events:
      return "sse";
    case StreamKind::Lines:
      return "json_lines";
    case StreamKind::Messages:
      return "grpc";
  }
  return "";
}

void GenAi::merge(const GenAi& other) {
  operation = other.operation;
  provider = other.provider;
  if (!other.request_model.empty()) request_model = other.request_model;
  if (!other.response_model.empty()) response_model = other.response_model;
  if (other.input_known) input_tokens = other.input_tokens;
  if (other.output_known) output_tokens = other.output_tokens;
  input_known = input_known || other.input_known;
  output_known = output_known || other.output_known;
}

}  // namespace tailwhy
