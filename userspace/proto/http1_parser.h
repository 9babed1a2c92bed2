// The parser of one HTTP/1 connection: the class behind the row in http1.h, for the files that
// implement it. http1.cpp goes through bytes, http1_heads.cpp reads heads and says what they say.
#pragma once

#include "proto/content_headers.h"
#include "proto/event_reader.h"
#include "proto/http1_read.h"
#include "proto/http1_state.h"
#include "proto/parser.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace tailwhy::http1 {

// The bytes of one call, and how far they are read.
struct Input {
  Side side = Side::Request;
  std::uint64_t offset = 0;  // of `first` in the stream
  const char* first = nullptr;
  const char* end = nullptr;
  ParseOutput& out;
  ParseOutput* secrets = out.want_secrets ? &out : nullptr;
  const char* at = first;
  std::optional<PartialHead> fresh{};  // of a head that begins in these bytes; most end here, too
  PartialHead* head = nullptr;         // of the request being read

  [[nodiscard]] std::uint64_t position() const {
    return offset + static_cast<std::uint64_t>(at - first);
  }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(end - at); }
  [[nodiscard]] Context context(Half& h) { return {h.cursor, head, secrets, first, nullptr}; }
  // Goes over bytes of a body, or of what nothing is known about.
  void pass_secret(std::size_t size) {
    if (secrets != nullptr) add_secret(*secrets, static_cast<std::size_t>(at - first), size);
    at += size;
  }
};

// llhttp reads heads and the framing of chunks; bodies are counted here, so that bytes that were
// not captured cost nothing, and lose nothing while the framing is known. Each message gets a fresh
// llhttp: nothing of a broken one lives on.
class Http1Parser final : public Parser {
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
  void start_unsynchronised(Side side) override { half(side).state = State::Lost; }

 private:
  Half& half(Side side) { return halves_[side == Side::Response]; }

  void read(Input& in, Half& h);
  void probe(Input& in, Half& h);
  void read_held(Input& next, Half& h);
  void settle(Half& h, Side side, std::uint64_t offset, ParseOutput& out);
  void begin_message(Input& in, Half& h);
  void read_head(Input& in, Half& h);
  void read_method(Input& in, Half& h);
  void end_request_head(Input& in, Half& h);
  void end_response_head(Input& in, Half& h, std::string_view head);
  void begin_body(Input& in, Half& h);
  void read_chunks(Input& in, Half& h);
  void read_gap(Input& in, Half& h);
  void fail(Input& in, Half& h);
  void skip_unseen(Half& h, Side side, std::uint64_t offset, std::uint64_t size, ParseOutput& out);

  // Bodies that somebody reads (http1_bodies.cpp). Nearly all are nobody's.
  std::unique_ptr<EventReader>& reader(Side side) { return readers_[side == Side::Response]; }
  // Goes over bytes of a body.
  void pass_content(Input& in, std::size_t size) {
    if (reader(in.side) == nullptr) {
      in.pass_secret(size);
    } else {
      read_content(in, size);
    }
  }
  // Bytes from `offset` on are not read.
  void miss_content(Side side, std::uint64_t offset, ParseOutput& out) {
    if (reader(side) != nullptr) reader(side)->skip(offset, out);
  }
  // No more bytes will be.
  void end_content(Side side, std::uint64_t offset, ParseOutput& out) {
    if (reader(side) != nullptr) finish_content(side, offset, out);
  }
  void read_content(Input& in, std::size_t size);
  void finish_content(Side side, std::uint64_t offset, ParseOutput& out);
  void read_request_body(const Half& h);
  void read_response_body(std::string_view head,
                          const LlmApi* api,
                          std::uint64_t offset,
                          ParseOutput& out);

  void emit_request_head(const Half& h, PartialHead* head, std::uint64_t offset, ParseOutput& out);
  [[nodiscard]] bool is_final(unsigned status) const;
  [[nodiscard]] bool switches_to(Upgrade upgrade, unsigned status) const;
  void begin_response(Half& h, ParseOutput& out);
  void hand_on();
  void expect_answer(const Half& h);
  void forget_connect();
  bool answer(Half& h, std::uint64_t offset, ParseOutput& out);
  void end_message(Half& h, Side side, std::uint64_t offset, EndRule rule, ParseOutput& out);
  void lose(Half& h,
            Side side,
            std::uint64_t offset,
            PartialHead* head,
            bool malformed,
            ParseOutput& out);

  std::array<Half, 2> halves_{};
  Outstanding outstanding_;
  bool connect_ = false;                      // the last outstanding request is CONNECT
  Upgrade upgrade_ = Upgrade::None;           // that it asks for
  std::unique_ptr<PartialHead> partial_;      // of a request whose head came only in part
  const LlmApi* llm_ = nullptr;               // that the last outstanding request asks; null: none
  std::unique_ptr<ContentHeaders> cut_head_;  // of a response's head that came only in part
  std::array<std::unique_ptr<EventReader>, 2> readers_;  // of bodies, of both sides
};

}  // namespace tailwhy::http1
