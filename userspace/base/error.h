// What went wrong, as a value: a code that decides the exit status, one line that says what we were
// doing and what failed, and a hint that says what the user can do. Knows nothing of who prints it.
#pragma once

#include <string>
#include <string_view>

namespace tailwhy {

/// Why an operation failed, as coarse as the caller can act on it.
enum class ErrorCode {
  Runtime,      ///< anything else
  Usage,        ///< the command line or a setting is wrong
  NotFound,     ///< the target (process, file) does not exist or left before it gave data
  Permission,   ///< the kernel or the file system said no
  Unsupported,  ///< this kernel, or this build, cannot do it
  Gate,         ///< a condition the user set (`--fail-if`) was not met
  Loss,         ///< more was lost than the user allows (`--max-loss`)
  Corrupt,      ///< input that is not what it claims to be
  Io,           ///< reading or writing failed
};

/// The exit status of a process that ends with this error (the table of the man page).
int exit_code(ErrorCode code) noexcept;

/// Stable lower-case word for logs ("not_found").
std::string_view to_string(ErrorCode code) noexcept;

/// An error with its context chain. Cheap to move; made on failure paths only.
class [[nodiscard]] Error {
 public:
  /// `message` reads "what we were doing: what failed"; `hint` is a sentence for the user.
  Error(ErrorCode code, std::string message, std::string hint = {});

  // Not inline: every Result<T> would carry the code of two strings, and GCC 12 at -O2 takes their
  // absence in a Result that holds a value for a use of uninitialised memory.
  Error(const Error& other);
  Error(Error&& other) noexcept;
  Error& operator=(const Error& other);
  Error& operator=(Error&& other) noexcept;
  ~Error();

  /// The message is "what: text of err (NAME)"; the code follows from err.
  static Error from_errno(std::string_view what, int err);
  /// The same where the caller knows better what the errno means here.
  static Error from_errno(std::string_view what, int err, ErrorCode code);

  ErrorCode code() const noexcept { return code_; }
  const std::string& message() const noexcept { return message_; }
  const std::string& hint() const noexcept { return hint_; }

  /// The same error with "context: " before its message.
  Error wrap(std::string_view context) const&;
  Error wrap(std::string_view context) &&;

  /// The same error with this hint instead of its own.
  Error with_hint(std::string hint) const&;
  Error with_hint(std::string hint) &&;

  /// The same error with another code.
  Error with_code(ErrorCode code) const&;
  Error with_code(ErrorCode code) &&;

  /// The message on one line: line breaks become spaces. The hint is not part of it.
  std::string to_string() const;

 private:
  ErrorCode code_;
  std::string message_;
  std::string hint_;
};

}  // namespace tailwhy
