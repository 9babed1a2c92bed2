// From doc/protocol.txt of memcached 1.6 and its wiki's BinaryProtocolRevamped.
#include "proto/memcached_words.h"

#include <algorithm>
#include <iterator>

namespace tailwhy::memcached {
namespace {

using Verdict = ResponseHead::Verdict;

// No name has an 'x': so nothing that was masked looks like one.
constexpr Command kCommands[] = {
    {"get", Answer::Values},
    {"set", Answer::Line, 4, 5},
    {"gets", Answer::Values},
    {"delete", Answer::Line, 0, 2},
    {"incr", Answer::Line, 0, 3},
    {"decr", Answer::Line, 0, 3},
    {"add", Answer::Line, 4, 5},
    {"replace", Answer::Line, 4, 5},
    {"append", Answer::Line, 4, 5},
    {"prepend", Answer::Line, 4, 5},
    {"cas", Answer::Line, 4, 6},
    {"touch", Answer::Line, 0, 3},
    {"gat", Answer::Values},
    {"gats", Answer::Values},
    {"mg", Answer::MetaGet, 0, 0, 2},
    {"ms", Answer::MetaSet, 2, 0, 3},
    {"md", Answer::MetaDelete, 0, 0, 2},
    {"ma", Answer::MetaNumber, 0, 0, 2},
    {"mn", Answer::MetaNoop},
    {"me", Answer::Line},
    {"stats", Answer::List},
    {"version"},
    {"verbosity", Answer::Line, 0, 2},
    {"flush_all", Answer::Line, 0, 1},
    {"cache_memlimit", Answer::Line, 0, 2},
    {"lru", Answer::Line},
    {"lru_crawler", Answer::List},
    {"slabs", Answer::Line, 0, 2},
    {"watch", Answer::Watch},
    {"shutdown", Answer::Line},
    {"quit", Answer::None},
};

constexpr Word kWords[] = {
    {"VALUE", Word::What::Value},
    {"END"},
    {"STORED"},
    {"NOT_STORED", Word::What::Last, Verdict::Ok, "NOT_STORED"},
    {"EXISTS", Word::What::Last, Verdict::Ok, "EXISTS"},
    {"NOT_FOUND", Word::What::Last, Verdict::Ok, "NOT_FOUND"},
    {"DELETED"},
    {"TOUCHED"},
    {"OK"},
    {"HD"},
    {"VA", Word::What::Only},
    {"EN", Word::What::Last, Verdict::Ok, "NOT_FOUND"},
    {"NF", Word::What::Last, Verdict::Ok, "NOT_FOUND"},
    {"NS", Word::What::Last, Verdict::Ok, "NOT_STORED"},
    {"EX", Word::What::Last, Verdict::Ok, "EXISTS"},
    {"MN"},
    {"ME"},
    {"STAT", Word::What::More},
    {"ITEM", Word::What::More},
    {"PREFIX", Word::What::More},
    {"key=", Word::What::More},
    {"mg", Word::What::More},
    {"RESET"},
    {"VERSION"},
    {"ERROR", Word::What::Last, Verdict::ClientError, "ERROR"},
    {"ERROR:", Word::What::Last, Verdict::ClientError, "ERROR"},
    {"CLIENT_ERROR", Word::What::Last, Verdict::ClientError, "CLIENT_ERROR"},
    {"SERVER_ERROR", Word::What::Last, Verdict::ServerError, "SERVER_ERROR"},
    {"BUSY", Word::What::Last, Verdict::ClientError, "BUSY"},
    {"BADCLASS", Word::What::Last, Verdict::ClientError, "BADCLASS"},
    {"NOSPARE", Word::What::Last, Verdict::ClientError, "NOSPARE"},
    {"NOTFULL", Word::What::Last, Verdict::ClientError, "NOTFULL"},
    {"UNSAFE", Word::What::Last, Verdict::ClientError, "UNSAFE"},
    {"SAME", Word::What::Last, Verdict::ClientError, "SAME"},
};

constexpr Opcode kOpcodes[] = {
    {"get", 0x00, 0},
    {"set", 0x01, 8},
    {"add", 0x02, 8},
    {"replace", 0x03, 8},
    {"delete", 0x04, 0},
    {"incr", 0x05, 20},
    {"decr", 0x06, 20},
    {"quit", 0x07, 0},
    {"flush_all", 0x08, 4},
    {"get", 0x09, 0, true},
    {"noop", 0x0a, 0},
    {"version", 0x0b, 0},
    {"get", 0x0c, 0},
    {"get", 0x0d, 0, true},
    {"append", 0x0e, 0},
    {"prepend", 0x0f, 0},
    {"stats", 0x10, 0},
    {"set", 0x11, 8, true},
    {"add", 0x12, 8, true},
    {"replace", 0x13, 8, true},
    {"delete", 0x14, 0, true},
    {"incr", 0x15, 20, true},
    {"decr", 0x16, 20, true},
    {"quit", 0x17, 0, true},
    {"flush_all", 0x18, 4, true},
    {"append", 0x19, 0, true},
    {"prepend", 0x1a, 0, true},
    {"verbosity", 0x1b, 4},
    {"touch", 0x1c, 4},
    {"gat", 0x1d, 4},
    {"gat", 0x1e, 4, true},
    {"sasl_list_mechs", 0x20, 0},
    {"sasl_auth", 0x21, 0},
    {"sasl_step", 0x22, 0},
    {"gat", 0x23, 4},
    {"gat", 0x24, 4, true},
};

struct Status {
  std::uint16_t code;
  Verdict verdict;
  std::string_view word;
};

constexpr Status kStatuses[] = {
    {0x00, Verdict::Ok, ""},
    {0x01, Verdict::Ok, "NOT_FOUND"},
    {0x02, Verdict::Ok, "EXISTS"},
    {0x03, Verdict::ClientError, "TOO_LARGE"},
    {0x04, Verdict::ClientError, "INVALID"},
    {0x05, Verdict::Ok, "NOT_STORED"},
    {0x06, Verdict::ClientError, "NOT_A_NUMBER"},
    {0x20, Verdict::ClientError, "AUTH_ERROR"},
    {0x21, Verdict::Ok, "AUTH_CONTINUE"},
    {0x81, Verdict::ClientError, "UNKNOWN_COMMAND"},
    {0x82, Verdict::ServerError, "OUT_OF_MEMORY"},
    {0x83, Verdict::ServerError, "NOT_SUPPORTED"},
    {0x84, Verdict::ServerError, "INTERNAL_ERROR"},
    {0x85, Verdict::ServerError, "BUSY"},
    {0x86, Verdict::ServerError, "TEMPORARY_FAILURE"},
};

std::size_t common(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                                  a.begin());
}

}  // namespace

