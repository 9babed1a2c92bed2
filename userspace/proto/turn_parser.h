// The parser of what no other parser knows: an exchange is bytes of one side, then bytes of the
// other. An approximation, exact where one side waits for the other, and reported as protocol
// "unknown". Needs no payload, so it also serves encrypted and unreadable traffic.
#pragma once

#include "proto/parser.h"
#include "proto/tls_hello.h"

namespace tailwhy {

class TurnParser final : public Parser {
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
  /// Takes over from a parser that was mistaken: a request is outstanding.
  void resume_request(std::uint64_t offset);

 private:
  void read_hello(std::uint64_t offset, std::span<const std::byte> bytes, ParseOutput& out);
  void moved(Side side, std::uint64_t offset, std::uint64_t size, ParseOutput& out);
  void end_request(ParseOutput& out);
  void end_response(EndRule rule, ParseOutput& out);

  enum class State : std::uint8_t { Idle, Request, Response };
  State state_ = State::Idle;
  TlsHello hello_;  // of the first request
  std::uint64_t request_end_ = 0;
  std::uint64_t response_end_ = 0;
};

}  // namespace tailwhy
