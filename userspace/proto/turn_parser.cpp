#include "proto/turn_parser.h"

namespace tailwhy {

void TurnParser::end_request(ParseOutput& out) {
  out.tell(Message::Kind::RequestEnd, Side::Request, request_end_);
}

void TurnParser::end_response(EndRule rule, ParseOutput& out) {
  out.tell(Message::Kind::ResponseEnd, Side::Response, response_end_).end_rule = rule;
  state_ = State::Idle;
}

void TurnParser::moved(Side side, std::uint64_t offset, std::uint64_t size, ParseOutput& out) {
  if (size == 0) return;
  if (side == Side::Request) {
    if (state_ == State::Response) end_response(EndRule::DirectionReversal, out);
    if (state_ == State::Idle) {
      out.tell(Message::Kind::RequestBegin, side, offset);
      state_ = State::Request;
    }
    request_end_ = offset + size;
    return;
  }
  if (state_ == State::Request) {
    end_request(out);
    out.tell(Message::Kind::ResponseBegin, side, offset);
    state_ = State::Response;
  }
  response_end_ = offset + size;  // while idle: a greeting, which answers nothing
}

void TurnParser::feed(Side side,
                      std::uint64_t offset,
                      std::span<const std::byte> bytes,
                      ParseOutput& out) {
  moved(side, offset, bytes.size(), out);
  if (side == Side::Request && !hello_.over()) return read_hello(offset, bytes, out);
  out.hide_all(bytes.size());
}

void TurnParser::read_hello(std::uint64_t offset,
                            std::span<const std::byte> bytes,
                            ParseOutput& out) {
  ByteCursor in(Side::Request, offset, bytes, out);
  hello_.read(in);
  if (!hello_.server_name().empty() && hello_.over()) {
    in.emit(Message::Kind::RequestHead, in.position()).request.server_name = hello_.server_name();
  }
  in.hide(in.rest().size());
}

void TurnParser::skip(Side side,
                      std::uint64_t offset,
                      std::uint64_t size,
                      std::span<const std::byte> /*tail*/,
                      ParseOutput& out) {
  if (side == Side::Request) hello_.lose();
  moved(side, offset, size, out);
}

void TurnParser::finish(Side side, std::uint64_t /*offset*/, ParseOutput& out) {
  if (side == Side::Response && state_ == State::Response) end_response(EndRule::Close, out);
}

void TurnParser::turn(Side side, std::uint64_t /*offset*/, ParseOutput& out) {
  if (side == Side::Response) hello_.lose();
  if (side == Side::Request && state_ == State::Response) {
    end_response(EndRule::DirectionReversal, out);
  }
}

void TurnParser::resume_request(std::uint64_t offset) {
  state_ = State::Request;
  request_end_ = offset;
}

void TurnParser::start_unsynchronised(Side /*side*/) {}

}  // namespace tailwhy