const Command* find_command(std::string_view name) {
  const auto* found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                   [name](const Command& each) { return each.name == name; });
  return found == std::end(kCommands) ? nullptr : found;
}

std::size_t known_command_prefix(std::string_view text) {
  std::size_t longest = 0;
  for (const Command& each : kCommands)
    longest = std::max(longest, common(each.name, text));
  return longest;
}

const Word* find_word(std::string_view text) {
  const auto* found = std::find_if(std::begin(kWords), std::end(kWords),
                                   [text](const Word& each) { return each.text == text; });
  return found == std::end(kWords) ? nullptr : found;
}

std::size_t known_word_prefix(std::string_view text) {
  std::size_t longest = 0;
  for (const Word& each : kWords)
    longest = std::max(longest, common(each.text, text));
  return longest;
}

// Of md and ma newer servers hide NF, too; those that do not are the reason for taking it as
// theirs.
bool answers_quiet(Answer answer, const Word& word) {
  if (word.text.ends_with("ERROR")) return true;
  switch (answer) {
    case Answer::MetaGet:
      return word.text == "VA" || word.text == "HD";
    case Answer::MetaSet:
    case Answer::MetaNumber:
      return word.text == "NS" || word.text == "EX" || word.text == "NF";
    case Answer::MetaDelete:
      return word.text == "EX" || word.text == "NF";
    default:
      return false;
  }
}

const Opcode* find_opcode(std::uint8_t code) {
  const auto* found = std::find_if(std::begin(kOpcodes), std::end(kOpcodes),
                                   [code](const Opcode& each) { return each.code == code; });
  return found == std::end(kOpcodes) ? nullptr : found;
}

ResponseHead head_of_status(std::uint16_t status) {
  ResponseHead head;
  head.verdict = Verdict::Unknown;
  for (const Status& each : kStatuses) {
    if (each.code != status) continue;
    head.verdict = each.verdict;
    head.status_text.assign(each.word);
  }
  return head;
}

}  // namespace tailwhy::memcached
