// What the head of a response says of its body, by two of its lines: Content-Type and
// Content-Encoding (RFC 9110, 8.3 and 8.4). For heads that nobody reads otherwise: it goes over
// their text once. Knows nothing of the other lines, or of how the body is framed.
#pragma once

#include "base/inline_text.h"
#include "model/stream.h"

#include <cstddef>
#include <string_view>

namespace tailwhy {

// What streams of this media type are made of. Parameters do not matter, nor does the case.
[[nodiscard]] StreamKind stream_kind(std::string_view content_type);

class ContentHeaders {
 public:
  // The next piece of a head, which is cut anywhere. Of a line, only its first bytes matter.
  void read(std::string_view text);

  [[nodiscard]] StreamKind kind() const { return kind_; }
  // The body is compressed, or otherwise not what the type says.
  [[nodiscard]] bool encoded() const { return encoded_; }

 private:
  void read_line(std::string_view line);

  static constexpr std::size_t kLineBytes = 80;
  InlineText<kLineBytes> line_;  // whose end has not come yet
  StreamKind kind_ = StreamKind::None;
  bool encoded_ = false;
  bool settled_ = false;  // whatever follows, it is no stream
};

}  // namespace tailwhy
