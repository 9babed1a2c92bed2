// Finds where each response on a client's connection ends, without keeping bodies.
// Knows nothing of sockets, requests or times.
#pragma once

#include "http_text.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace workload {

class ResponseReader {
 public:
  enum class State : std::uint8_t { Head, Body, Chunks, UntilClose, Done, Broken };

  /// Starts the next response. `head_only`: it answers a HEAD request.
  void begin(bool head_only);
  /// Returns how many of the bytes belong to this response.
  std::size_t feed(std::string_view bytes);
  /// The connection ended: true if that ends the response properly.
  bool at_close();

  [[nodiscard]] bool done() const { return state_ == State::Done; }
  [[nodiscard]] bool broken() const { return state_ == State::Broken; }
  [[nodiscard]] unsigned status() const { return status_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] bool closes() const { return closes_; }  // the server will close afterwards

 private:
  std::size_t feed_head(std::string_view bytes);
  void parse_head();

  State state_ = State::Done;
  std::string head_;
  ChunkSkipper chunks_;
  std::uint64_t left_ = 0;
  std::uint64_t bytes_ = 0;
  unsigned status_ = 0;
  bool head_only_ = false;
  bool closes_ = false;
};

}  // namespace workload
