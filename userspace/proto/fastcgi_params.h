// The stream of variables of a FastCGI request (FastCGI Specification 1.0, 3.4): their lengths,
// names and values, cut anywhere. Memory: one name. Knows nothing of records.
#pragma once

#include "base/inline_text.h"
#include "proto/cgi.h"

#include <cstdint>

namespace tailwhy::fastcgi {

class Params {
 public:
  explicit Params(const RoutePatterns* routes = nullptr) : variables_(routes) {}

  /// False: a recording must not hold this byte. What is said of it depends on those before it.
  bool step(char c);
  /// Bytes were not captured: no further variable can be read.
  void lose() { part_ = Part::Lost; }
  [[nodiscard]] cgi::Variables& variables() { return variables_; }

 private:
  enum class Part : std::uint8_t { NameSize, ValueSize, Name, Value, Lost };
  bool step_size(char c);
  void begin_name();
  void begin_value();
  void begin_pair();

  cgi::Variables variables_;
  InlineText<20> name_;  // longer ones are none of ours
  Part part_ = Part::NameSize;
  std::uint8_t size_bytes_ = 0;  // that are still to come of the length that is being read
  std::uint32_t size_ = 0;       // as far as it was read
  std::uint32_t name_left_ = 0;
  std::uint32_t value_left_ = 0;
};

}  // namespace tailwhy::fastcgi
