// Raw bytes of one record -> EventView. The only place that believes a record: every length in it
// is held against the bytes that are there, every enum against its range, so nobody after this has
// to. Knows nothing of rings, files or what the events mean.
#pragma once

#include "events/event_view.h"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tailwhy {

enum class DecodeStatus : std::uint8_t {
  Ok,
  Unknown,    ///< a sound record of a kind that this build does not know: written by a newer one
  Malformed,  ///< lengths or fields contradict each other or the bytes given
};

/// An event, or why there is none.
class Decoded {
 public:
  Decoded(const EventView& view) noexcept : view_(view), status_(DecodeStatus::Ok) {}
  Decoded(DecodeStatus why_not) noexcept : status_(why_not) { assert(why_not != DecodeStatus::Ok); }

  explicit operator bool() const noexcept { return status_ == DecodeStatus::Ok; }
  [[nodiscard]] DecodeStatus status() const noexcept { return status_; }
  const EventView& operator*() const noexcept {
    assert(status_ == DecodeStatus::Ok);
    return view_;
  }
  const EventView* operator->() const noexcept { return &**this; }

 private:
  EventView view_;
  DecodeStatus status_;
};

/// Reads the record at the start of `bytes`, which must be 8-aligned (ring samples are) and may be
/// longer than the record. The view borrows `bytes`. For every event it gives:
/// header_of().size_bytes <= bytes.size(); dir is 0 or 1; role is a role of an event; of data
/// events payload.size() = captured_bytes <= TW_PAYLOAD_MAX, 0 < len_bytes, piece_off_bytes +
/// captured_bytes <= len_bytes, piece_off_bytes > 0 just when TW_DATA_CONT is set, tail_len_bytes
/// <= TW_TAIL_BYTES, and offset_bytes + len_bytes does not wrap.
Decoded decode(std::span<const std::byte> bytes) noexcept;

}  // namespace tailwhy
