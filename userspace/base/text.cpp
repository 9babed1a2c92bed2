// Numbers with units, read and written in exact integer arithmetic, and splitting.
// Escaping is in text_escape.cpp.
#include "base/text.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <span>

namespace tailwhy {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::uint64_t kMaxParsed = std::numeric_limits<std::int64_t>::max();

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// The first row is what a bare number means.
constexpr Unit kDurationUnits[] = {
    {"s", kNsPerSec},
    {"ns", 1},
    {"us", 1000},
    {"µs", 1000},  // U+00B5, the micro sign
    {"μs", 1000},  // U+03BC, the Greek letter
    {"ms", 1'000'000},
    {"m", 60 * kNsPerSec},
    {"min", 60 * kNsPerSec},
    {"h", 3600 * kNsPerSec},
    {"d", 86400 * kNsPerSec},
};

constexpr std::uint64_t kKi = 1024;
constexpr Unit kSizeUnits[] = {
    {"b", 1},
    {"k", kKi},
    {"kib", kKi},
    {"kb", 1000},
    {"m", kKi* kKi},
    {"mib", kKi* kKi},
    {"mb", 1'000'000},
    {"g", kKi* kKi* kKi},
    {"gib", kKi* kKi* kKi},
    {"gb", 1'000'000'000},
    {"t", kKi* kKi* kKi* kKi},
    {"tib", kKi* kKi* kKi* kKi},
    {"tb", 1'000'000'000'000},
};

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

std::string_view take_digits(std::string_view& text) noexcept {
  const auto* end = std::find_if_not(text.begin(), text.end(), is_digit);
  const auto size = static_cast<std::size_t>(end - text.begin());
  const std::string_view digits = text.substr(0, size);
  text.remove_prefix(size);
  return digits;
}

const Unit* find_unit(std::span<const Unit> units, std::string_view name) noexcept {
  if (name.empty()) return units.data();
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

enum class Parsed { Ok, Nonsense, TooBig, TooFine };

// whole.fraction * unit, in integers. TooFine: the value is rounded down to one.
Parsed parse_scaled(std::string_view text, std::span<const Unit> units, std::uint64_t& value) {
  constexpr std::size_t kMaxFractionDigits = 18;  // 10^18 times any unit fits in 128 bits
  const std::string_view whole = take_digits(text);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
    if (fraction.empty()) return Parsed::Nonsense;
  }
  const Unit* unit = find_unit(units, text);
  if (whole.empty() || unit == nullptr) return Parsed::Nonsense;
  Wide sum = 0;
  for (const char c : whole) {
    sum = sum * 10 + static_cast<unsigned>(c - '0');
    if (sum > kMaxParsed) return Parsed::TooBig;
  }
  while (fraction.ends_with('0')) {
    fraction.remove_suffix(1);
  }
  const bool cut = fraction.size() > kMaxFractionDigits;
  Wide numerator = 0;
  Wide denominator = 1;
  for (const char c : fraction.substr(0, kMaxFractionDigits)) {
    numerator = numerator * 10 + static_cast<unsigned>(c - '0');
    denominator *= 10;
  }
  sum = sum * unit->factor + numerator * unit->factor / denominator;
  if (sum > kMaxParsed) return Parsed::TooBig;
  value = static_cast<std::uint64_t>(sum);
  return cut || numerator * unit->factor % denominator != 0 ? Parsed::TooFine : Parsed::Ok;
}

// Unsigned values in a chain of units: the first one in which three digits are enough.
struct Scale {
  std::string_view suffix;
  std::uint64_t factor;
  std::uint64_t limit;  // a rounded value this large goes to the next unit
};

std::string format_scaled(std::uint64_t value, std::span<const Scale> scales) {
  for (const Scale& scale : scales) {
    const bool last = &scale == &scales.back();
    const auto rounded = [&](unsigned decimals) {
      return static_cast<std::uint64_t>((Wide{value} * decimals + scale.factor / 2) / scale.factor);
    };
    if (scale.factor == 1) {
      if (value < scale.limit || last) return fmt::format("{}{}", value, scale.suffix);
    } else if (const auto hundredths = rounded(100); hundredths < 1000) {
      return fmt::format("{}.{:02}{}", hundredths / 100, hundredths % 100, scale.suffix);
    } else if (const auto tenths = rounded(10); tenths < 1000) {
      return fmt::format("{}.{}{}", tenths / 10, tenths % 10, scale.suffix);
    } else if (const auto ones = rounded(1); ones < scale.limit || last) {
      return fmt::format("{}{}", ones, scale.suffix);
    }
  }
  return {};  // not reached: the last scale takes everything
}

}  // namespace

Result<Ns> parse_duration(std::string_view text) {
  std::uint64_t ns = 0;
  const Parsed parsed = parse_scaled(text, kDurationUnits, ns);
  if (parsed == Parsed::Ok) return ns;
  const std::string what = fmt::format("duration '{}'", escape_terminal(text, 40));
  if (parsed == Parsed::TooBig) return Error(ErrorCode::Usage, what + ": too long");
  if (parsed == Parsed::TooFine) return Error(ErrorCode::Usage, what + ": finer than 1 ns");
  return Error(ErrorCode::Usage, what + ": not a number with a unit",
               "write it as 10s, 2m, 1.5h, 100ms, 250us or 800ns; a bare number is seconds");
}

Result<std::uint64_t> parse_size(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  std::uint64_t bytes = 0;
  const Parsed parsed = parse_scaled(lower, kSizeUnits, bytes);
  if (parsed == Parsed::Ok || parsed == Parsed::TooFine) return bytes;
  const std::string what = fmt::format("size '{}'", escape_terminal(text, 40));
  if (parsed == Parsed::TooBig) return Error(ErrorCode::Usage, what + ": too large");
  return Error(ErrorCode::Usage, what + ": not a number with a unit",
               "write it as 4096, 64K, 1MiB or 2G (powers of 1024)");
}

std::string format_duration_ns(Ns ns, Charset charset) {
  const std::string_view micro = charset == Charset::Utf8 ? " µs" : " us";
  const Scale scales[] = {
      {" ns", 1, 1000},
      {micro, 1000, 1000},
      {" ms", 1'000'000, 1000},
      {" s", kNsPerSec, 1000},
      {" min", 60 * kNsPerSec, 1000},
      {" h", 3600 * kNsPerSec, 0},
  };
  return format_scaled(ns, scales);
}

std::string format_bytes(std::uint64_t bytes) {
  static constexpr Scale kScales[] = {
      {" B", 1, kKi},
      {" KiB", kKi, kKi},
      {" MiB", kKi * kKi, kKi},
      {" GiB", kKi * kKi * kKi, kKi},
      {" TiB", kKi * kKi * kKi * kKi, kKi},
      {" PiB", kKi * kKi * kKi * kKi * kKi, 0},
  };
  return format_scaled(bytes, kScales);
}

std::string format_count(std::uint64_t count) {
  return fmt::format("{}", count);
}

std::string format_count_short(std::uint64_t count) {
  static constexpr Scale kScales[] = {
      {"", 1, 1000},
      {"k", 1000, 1000},
      {"M", 1'000'000, 1000},
      {"G", 1'000'000'000, 1000},
      {"T", 1'000'000'000'000, 0},
  };
  return format_scaled(count, kScales);
}

std::string_view trim(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::pair<std::string_view, std::string_view> split_first(std::string_view text,
                                                          char separator) noexcept {
  const std::size_t at = text.find(separator);
  if (at == std::string_view::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t at = text.find(separator); at != std::string_view::npos;
       at = text.find(separator)) {
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  parts.push_back(text);
  return parts;
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  for (text = trim(text); !text.empty(); text = trim(text)) {
    const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
    words.push_back(word);
    text.remove_prefix(word.size());
  }
  return words;
}

}  // namespace tailwhy
