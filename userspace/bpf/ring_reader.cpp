#include "bpf/ring_reader.h"

#include "events/decode.h"

#include <bpf/libbpf.h>

#include <cerrno>
#include <span>
#include <utility>

namespace tailwhy {
namespace {

// Our own reasons to leave libbpf's loop; the sample is consumed all the same.
constexpr int kEnough = -ENODATA;
constexpr int kThrown = -ECANCELED;

}  // namespace

void RingTraits::close(ring_buffer* ring) noexcept {
  ring_buffer__free(ring);
}

Result<std::unique_ptr<RingReader>> RingReader::open(int map_fd) {
  std::unique_ptr<RingReader> reader(new RingReader());
  reader->ring_.reset(ring_buffer__new(map_fd, on_sample, reader.get(), nullptr));
  if (!reader->ring_) return Error::from_errno("map the ring buffer", errno);
  return reader;
}

// libbpf calls this from C: it must not throw, and one bad record must not stop the trace.
int RingReader::on_sample(void* self, void* data, std::size_t size) noexcept {
  return static_cast<RingReader*>(self)->take(data, size);
}

int RingReader::take(const void* data, std::size_t size) noexcept {
  const auto event = decode(std::span(static_cast<const std::byte*>(data), size));
  taken_bytes_ += size;
  if (event) {
    ++stats_.events;
    stats_.event_bytes += header_of(*event).size_bytes;
    try {
      handler_->on_event(*event);
    } catch (...) {
      thrown_ = std::current_exception();
      return kThrown;
    }
  } else if (event.status() == DecodeStatus::Unknown) {
    ++stats_.unknown;
  } else {
    ++stats_.malformed;
  }
  return taken_bytes_ >= limit_bytes_ ? kEnough : 0;
}

Result<std::size_t> RingReader::consume(EventHandler& handler, std::size_t limit_bytes) {
  handler_ = &handler;
  taken_bytes_ = 0;
  limit_bytes_ = limit_bytes;
  const int result = ring_buffer__consume(ring_.get());
  handler_ = nullptr;
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
  if (result < 0 && result != kEnough) return Error::from_errno("read the ring buffer", -result);
  return taken_bytes_;
}

}  // namespace tailwhy
