// Redis: the calls to its parser, and what is done about bytes that were not captured. Knows
// nothing of times, sockets or what becomes of the boundaries.
#include "proto/redis.h"

#include "proto/redis_detect.h"
#include "proto/redis_parser.h"

#include <memory>

namespace tailwhy {
namespace redis {

void RedisParser::feed(Side side,
                       std::uint64_t offset,
                       std::span<const std::byte> bytes,
                       ParseOutput& out) {
  ByteCursor in(side, offset, bytes, out);
  if (over_) return in.hide(in.rest().size());
  if (side == Side::Request) {
    read_requests(in);
  } else {
    read_replies(in);
  }
}

void RedisParser::skip(Side side,
                       std::uint64_t offset,
                       std::uint64_t size,
                       std::span<const std::byte> tail,
                       ParseOutput& out) {
  if (tail.size() > size) tail = tail.last(static_cast<std::size_t>(size));
  const std::uint64_t unseen = size - tail.size();
  if (unseen > 0 && !over_) {
    ByteCursor in(side, offset, {}, out);
    skip_unseen(in, unseen);
  }
  feed(side, offset + unseen, tail, out);
}

void RedisParser::skip_unseen(ByteCursor& in, std::uint64_t size) {
  const bool known =
      in.side() == Side::Request ? skip_in_argument(in, size) : skip_in_bulk(in, size);
  if (known) return;
  if (in.side() == Side::Request) {
    lose_requests(in, false);
  } else {
    lose_replies(in, false);
  }
}

void RedisParser::finish(Side side, std::uint64_t offset, ParseOutput& out) {
  if (over_) return;
  ByteCursor in(side, offset, {}, out);
  if (side == Side::Request) {
    ask_.state = Asking::State::Done;
    ask_.probe = false;
    return;
  }
  if (answer_.state == Answering::State::Gap) end_answer(in, offset, EndRule::Close);
  answer_.state = Answering::State::Done;
  answer_.probe = false;
}

void RedisParser::turn(Side side, std::uint64_t offset, ParseOutput& out) {
  if (over_) return;
  if (side == Side::Response) {
    answer_.probe = answer_.state == Answering::State::Lost && answer_.may_probe;
    return;
  }
  ask_.probe = ask_.state == Asking::State::Lost;
  if (answer_.state == Answering::State::Gap) {
    ByteCursor in(Side::Response, offset, {}, out);
    end_answer(in, answer_.end, EndRule::DirectionReversal);
    answer_.state = Answering::State::Type;
  } else if (answer_.state == Answering::State::Lost) {
    expected_.clear();  // all of it has been answered
    answer_.may_probe = true;
  }
}

void RedisParser::start_unsynchronised(Side side) {
  if (side == Side::Request) {
    ask_.state = Asking::State::Lost;
  } else {
    answer_.state = Answering::State::Lost;
  }
}

void RedisParser::admit_mistake(ByteCursor& in) {
  in.emit(Message::Kind::Mistaken, in.position());
  if (!in.empty()) in.keep(1);  // a recording is to fail in the same place
  over_ = true;
}

}  // namespace redis

namespace {

std::unique_ptr<Parser> make_redis() {
  return std::make_unique<redis::RedisParser>();
}

}  // namespace

const ParserSpec kRedis{.name = "redis",
                        .family = ProtocolFamily::Database,
                        .detect = detect_redis,
                        .make = make_redis};

}  // namespace tailwhy
