// HPACK (RFC 7541) as far as tailwhy needs it: the few fields it is about, from header blocks that
// may come in pieces, have holes, or refer to what was said before anybody listened.
//
// Not nghttp2's inflater, because that knows either all of a connection or nothing: it cannot go on
// after a block that was not captured, nor tell which bytes of a block are whose value, which a
// recording must know to keep the names and not the secrets. What is done here instead:
// - The dynamic table holds what was inserted, newest first. References count from the newest, so
//   what an encoder may refer to is found whether or not older entries were evicted; only entries
//   too large for the table, which are not inserted, must be told apart.
// - A reference to what is not there is an unknown field. So a table of which nothing is known, and
//   one of which only the newest is, need no care: what is said anew is known from then on.
// - Values that nobody needs are passed over, not decoded: they may be overwritten.
#pragma once

#include "base/inline_text.h"
#include "proto/http2_huffman.h"
#include "proto/parser.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy::http2 {

// Names that say something to us.
enum class Name : std::uint8_t {
  Unknown,  // it refers to what is not known
  Other,
  Method,
  Path,
  Status,
  ContentType,
  ContentEncoding,
  GrpcStatus,
  TraceParent,
  RequestId,
};

// A field of a header block.
struct Field {
  Name name = Name::Unknown;
  bool value_known = false;
  std::string_view value;  // of a path: until its query; nothing of Other and Unknown
};

class DynamicTable {
 public:
  struct Entry {
    Name name = Name::Unknown;
    bool value_known = false;
    std::uint32_t least = 0;       // its size, if not more
    std::uint32_t name_bytes = 0;  // of its name, if not less
    std::string value;
  };
  static constexpr std::uint64_t kMostBytes = 65536;  // of an encoder that has more, the newest

  // Null: not known. `index` counts from 1, the newest.
  [[nodiscard]] const Entry* find(std::uint64_t index) const;
  // Its size is between `least` and `most`.
  void insert(Entry entry, std::uint64_t least, std::uint64_t most);
  // The encoder's size of the table.
  void resize(std::uint64_t bytes);
  // What it holds is not known any more.
  void forget();
  [[nodiscard]] std::size_t size() const { return entries_.size() - first_; }

 private:
  void evict();

  std::vector<Entry> entries_;  // oldest first, from first_ on
  std::size_t first_ = 0;
  std::uint64_t least_bytes_ = 0;  // the sum of theirs
  std::uint64_t limit_ = 4096;     // of the encoder
};

// Reads the header blocks of one side, one after the other.
class HeaderReader {
 public:
  static constexpr std::size_t kValueBytes = 1024;  // longer values are cut

  explicit HeaderReader(Side side) : side_(side) {}

  // Goes over bytes of a block. `take(const Field&)` gets each field that ends there, in which
  // values live as long as the call; `hide(const char*, size)` the bytes that are secret.
  template <class Take, class Hide>
  void read(const char* at, const char* end, Take&& take, Hide&& hide) {
    while (at != end) {
      if (state_ == State::Broken || (state_ == State::Value && !wants_value())) {
        const std::size_t all = static_cast<std::size_t>(end - at);
        const std::size_t size = state_ == State::Broken || left_ > all ? all : left_;
        hide(at, size);
        at += size;
        left_ -= state_ == State::Broken ? 0 : size;
        if (state_ == State::Value && left_ == 0) end_value();
      } else {
        step(static_cast<std::uint8_t>(*at++));
      }
      if (complete_) {
        complete_ = false;
        take(static_cast<const Field&>(field_));
      }
    }
  }
  // The block is over. False: it made no sense.
  bool end_block();
  // A part of the block was not seen: what is inserted there is not known, nor the rest of it.
  void lose_block();
  [[nodiscard]] const DynamicTable& table() const { return table_; }

 private:
  enum class State : std::uint8_t { Field, Index, NameSize, Name, ValueSize, Value, Broken };
  // Where an integer or a string that is being read belongs.
  enum class Kind : std::uint8_t { Indexed, Inserted, Literal, Resize };

  void step(std::uint8_t byte);
  void begin_field(std::uint8_t byte);
  bool integer(std::uint8_t byte);
  void end_index();
  void begin_string(std::uint8_t byte);
  void end_size();
  void step_name(std::uint8_t byte);
  void step_value(std::uint8_t byte);
  bool take_char(char c);
  void add_string(std::uint64_t bytes);
  void end_name();
  void end_value();
  void refer(std::uint64_t index);
  [[nodiscard]] bool wants_value() const { return keeps_value_ && !stopped_; }
  void break_off();

  DynamicTable table_;
  std::string value_;
  InlineText<20> name_text_;  // longer names are none of ours
  std::uint64_t number_ = 0;
  std::uint64_t left_ = 0;   // of the string being read
  std::uint64_t least_ = 0;  // size of the entry to come
  std::uint64_t most_ = 0;
  std::uint64_t name_bytes_ = 0;
  std::uint64_t value_bytes_ = 0;  // as it is coded
  Field field_;
  Huffman huffman_;
  Side side_;
  State state_ = State::Field;
  Kind kind_ = Kind::Indexed;
  std::uint8_t shift_ = 0;
  bool size_begun_ = false;  // the first byte of a string's size was read
  bool is_huffman_ = false;
  bool keeps_value_ = false;
  bool stopped_ = false;  // what follows of the value is nobody's business
  bool bad_ = false;      // the value is not text, or too long
  bool complete_ = false;
};

}  // namespace tailwhy::http2
