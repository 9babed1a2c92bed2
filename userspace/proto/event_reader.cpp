// text/event-stream by WHATWG HTML 9.2.6, and JSON by lines or whole. See the header.
#include "proto/event_reader.h"

#include <algorithm>

namespace tailwhy {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kData = "data";
constexpr std::string_view kEndMark = "[DONE]";  // of OpenAI's streams: no event of a client's
constexpr std::uint8_t kNoName = 0xff;
constexpr std::string_view kLineEnds = "\r\n";

void hide(const EventReader::Piece& piece, std::size_t at, std::size_t size) {
  if (size > 0 && piece.hide.call != nullptr)
    piece.hide.call(piece.hide.owner, piece.text.data() + at, size);
}

bool ends_line(char c) {
  return c == '\r' || c == '\n';
}

}  // namespace

EventReader::EventReader(Side side, std::uint64_t stream_id, StreamKind kind, const LlmApi* api)
    : json_(side == Side::Request ? LlmJson::Node::Request : LlmJson::Node::Response, facts_),
      stream_id_(stream_id),
      side_(side),
      kind_(kind),
      of_model_(api != nullptr) {
  json_.reset();
  if (api == nullptr) return;
  facts_.operation = api->operation;
  facts_.provider = api->provider;
}

void EventReader::read(const Piece& piece) {
  switch (kind_) {
    case StreamKind::Events:
      return read_events(piece);
    case StreamKind::Lines:
      return read_lines(piece);
    default:
      return read_document(piece);
  }
}

void EventReader::skip(std::uint64_t offset, ParseOutput& out) {
  json_.lose();
  if (kind_ == StreamKind::None) return;
  lost_ = true;
  line_ = Line::Other;
  after_cr_ = false;
  out.tell(Message::Kind::StreamGap, side_, offset, stream_id_);
}

void EventReader::end_of_skipped() {
  if (!lost_) return;
  data_ = false;
  json_.reset();
  json_.lose();
}

void EventReader::read_events(const Piece& piece) {
  const std::string_view text = piece.text;
  std::size_t at = 0;
  while (at < text.size()) {
    switch (line_) {
      case Line::Mark:
        at += read_mark(text.substr(at));
        break;
      case Line::Start:
        at = read_start(piece, at);
        break;
      case Line::Name:
        at = read_name(piece, at);
        break;
      case Line::Value:
        at = read_value(piece, at);
        break;
      case Line::Other:
        at = read_other(piece, at);
        break;
    }
  }
}

// What begins like the mark and is none is a field's name that nobody knows.
std::size_t EventReader::read_mark(std::string_view text) {
  if (text.front() == kByteOrderMark[matched_]) {
    if (++matched_ == kByteOrderMark.size()) line_ = Line::Start;
    return 1;
  }
  line_ = matched_ == 0 ? Line::Start : Line::Other;
  return 0;
}

std::size_t EventReader::read_start(const Piece& piece, std::size_t at) {
  const char c = piece.text[at];
  const bool rest_of_line_end = after_cr_ && c == '\n';
  after_cr_ = false;
  if (rest_of_line_end) return at + 1;
  if (ends_line(c)) {
    after_cr_ = c == '\r';
    end_event(piece.offset + at + 1, piece.out);
    return at + 1;
  }
  if (c == ':') {
    line_ = Line::Other;
    return at + 1;
  }
  line_ = Line::Name;
  matched_ = 0;
  return at;
}

std::size_t EventReader::read_name(const Piece& piece, std::size_t at) {
  const char c = piece.text[at];
  const bool is_data = matched_ == kData.size();
  if (c == ':') {
    line_ = is_data ? Line::Value : Line::Other;
    value_begun_ = false;
    return at + 1;
  }
  if (ends_line(c)) {  // a name alone: its value is empty
    line_ = Line::Other;
    if (is_data) more_data_ = true;
    return at;
  }
  if (matched_ < kData.size() && c == kData[matched_]) {
    ++matched_;
    return at + 1;
  }
  matched_ = kNoName;
  hide(piece, at, 1);
  return at + 1;
}

