// The parser of one HTTP/2 connection: the class behind the row in http2.h, for the files that
// implement it. http2.cpp goes through bytes, http2_streams.cpp says what they are to a stream.
#pragma once

#include "proto/event_reader.h"
#include "proto/grpc_messages.h"
#include "proto/http2_fields.h"
#include "proto/http2_frame.h"
#include "proto/http2_hpack.h"
#include "proto/parser.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>

namespace tailwhy::http2 {

inline constexpr std::size_t kMostStreams = 1024;

// The bytes of one call, and how far they are read.
struct Input {
  Side side = Side::Request;
  std::uint64_t offset = 0;  // of `first` in the stream
  const char* first = nullptr;
  const char* end = nullptr;
  ParseOutput& out;
  const char* at = first;
  // Headers of frames by which the place was found: a recording keeps them, whatever they are.
  FoundFrames found{};

  [[nodiscard]] std::uint64_t position() const {
    return offset + static_cast<std::uint64_t>(at - first);
  }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(end - at); }
  void hide(const char* from, std::size_t bytes);
  // Goes over bytes that a recording must not contain.
  void pass_secret(std::size_t bytes) {
    hide(at, bytes);
    at += bytes;
  }
};

enum class State : std::uint8_t {
  Start,    // nothing was seen of this side: a preface, or a frame
  Preface,  // in it
  Header,   // of a frame
  Payload,
  Lost,  // until fed bytes begin with frames
  Done,  // no more bytes, or nobody's
};

// One side of the connection.
struct Half {
  explicit Half(Side side) : headers(side) {}

  HeaderReader headers;
  std::unique_ptr<Fields> fields;  // of the block that is being read
  FrameHeader frame;
  std::uint64_t frame_begin = 0;   // stream offset; what was told so far is of bytes before it
  std::uint64_t block_begin = 0;   // of the HEADERS frame of the block that is being read
  std::uint64_t data_told = 0;     // events within a DATA frame were told up to here
  std::uint32_t left = 0;          // bytes of the payload
  std::uint32_t padding = 0;       // of what is left
  std::uint32_t block_stream = 0;  // 0: no block is being read
  std::uint32_t losses = 0;        // times that the place was lost
  State state = State::Start;
  std::uint8_t filled = 0;    // bytes of `start`
  std::uint8_t prefix = 0;    // of the payload: bytes before content that are still to come
  bool first_frame = false;   // nothing before it said that it is one
  bool holes = false;         // of the payload, not all was seen
  bool block_opens = false;   // its stream
  bool block_ends = false;    // its stream, or that side of it
  bool block_pushed = false;  // it is of a PUSH_PROMISE

  // Where what was not told yet begins.
  [[nodiscard]] std::uint64_t untold() const {
    return block_stream != 0 ? block_begin : std::max(frame_begin, data_told);
  }
  std::array<char, kFrameHeaderBytes> start{};  // of a frame's header, or of a short payload
};

// What is known of a stream that is open on some side.
struct OpenStream {
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;
  // Each side's losses when a frame of it was seen last: since then it may have ended unseen.
  std::array<std::uint32_t, 2> seen_at{};
  std::array<GrpcMessages, 2> messages{};                 // of a call, by side
  std::array<std::unique_ptr<EventReader>, 2> readers{};  // of bodies that somebody reads, by side
  const LlmApi* llm = nullptr;                            // that it asks; null: none
  Grpc grpc = Grpc::No;
  bool body_known = false;  // what the response's is made of
  bool request_ended = false;
  bool response_begun = false;
  bool response_ended = false;

  // Its DATA frames of that side are of a message that is told.
  [[nodiscard]] bool has_body(Side side) const {
    return side == Side::Request ? !request_ended : response_begun && !response_ended;
  }
};

class Http2Parser final : public Parser {
 public:
  void feed(Side side,
            std::uint64_t offset,
            std::span<const std::byte> bytes,
            ParseOutput& out) override;
  void skip(Side side,
            std::uint64_t offset,
            std::uint64_t size,
            std::span<const std::byte> tail,
            ParseOutput& out) override;
  void finish(Side side, std::uint64_t offset, ParseOutput& out) override;
  void turn(Side side, std::uint64_t offset, ParseOutput& out) override;
  void start_unsynchronised(Side side) override;

