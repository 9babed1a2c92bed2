// Text in and out: what users type (durations, sizes), what they read (units, safe text), what
// machines read (JSON strings). Pure functions; no locale, no streams.
#pragma once

#include "base/clock.h"
#include "base/result.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tailwhy {

/// What the output can show.
enum class Charset { Utf8, Ascii };

/// "10", "10s", "2m", "100ms", "250us", "1.5s", "3h", "1d"; a bare number is seconds. Exact: a
/// fraction of a nanosecond is an error, and so is anything above 2^63-1 ns.
Result<Ns> parse_duration(std::string_view text);

/// "4096", "64K", "1MiB", "1.5G": bytes. K, KiB = 1024 and so on up to T; KB, MB... = 1000 and so
/// on (as coreutils); letters in either case. Rounded down to a byte; at most 2^63-1.
Result<std::uint64_t> parse_size(std::string_view text);

/// A whole decimal number and nothing else ("12", "-3" if T is signed).
template <class T>
std::optional<T> parse_number(std::string_view text) noexcept {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

/// Three significant digits and a unit: "0 ns", "45.6 µs", "1.23 ms", "12.3 s", "16.7 min", "3.00
/// h". Ascii writes "us".
std::string format_duration_ns(Ns ns, Charset charset = Charset::Utf8);

/// IEC units, three significant digits: "512 B", "1.50 KiB", "64.0 MiB", "1023 MiB".
std::string format_bytes(std::uint64_t bytes);

/// All digits, no grouping: "12345".
std::string format_count(std::uint64_t count);

/// Three significant digits from 1000 up: "999", "1.23k", "12.3k", "1.23M", "4.00G".
std::string format_count_short(std::uint64_t count);

inline constexpr std::size_t kNoWidthLimit = static_cast<std::size_t>(-1);

/// Untrusted text for a terminal: controls, bidi controls and invisible characters are dropped
/// (line breaks and tabs become spaces), ill-formed UTF-8 becomes '?', at most `max_width` columns;
/// what is cut off shows as "…" ("~" in Ascii). In Ascii every other character becomes '?'.
std::string escape_terminal(std::string_view text,
                            std::size_t max_width = kNoWidthLimit,
                            Charset charset = Charset::Utf8);

/// Appends `text` as the inside of a JSON string (no quotes). Valid JSON for any bytes: ill-formed
/// UTF-8 becomes U+FFFD, and what is_unsafe_to_show() is written as \uXXXX, so that a log is safe
/// to cat and still holds the original.
void json_escape_to(fmt::memory_buffer& out, std::string_view text);

/// json_escape_to between quotes.
void json_quote_to(fmt::memory_buffer& out, std::string_view text);

/// `text` without blanks (space, tab, CR, LF) at both ends.
std::string_view trim(std::string_view text) noexcept;

/// The parts before and after the first `separator`; without one: all of it and nothing.
std::pair<std::string_view, std::string_view> split_first(std::string_view text,
                                                          char separator) noexcept;

/// All parts between separators, empty ones included; "" has one empty part.
std::vector<std::string_view> split(std::string_view text, char separator);

/// The words of `text`, separated by any number of blanks.
std::vector<std::string_view> split_words(std::string_view text);

}  // namespace tailwhy
