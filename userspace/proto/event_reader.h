// Reads the body of a response that is a stream of events, or of a request to or an answer of a
// language model: tells where each event that has data ends, and what the model's JSON says
// (llm_json.h). The body comes in pieces, cut anywhere; its framing is the caller's. Memory is
// bounded, and whatever is not read is hidden.
#pragma once

#include "proto/llm_api.h"
#include "proto/llm_json.h"
#include "proto/parser.h"

#include <cstdint>
#include <string_view>

namespace tailwhy {

class EventReader {
 public:
  // Some bytes of a body, and where what they say goes.
  struct Piece {
    std::uint64_t offset;  // in the stream of its side
    std::string_view text;
    ParseOutput& out;
    LlmJson::Hide hide;
  };

  // `kind` None: the body is one document. `api` null: nothing is asked of what the data is.
  EventReader(Side side, std::uint64_t stream_id, StreamKind kind, const LlmApi* api);
  EventReader(const EventReader&) = delete;
  EventReader& operator=(const EventReader&) = delete;

  void read(const Piece& piece);
  // Some bytes were not seen. `offset`: of the first.
  void skip(std::uint64_t offset, ParseOutput& out);
  // What comes next is of a later call than what was not seen: an event that had begun before that
  // may have ended within.
  void end_of_skipped();
  // The body has ended, or will not be seen any further.
  void finish(std::uint64_t offset, ParseOutput& out);

 private:
  enum class Line : std::uint8_t {
    Mark,   // a byte order mark may come
    Start,  // of a line
    Name,   // of a field
    Value,  // of the field "data"
    Other,  // whatever else, up to the end of the line
  };

  void read_events(const Piece& piece);
  void read_lines(const Piece& piece);
  void read_document(const Piece& piece);
  std::size_t read_mark(std::string_view text);
  std::size_t read_start(const Piece& piece, std::size_t at);
  std::size_t read_name(const Piece& piece, std::size_t at);
  std::size_t read_value(const Piece& piece, std::size_t at);
  std::size_t read_other(const Piece& piece, std::size_t at);
  void read_data(const Piece& piece, std::size_t at, std::size_t size);
  void begin_json();
  void end_event(std::uint64_t offset, ParseOutput& out);
  void tell_event(std::uint64_t offset, ParseOutput& out) const;
  void tell_facts(std::uint64_t offset, ParseOutput& out);

  GenAi facts_;
  LlmJson json_;
  std::uint64_t stream_id_;
  Side side_;
  StreamKind kind_;
  bool of_model_;
  Line line_ = Line::Mark;
  std::uint8_t matched_ = 0;      // bytes of the mark, or of the field's name
  std::uint8_t done_ = 0;         // bytes of the end mark, from the data's first byte on
  bool after_cr_ = false;         // a line feed belongs to the line before
  bool value_begun_ = false;      // of a field, and a blank that comes first is no part of it
  bool data_ = false;             // of the event: it has some
  bool more_data_ = false;        // of the event: a line of data was there before
  bool beyond_end_mark_ = false;  // of the event: its data is not the end mark
  bool lost_ = false;             // of the event: some bytes of it, or before it, were not seen
};

}  // namespace tailwhy
