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

}  // namespace tailwhy
