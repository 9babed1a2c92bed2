// How a process name on the command line is matched against a comm.
// Pure: must not read /proc.
#pragma once

#include "base/result.h"

#include <memory>
#include <regex.h>
#include <string>
#include <string_view>

namespace tailwhy {

/// `nginx` matches exactly that name; `/^nginx|php-fpm/` is a POSIX extended regular expression (as
/// pgrep takes) that may match anywhere in it. Slashes and not a leading `~`: shells turn `~nginx`
/// into the home of user nginx.
///
/// The kernel keeps 15 bytes of a name, so an exact name that is longer is compared by its
/// first 15.
class NamePattern {
 public:
  /// Usage error: empty, or an expression that does not compile.
  static Result<NamePattern> parse(std::string_view text);

  bool matches(std::string_view comm) const;

 private:
  struct RegexFree {
    void operator()(regex_t* regex) const noexcept;
  };
  using Regex = std::unique_ptr<regex_t, RegexFree>;

  NamePattern(std::string exact, Regex regex);

  std::string exact_;  // when there is no expression
  Regex regex_;
};

}  // namespace tailwhy
