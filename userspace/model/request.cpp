// Names of an exchange's enumerators as outputs spell them. Knows nothing of any output's format.
#include "model/request.h"

namespace tailwhy {

std::string_view to_string(RouteSource source) {
  switch (source) {
    case RouteSource::None:
      break;
    case RouteSource::Classified:
      return "classified";
    case RouteSource::Learned:
      return "learned";
    case RouteSource::Pattern:
      return "pattern";
  }
  return {};
}

std::string_view to_string(EndRule rule) {
  switch (rule) {
    case EndRule::None:
      return "none";
    case EndRule::Framing:
      return "framing";
    case EndRule::LastChunk:
      return "last_chunk";
    case EndRule::Upgrade:
      return "upgrade";
    case EndRule::DirectionReversal:
      return "direction_reversal";
    case EndRule::Close:
      return "close";
    case EndRule::Quiet:
      return "quiet";
  }
  return "none";
}

std::string_view to_string(Failure failure) {
  switch (failure) {
    case Failure::None:
    case Failure::ServerError:
      return {};
    case Failure::ClientAbort:
      return "client_abort";
    case Failure::ConnectionReset:
      return "connection_reset";
    case Failure::NoResponse:
      return "no_response";
    case Failure::Timeout:
      return "timeout";
  }
  return {};
}

Ns time_to_first_event(const Request& request) {
  if (request.stream == nullptr || request.start() == 0) return 0;
  const Ns first = request.stream->times.first_event;
  return first > request.start() ? first - request.start() : 0;
}

Ns time_to_first_token(const Request& request) {
  if (request.stream == nullptr || !request.stream->gen_ai.output_known) return 0;
  return request.failed() || request.client_error ? 0 : time_to_first_event(request);
}

Ns time_per_output_token(const Request& request) {
  const Ns first = time_to_first_token(request);
  if (first == 0 || request.stream->gen_ai.output_tokens < 2) return 0;
  const Ns duration = request.duration();
  return duration > first ? (duration - first) / (request.stream->gen_ai.output_tokens - 1) : 0;
}

}  // namespace tailwhy
