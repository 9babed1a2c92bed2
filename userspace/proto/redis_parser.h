// The parser of one connection that speaks RESP: the class behind the row in redis.h, for the files
// that implement it. redis_requests.cpp reads what is asked, redis_replies.cpp what is answered.
#pragma once

#include "proto/byte_cursor.h"
#include "proto/parser.h"
#include "proto/redis_state.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace tailwhy::redis {

class RedisParser final : public Parser {
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
  // redis_requests.cpp
  void read_requests(ByteCursor& in);
  void probe_requests(ByteCursor& in);
  void begin_request(ByteCursor& in);
  void read_count(ByteCursor& in);
  void read_length(ByteCursor& in);
  void read_argument(ByteCursor& in);
  void read_word(ByteCursor& in, std::string_view piece, bool whole);
  void end_argument(ByteCursor& in);
  void read_inline(ByteCursor& in);
  void end_inline_word(ByteCursor& in);
  Asking::Part part_of_next() const;
  void emit_head(ByteCursor& in);
  void end_request(ByteCursor& in);
  void expect_answer();
  bool skip_in_argument(ByteCursor& in, std::uint64_t size);
  void lose_requests(ByteCursor& in, bool malformed);

  // redis_replies.cpp
  void read_replies(ByteCursor& in);
  void begin_value(ByteCursor& in);
  void begin_top(ByteCursor& in);
  void read_line(ByteCursor& in);
  void read_status(ByteCursor& in, std::string_view piece);
  void end_status(ByteCursor& in);
  void read_reply_length(ByteCursor& in);
  void read_reply_count(ByteCursor& in);
  void read_bulk(ByteCursor& in);
  void read_kind(ByteCursor& in, std::string_view piece);
  void end_kind(ByteCursor& in);
  void end_value(ByteCursor& in);
  void end_top(ByteCursor& in);
  void begin_answer(ByteCursor& in);
  void end_answer(ByteCursor& in, std::uint64_t offset, EndRule rule);
  void tunnel(ByteCursor& in);
  void emit_answer_head(ByteCursor& in, bool error);
  [[nodiscard]] bool at_kind() const;
  [[nodiscard]] bool only_reply() const;
  bool skip_in_bulk(ByteCursor& in, std::uint64_t size);
  void lose_replies(ByteCursor& in, bool malformed);

  void admit_mistake(ByteCursor& in);
  void skip_unseen(ByteCursor& in, std::uint64_t size);  // of which nothing was captured

  Asking ask_;
  Answering answer_;
  Expected expected_;
  bool sure_ = false;  // a whole reply was read: this is Redis
  bool over_ = false;  // other bytes follow than ours
};

}  // namespace tailwhy::redis
