// Response framing for the client. See the header.
#include "response_reader.h"

#include <algorithm>

namespace workload {

void ResponseReader::begin(bool head_only) {
  *this = {};
  state_ = State::Head;
  head_only_ = head_only;
}

std::size_t ResponseReader::feed(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && !done() && !broken()) {
    const std::string_view rest = bytes.substr(used);
    std::size_t now = rest.size();
    if (state_ == State::Head) {
      now = feed_head(rest);
    } else if (state_ == State::Body) {
      now = std::min<std::uint64_t>(left_, rest.size());
      left_ -= now;
      if (left_ == 0) state_ = State::Done;
    } else if (state_ == State::Chunks) {
      now = chunks_.feed(rest);
      if (chunks_.done()) state_ = State::Done;
      if (chunks_.broken()) state_ = State::Broken;
    }
    used += now;
  }
  bytes_ += used;
  return used;
}

std::size_t ResponseReader::feed_head(std::string_view bytes) {
  const std::size_t before = head_.size();
  head_.append(bytes);
  const std::size_t size = head_size(head_);
  if (size == 0) return bytes.size();
  head_.resize(size);
  parse_head();
  return size - before;
}

void ResponseReader::parse_head() {
  const std::string_view line = first_line(head_);
  const auto code = line.size() >= 12 ? number(line.substr(9, 3)) : std::nullopt;
  if (!line.starts_with("HTTP/1.") || !code) {
    state_ = State::Broken;
    return;
  }
  status_ = static_cast<unsigned>(*code);
  if (status_ / 100 == 1) {  // interim: the real one follows
    head_.clear();
    return;
  }
  const auto connection = header(head_, "connection");
  closes_ = has_token(connection, "close") ||
            (line.starts_with("HTTP/1.0") && !has_token(connection, "keep-alive"));
  if (head_only_ || status_ == 204 || status_ == 304) {
    state_ = State::Done;
  } else if (has_token(header(head_, "transfer-encoding"), "chunked")) {
    state_ = State::Chunks;
  } else if (const auto length = header(head_, "content-length")) {
    left_ = number(*length).value_or(0);
    state_ = left_ == 0 ? State::Done : State::Body;
  } else {
    closes_ = true;
    state_ = State::UntilClose;
  }
}

bool ResponseReader::at_close() {
  if (state_ == State::UntilClose) state_ = State::Done;
  return state_ == State::Done;
}

}  // namespace workload
