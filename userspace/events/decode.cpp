// The decode table: one case per row of TW_EVENTS, one check per struct that has more to check than
// its size.
#include "events/decode.h"

#include "base/clock.h"

#include <limits>

namespace tailwhy {
namespace {

// Ring samples and the blocks of recordings are 8-aligned; anything else is a bug or an attack.
bool aligned(const std::byte* data) noexcept {
  return (reinterpret_cast<std::uintptr_t>(data) & 7U) == 0;
}

bool is_dir(__u8 dir) noexcept {
  return dir <= TW_DIR_OUT;
}

// What a struct promises beyond its size; kinds without an overload promise nothing.
template <class Event>
bool consistent(const Event&) noexcept {
  return true;
}

bool consistent(const tw_ev_conn_open& event) noexcept {
  return event.role < TW_ROLE_LISTENER;
}
bool consistent(const tw_ev_conn_shut& event) noexcept {
  return is_dir(event.dir);
}
bool consistent(const tw_ev_io_error& event) noexcept {
  return is_dir(event.dir);
}

bool consistent(const tw_ev_off_cpu& event) noexcept {
  const Ns on = event.hdr.ts_ns;
  return event.on_ns <= on && event.off_ns <= on && event.woken_ns <= on &&
         (event.off_ns == 0 || event.on_ns <= event.off_ns) &&
         (event.woken_ns == 0 || event.off_ns <= event.woken_ns);
}

bool consistent(const tw_ev_stack& event) noexcept {
  return event.kind <= TW_STACK_CPU && event.top_bytes <= TW_STACK_TOP_BYTES;
}

bool consistent(const tw_ev_data& event) noexcept {
  const bool continued = (event.flags & TW_DATA_CONT) != 0;
  return is_dir(event.dir) && event.captured_bytes <= TW_PAYLOAD_MAX &&
         event.captured_bytes <= event.hdr.size_bytes - sizeof(tw_ev_data) && event.len_bytes > 0 &&
         event.piece_off_bytes <= event.len_bytes &&
         event.captured_bytes <= event.len_bytes - event.piece_off_bytes &&
         continued == (event.piece_off_bytes > 0) && event.tail_len_bytes <= TW_TAIL_BYTES &&
         event.tail_len_bytes <= event.len_bytes &&
         event.offset_bytes <= std::numeric_limits<__u64>::max() - event.len_bytes;
}

bool consistent(const tw_ev_datagram& event) noexcept {
  return is_dir(event.dir) && event.captured_bytes < TW_DATAGRAM_MAX &&
         event.captured_bytes <= event.hdr.size_bytes - sizeof(tw_ev_datagram) &&
         event.captured_bytes <= event.len_bytes &&
         (event.family == TW_AF_INET || event.family == TW_AF_INET6);
}

template <class Event>
const Event* view_of(const Event& event) noexcept {
  return &event;
}

DataView view_of(const tw_ev_data& event) noexcept {
  const auto* payload = reinterpret_cast<const std::byte*>(&event + 1);
  return {&event, {payload, event.captured_bytes}};
}

DatagramView view_of(const tw_ev_datagram& event) noexcept {
  const auto* payload = reinterpret_cast<const std::byte*>(&event + 1);
  return {&event, {payload, event.captured_bytes}};
}

// A record may be longer than the struct we know: a newer kernel side may have appended fields.
template <class Event>
Decoded decode_as(const tw_ev_hdr& hdr) noexcept {
  if (hdr.size_bytes < sizeof(Event)) return DecodeStatus::Malformed;
  const auto& event = reinterpret_cast<const Event&>(hdr);
  if (!consistent(event)) return DecodeStatus::Malformed;
  return EventView(view_of(event));
}

}  // namespace

Decoded decode(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < sizeof(tw_ev_hdr) || !aligned(bytes.data())) return DecodeStatus::Malformed;
  const auto& hdr = *reinterpret_cast<const tw_ev_hdr*>(bytes.data());
  if (hdr.size_bytes < sizeof(tw_ev_hdr) || hdr.size_bytes > bytes.size()) {
    return DecodeStatus::Malformed;
  }
  switch (hdr.type) {
#define TW_ROW(num, NAME, name, doc) \
  case TW_EV_##NAME:                 \
    return decode_as<struct tw_ev_##name>(hdr);
    TW_EVENTS(TW_ROW)
#undef TW_ROW
    case TW_EV_NONE:
      return DecodeStatus::Malformed;
    default:
      return DecodeStatus::Unknown;
  }
}

std::string_view event_name(std::uint16_t type) noexcept {
  switch (type) {
#define TW_ROW(num, NAME, name, doc) \
  case TW_EV_##NAME:                 \
    return #name;
    TW_EVENTS(TW_ROW)
#undef TW_ROW
    default:
      return "unknown";
  }
}

}  // namespace tailwhy
