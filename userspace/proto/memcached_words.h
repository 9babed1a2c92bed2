// What memcached's commands, opcodes, answers and statuses are. Knows nothing of how they come over
// the wire.
#pragma once

#include "proto/parser.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tailwhy::memcached {

// What answers a request.
enum class Answer : std::uint8_t {
  Line,
  Values,  // any number of them, then END
  List,    // lines of statistics, then END; or one line
  MetaGet,
  MetaSet,
  MetaDelete,
  MetaNumber,
  MetaNoop,
  Watch,  // a line, then whatever happens
  None,
};

struct Command {
  std::string_view name;
  Answer answer = Answer::Line;
  // Indices of arguments, the name is 0; 0: there is none.
  std::uint8_t size = 0;     // the size of the data that follows the line
  std::uint8_t noreply = 0;  // the first that may be "noreply", if it is the last
  std::uint8_t flags = 0;    // the first that may be "q"
};

// Null: not one of ours.
const Command* find_command(std::string_view name);
// How much of the beginning of `text` begins a command.
std::size_t known_command_prefix(std::string_view text);

// The first word of a line of an answer.
struct Word {
  enum class What : std::uint8_t {
    Last,   // the line ends the answer
    More,   // others follow
    Value,  // data follows and then other lines; argument 3 is its size
    Only,   // data follows, and then the answer has ended; argument 1 is its size
  };
  std::string_view text;
  What what = What::Last;
  ResponseHead::Verdict verdict = ResponseHead::Verdict::Ok;
  std::string_view status;
};

const Word* find_word(std::string_view text);
std::size_t known_word_prefix(std::string_view text);
// Can a request with the flag q that is answered like this be answered by this word?
bool answers_quiet(Answer answer, const Word& word);

struct Opcode {
  std::string_view name;
  std::uint8_t code = 0;
  std::uint8_t extras = 0;  // bytes of a request's
  bool quiet = false;
};

// Null: not one of ours.
const Opcode* find_opcode(std::uint8_t code);
ResponseHead head_of_status(std::uint16_t status);

}  // namespace tailwhy::memcached
