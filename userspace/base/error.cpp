// Error values and the two tables behind them: code -> exit status, errno -> code.
// Must not know about streams or the command line.
#include "base/error.h"

#include <cerrno>
#include <cstring>
#include <utility>

namespace tailwhy {
namespace {

ErrorCode code_of_errno(int err) noexcept {
  switch (err) {
    case EPERM:
    case EACCES:
      return ErrorCode::Permission;
    case ENOENT:
    case ESRCH:
      return ErrorCode::NotFound;
    case ENOSYS:
    case EOPNOTSUPP:
      return ErrorCode::Unsupported;
    case EIO:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EROFS:
    case EPIPE:
      return ErrorCode::Io;
    default:
      return ErrorCode::Runtime;
  }
}

// Unlike strerror() the two GNU calls give constants: no shared buffer, no translation.
std::string text_of_errno(int err) {
  const char* name = strerrorname_np(err);
  const char* description = strerrordesc_np(err);
  if (name == nullptr || description == nullptr) return "error " + std::to_string(err);
  return std::string(description) + " (" + name + ")";
}

}  // namespace

int exit_code(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::Runtime:
    case ErrorCode::Corrupt:
    case ErrorCode::Io:
      return 1;
    case ErrorCode::Usage:
      return 2;
    case ErrorCode::NotFound:
      return 3;
    case ErrorCode::Permission:
    case ErrorCode::Unsupported:
      return 4;
    case ErrorCode::Gate:
      return 5;
    case ErrorCode::Loss:
      return 6;
  }
  return 1;
}

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::Runtime:
      return "runtime";
    case ErrorCode::Usage:
      return "usage";
    case ErrorCode::NotFound:
      return "not_found";
    case ErrorCode::Permission:
      return "permission";
    case ErrorCode::Unsupported:
      return "unsupported";
    case ErrorCode::Gate:
      return "gate";
    case ErrorCode::Loss:
      return "loss";
    case ErrorCode::Corrupt:
      return "corrupt";
    case ErrorCode::Io:
      return "io";
  }
  return "runtime";
}

Error::Error(ErrorCode code, std::string message, std::string hint)
    : code_(code), message_(std::move(message)), hint_(std::move(hint)) {}

Error::Error(const Error& other) = default;
Error::Error(Error&& other) noexcept = default;
Error& Error::operator=(const Error& other) = default;
Error& Error::operator=(Error&& other) noexcept = default;
Error::~Error() = default;

Error Error::from_errno(std::string_view what, int err) {
  return from_errno(what, err, code_of_errno(err));
}

Error Error::from_errno(std::string_view what, int err, ErrorCode code) {
  return {code, std::string(what) + ": " + text_of_errno(err)};
}

Error Error::wrap(std::string_view context) const& {
  return Error(*this).wrap(context);
}

Error Error::wrap(std::string_view context) && {
  message_.insert(0, std::string(context) + ": ");
  return std::move(*this);
}

Error Error::with_hint(std::string hint) const& {
  return Error(*this).with_hint(std::move(hint));
}

Error Error::with_hint(std::string hint) && {
  hint_ = std::move(hint);
  return std::move(*this);
}

Error Error::with_code(ErrorCode code) const& {
  return Error(*this).with_code(code);
}

Error Error::with_code(ErrorCode code) && {
  code_ = code;
  return std::move(*this);
}

std::string Error::to_string() const {
  std::string line = message_;
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return line;
}

}  // namespace tailwhy
