#include "proto/memcached_detect.h"

#include "proto/memcached_words.h"
#include "proto/wire.h"

#include <algorithm>

namespace tailwhy {
namespace {

using memcached::Answer;

constexpr std::size_t kHeader = 24;

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; });
}

// How many words of a command's line are arguments that it cannot do without.
std::size_t least_arguments(const memcached::Command& command) {
  if (command.size != 0) return command.size;
  if (command.flags != 0 || command.name == "delete" || command.name.starts_with("get")) return 1;
  if (command.noreply == 3 || command.name.starts_with("gat")) return 2;
  return 0;
}

Confidence detect_line(std::string_view text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!printable(line)) return Confidence::No;
  const std::size_t space = line.find(' ');
  const std::string_view name = line.substr(0, space);
  if (space == std::string_view::npos && end == std::string_view::npos) {
    const bool begins = memcached::known_command_prefix(name) == name.size();
    return begins ? Confidence::NeedMore : Confidence::No;
  }
  const memcached::Command* command = memcached::find_command(name);
  // Others say these, too.
  if (command == nullptr || command->answer == Answer::None || name == "watch" ||
      name == "shutdown") {
    return Confidence::No;
  }
  if (end == std::string_view::npos) return Confidence::NeedMore;
  std::size_t words = 0;
  std::string_view rest = line.substr(name.size());
  while (!rest.empty()) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const std::string_view word = rest.substr(0, rest.find(' '));
    if (word.empty()) break;
    rest.remove_prefix(word.size());
    ++words;
    const bool number = word.find_first_not_of("0123456789") == std::string_view::npos;
    if (words == command->size && !number) return Confidence::No;
  }
  return words >= least_arguments(*command) ? Confidence::Yes : Confidence::No;
}

Confidence detect_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeader) return Confidence::NeedMore;
  const memcached::Opcode* opcode = memcached::find_opcode(wire::u8(bytes, 1));
  const std::size_t key = wire::be16(bytes, 2);
  const std::size_t extras = wire::u8(bytes, 4);
  const std::uint64_t body = wire::be32(bytes, 8);
  if (opcode == nullptr || key > 250 || body > 1U << 30U || key + extras > body) {
    return Confidence::No;
  }
  const bool fits = extras == opcode->extras || (opcode->name == "flush_all" && extras == 0);
  const bool plain = wire::u8(bytes, 5) == 0 && wire::be16(bytes, 6) == 0;
  return fits && plain ? Confidence::Yes : Confidence::No;
}

}  // namespace

Confidence detect_memcached(Side side, std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (side == Side::Response) {
    const bool ours = text.starts_with("CLIENT_ERROR ") || text.starts_with("SERVER_ERROR ");
    return ours ? Confidence::Yes : Confidence::No;
  }
  if (text.empty()) return Confidence::NeedMore;
  return bytes[0] == std::byte{0x80} ? detect_header(bytes) : detect_line(text);
}

bool memcached_answer_begins(std::string_view text) {
  const std::string_view word = text.substr(0, text.find_first_of(" \r\n"));
  if (word.size() == text.size()) return false;
  return memcached::find_word(word) != nullptr ||
         (!word.empty() && word.find_first_not_of("0123456789x") == std::string_view::npos);
}

}  // namespace tailwhy
