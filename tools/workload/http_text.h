// As much of HTTP/1.1's text as both ends of the workloads need: heads and chunked framing.
// Strict about what our own programs and common servers send; no general parser.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace workload {

/// Size of the head at the start of `bytes`, blank line included; 0: not complete yet.
std::size_t head_size(std::string_view bytes);

/// The first line of a head, without its line break.
std::string_view first_line(std::string_view head);

/// The value of a header field (name in any case), trimmed; nothing if absent.
std::optional<std::string_view> header(std::string_view head, std::string_view name);

/// The value contains the word, in any case ("Connection: Keep-Alive").
bool has_token(std::optional<std::string_view> value, std::string_view word);

/// A decimal number; nothing if it is none.
std::optional<std::uint64_t> number(std::string_view text);

/// Walks over a chunked body, trailers included, without keeping it.
class ChunkSkipper {
 public:
  /// Returns how many of the bytes belong to the body; sets done() after the last.
  std::size_t feed(std::string_view bytes);
  [[nodiscard]] bool done() const { return state_ == State::Done; }
  [[nodiscard]] bool broken() const { return state_ == State::Broken; }

 private:
  enum class State : std::uint8_t { Size, Extension, Data, DataEnd, Trailer, Done, Broken };
  void step(char c);
  State state_ = State::Size;
  std::uint64_t left_ = 0;       // of the chunk's data
  std::uint64_t line_size_ = 0;  // characters of the trailer line so far
};

}  // namespace workload
