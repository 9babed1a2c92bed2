// What protocols between a web server and an application have from CGI (RFC 3875): variables that
// say what is asked, and the head of an answer. Bytes come one after the other, cut anywhere. Knows
// nothing of how a protocol frames them.
#pragma once

#include "base/inline_text.h"
#include "model/request.h"
#include "proto/parser.h"
#include "proto/route.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tailwhy::cgi {

/// The variables that are read (RFC 3875, 4.1, and the REQUEST_URI that all servers add).
enum class Name : std::uint8_t {
  Other,
  Method,
  Uri,
  Script,
  ContentLength,
  TraceParent,
  RequestId,
};
[[nodiscard]] Name name_of(std::string_view text);

/// The variables of one request, as far as they were taken.
class Variables {
 public:
  /// `routes`: as in ParseOutput.
  explicit Variables(const RoutePatterns* routes = nullptr) : uri_(routes), script_(routes) {}

  /// A variable of that name begins; its value comes byte by byte. end() ends it.
  void begin(Name name);
  /// False: a recording must not hold this byte. What is said of it depends on those before it.
  bool step(char c);
  void end();

  /// What they say of the request: its route is that of REQUEST_URI, else of SCRIPT_NAME.
  [[nodiscard]] RequestHead head();
  /// CONTENT_LENGTH; nothing: it was not there, or is no number. Empty means 0.
  [[nodiscard]] std::optional<std::uint64_t> content_length() const { return content_length_; }

 private:
  // Where a path's letters are secret: from its query on, and in parameters of a segment.
  enum class Path : std::uint8_t { Begin, Open, Parameter, Secret, None };
  bool step_path(RouteBuilder& route, char c);

  Name name_ = Name::Other;
  Path path_ = Path::Begin;
  bool uri_known_ = false;
  bool script_known_ = false;
  InlineText<64> value_;  // of those that are no path
  Method method_;
  RouteBuilder uri_;
  RouteBuilder script_;
  TraceContext trace_;
  RequestId request_id_;
  std::optional<std::uint64_t> content_length_;
};

/// The head of an answer: the header fields of RFC 3875, 6, or HTTP's with a status line.
class AnswerHead {
 public:
  /// False: a recording must not hold this byte. What is said of it depends on those before it.
  bool step(char c);
  /// The blank line was read.
  [[nodiscard]] bool over() const { return part_ == Part::Body; }
  /// 0: not known. Not before it is over, but where it comes in the first line.
  [[nodiscard]] std::uint16_t status() const;
  [[nodiscard]] ResponseHead response() const;

 private:
  enum class Part : std::uint8_t { Name, Version, Digits, Value, Body };
  bool step_name(char c);
  void end_line();

  Part part_ = Part::Name;
  std::uint8_t candidates_ = 0xff;  // a bit for each name that the line may still begin with
  std::uint8_t at_ = 0;             // bytes of the name
  std::uint8_t digits_ = 0;
  bool first_line_ = true;
  bool empty_ = true;  // the line, so far
  bool location_ = false;
  bool status_seen_ = false;
  std::uint16_t status_ = 0;
  std::uint16_t size_ = 0;
};

}  // namespace tailwhy::cgi