 private:
  Half& half(Side side) { return halves_[side == Side::Response]; }

  void read(Input& in, Half& h);
  void read_preface(Input& in, Half& h);
  void read_frame_header(Input& in, Half& h);
  void begin_frame(Input& in, Half& h);
  void read_payload(Input& in, Half& h);
  void read_prefix(Input& in, Half& h);
  void read_content(Input& in, Half& h, std::size_t size);
  void read_number(Input& in, Half& h, std::size_t size);
  void end_frame(Half& h, Side side, std::uint64_t end, ParseOutput& out);
  void skip_unseen(Half& h, Side side, std::uint64_t offset, std::uint64_t size, ParseOutput& out);
  void find_place(Input& in, Half& h);
  void fail(Input& in, Half& h);
  void lose(Half& h, Side side, std::uint64_t offset, ParseOutput& out);

  // What frames are to their streams.
  OpenStream* stream(std::uint32_t id);
  void open_stream(Half& h, ParseOutput& out);
  bool make_room(ParseOutput& out);
  void end_only_stream(ParseOutput& out);
  void adopt_upgraded(std::uint32_t id);
  void begin_block(Half& h, Side side, ParseOutput& out);
  void end_block(Half& h, Side side, std::uint64_t end, bool lost, ParseOutput& out);
  void on_response_block(Half& h, OpenStream& s, std::uint64_t end, ParseOutput& out);
  void count_frame(const Half& h, Side side);
  void on_data_begin(Half& h, Side side, ParseOutput& out);
  void on_reset(std::uint32_t id, Side side, std::uint64_t end, bool refused, ParseOutput& out);
  void on_go_away(std::uint32_t last, std::uint64_t end, ParseOutput& out);
  void end_side(std::uint32_t id, Side side, std::uint64_t end, ParseOutput& out);
  void end_unasked(std::uint32_t id, std::uint64_t end, ParseOutput& out) const;
  void begin_response(std::uint32_t id, OpenStream& s, std::uint64_t offset, ParseOutput& out);
  void end_request(std::uint32_t id, OpenStream& s, std::uint64_t end, ParseOutput& out);
  void end_response(std::uint32_t id,
                    OpenStream& s,
                    std::uint64_t end,
                    EndRule rule,
                    Failure failure,
                    ParseOutput& out);
  void close_if_ended(std::uint32_t id, const OpenStream& s);
  // Bodies that somebody reads (http2_bodies.cpp).
  void read_data(Input& in, Half& h, std::size_t size);
  void read_content_of(Input& in, OpenStream& s, std::uint32_t id, std::size_t size);
  void miss_data(Half& h, Side side, std::uint64_t offset, std::uint64_t size, ParseOutput& out);
  static void miss_all(
      OpenStream& s, std::uint32_t id, Side side, std::uint64_t offset, ParseOutput& out);
  static void read_response_body(const Fields& fields,
                                 OpenStream& s,
                                 std::uint32_t id,
                                 std::uint64_t offset,
                                 ParseOutput& out);
  static void end_content(OpenStream& s, Side side, std::uint64_t offset, ParseOutput& out);
  [[nodiscard]] bool may_have_ended(const OpenStream& s, Side side) const;

  std::array<Half, 2> halves_{Half(Side::Request), Half(Side::Response)};
  std::unordered_map<std::uint32_t, OpenStream> streams_;
  std::uint32_t first_stream_ = 0;  // the lowest that was opened; 0: none yet
  std::uint32_t last_stream_ = 0;   // the highest
  std::uint32_t longest_frame_ = kFrameBytes;
  std::uint32_t made_room_at_ = 0;  // the losses of responses then
  bool full_ = false;               // and it was told
  bool confirmed_ = false;          // it is HTTP/2
  bool first_opened_ = false;       // stream 1, by HEADERS or by an upgrade
  bool met_in_the_middle_ = false;
};

}  // namespace tailwhy::http2