std::size_t EventReader::read_value(const Piece& piece, std::size_t at) {
  if (!value_begun_) {
    value_begun_ = true;
    if (more_data_) {  // lines of data are one text, with this between them
      begin_json();
      if (of_model_) json_.read("\n", {});
    }
    more_data_ = true;
    if (piece.text[at] == ' ') return at + 1;
  }
  const std::size_t end = std::min(piece.text.find_first_of(kLineEnds, at), piece.text.size());
  if (end > at) {
    data_ = true;
    read_data(piece, at, end - at);
  }
  if (end < piece.text.size()) line_ = Line::Other;
  return end;
}

// The end mark is looked for first: as far as the data is like it, it waits.
void EventReader::read_data(const Piece& piece, std::size_t at, std::size_t size) {
  while (size > 0 && !beyond_end_mark_) {
    if (done_ < kEndMark.size() && piece.text[at] == kEndMark[done_]) {
      ++done_;
      ++at;
      --size;
      continue;
    }
    begin_json();
  }
  if (size == 0) return;
  if (!of_model_) return hide(piece, at, size);
  const std::size_t read = json_.read(piece.text.substr(at, size), piece.hide);
  hide(piece, at + read, size - read);
}

// The data is not the end mark: it gets what waited.
void EventReader::begin_json() {
  if (beyond_end_mark_) return;
  beyond_end_mark_ = true;
  if (of_model_) json_.read(kEndMark.substr(0, done_), {});
}

std::size_t EventReader::read_other(const Piece& piece, std::size_t at) {
  const std::size_t end = std::min(piece.text.find_first_of(kLineEnds, at), piece.text.size());
  hide(piece, at, end - at);
  if (end == piece.text.size()) return end;
  after_cr_ = piece.text[end] == '\r';
  line_ = Line::Start;
  return end + 1;
}

// An empty line. Of an event that was not seen whole it is known that it has data if that was among
// what was seen.
void EventReader::end_event(std::uint64_t offset, ParseOutput& out) {
  const bool end_mark = done_ == kEndMark.size() && !beyond_end_mark_;
  const bool empty = of_model_ && !json_.has_output() && (json_.recognised() || lost_);
  if (data_ && !end_mark && !empty) tell_event(offset, out);
  tell_facts(offset, out);
  json_.reset();
  done_ = 0;
  data_ = false;
  more_data_ = false;
  beyond_end_mark_ = false;
  lost_ = false;
}

void EventReader::read_lines(const Piece& piece) {
  const std::string_view text = piece.text;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] == '\n') {
      json_.reset();
      line_ = Line::Start;
      ++at;
      continue;
    }
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (line_ == Line::Other) {  // what follows the document, or was begun unseen
      hide(piece, at, end - at);
      at = end;
      continue;
    }
    at += json_.read(text.substr(at, end - at), piece.hide);
    if (!json_.ended()) continue;
    line_ = Line::Other;
    const bool empty = of_model_ && !json_.has_output() && json_.recognised();
    if (!empty) tell_event(piece.offset + at, piece.out);
    tell_facts(piece.offset + at, piece.out);
  }
}

void EventReader::read_document(const Piece& piece) {
  const std::size_t read = json_.read(piece.text, piece.hide);
  hide(piece, read, piece.text.size() - read);
  if (json_.ended()) tell_facts(piece.offset + read, piece.out);
}

void EventReader::finish(std::uint64_t offset, ParseOutput& out) {
  tell_facts(offset, out);
}

void EventReader::tell_event(std::uint64_t offset, ParseOutput& out) const {
  out.tell(Message::Kind::StreamEvent, side_, offset, stream_id_);
}

void EventReader::tell_facts(std::uint64_t offset, ParseOutput& out) {
  if (!json_.take_changed()) return;
  out.tell(Message::Kind::GenAi, side_, offset, stream_id_).size = out.gen_ai.size();
  out.gen_ai.push_back(facts_);
}

}  // namespace tailwhy
