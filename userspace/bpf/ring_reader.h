// The ring buffer's reading end: samples in, decoded events out, what cannot be decoded counted.
// Knows nothing of when to look (that is LiveSource) and of what the events mean.
#pragma once

#include "base/handle.h"
#include "base/result.h"
#include "events/event_source.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>

struct ring_buffer;

namespace tailwhy {

struct RingTraits {
  static ring_buffer* invalid() noexcept { return nullptr; }
  static void close(ring_buffer* ring) noexcept;
};
using RingHandle = Handle<ring_buffer*, RingTraits>;

class RingReader {
 public:
  /// Reads the ring buffer map behind this descriptor.
  static Result<std::unique_ptr<RingReader>> open(int map_fd);

  /// Gives what waits to `handler`, at most about `limit_bytes`, so that a ring that is filled as
  /// fast as it is emptied cannot keep the caller from its clock. Returns the bytes taken: less
  /// than the limit means the ring was empty. An exception of the handler ends the call and is
  /// thrown again here.
  Result<std::size_t> consume(EventHandler& handler, std::size_t limit_bytes);

  [[nodiscard]] const SourceStats& stats() const noexcept { return stats_; }

 private:
  RingReader() = default;
  static int on_sample(void* self, void* data, std::size_t size) noexcept;
  int take(const void* data, std::size_t size) noexcept;

  RingHandle ring_;
  SourceStats stats_;
  EventHandler* handler_ = nullptr;
  std::size_t taken_bytes_ = 0;
  std::size_t limit_bytes_ = 0;
  std::exception_ptr thrown_;
};

}  // namespace tailwhy
