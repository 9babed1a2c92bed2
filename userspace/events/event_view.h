// One decoded event: which kind it is, and where its fields lie. Views borrow the bytes they were
// decoded from (a ring sample, a block of a recording). Knows nothing of where those came from.
// Everything here follows from the rows of TW_EVENTS.
#pragma once

#include "tailwhy/abi/events.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

namespace tailwhy {

/// A data event with the payload that follows it in the record.
struct DataView {
  const tw_ev_data* record = nullptr;
  std::span<const std::byte> payload;

  const tw_ev_data* operator->() const noexcept { return record; }

  /// Stream offset of the first payload byte.
  [[nodiscard]] std::uint64_t payload_offset() const noexcept {
    return record->offset_bytes + record->piece_off_bytes;
  }

  /// Bytes of the call after this payload that no record will carry. Unknown, and told as 0, while
  /// further pieces are announced.
  [[nodiscard]] std::uint32_t missing_bytes() const noexcept {
    if ((record->flags & TW_DATA_MORE) != 0) return 0;
    return record->len_bytes - record->piece_off_bytes - record->captured_bytes;
  }

  /// The last bytes of the call, as far as they are among the missing ones.
  [[nodiscard]] std::span<const std::byte> tail() const noexcept {
    const std::size_t size = std::min<std::size_t>(record->tail_len_bytes, missing_bytes());
    const std::span all(reinterpret_cast<const std::byte*>(record->tail), record->tail_len_bytes);
    return all.last(size);
  }
};

/// A datagram with the first of its bytes.
struct DatagramView {
  const tw_ev_datagram* record = nullptr;
  std::span<const std::byte> payload;

  const tw_ev_datagram* operator->() const noexcept { return record; }
};

namespace detail {

template <class Event>
struct ViewOf {
  using type = const Event*;
};
template <>
struct ViewOf<tw_ev_data> {
  using type = DataView;
};

template <>
struct ViewOf<tw_ev_datagram> {
  using type = DatagramView;
};

template <class Ignored, class... Views>
struct VariantOf {
  using type = std::variant<Views...>;
};

}  // namespace detail

/// A pointer to the record's struct for every kind but those with a payload.
#define TW_ROW(num, NAME, name, doc) , detail::ViewOf<struct tw_ev_##name>::type
using EventView = detail::VariantOf<void TW_EVENTS(TW_ROW)>::type;
#undef TW_ROW

// header_of() and the decode table take the number of a row for its place in the list.
static_assert(std::variant_size_v<EventView> == TW_EV_END - 1, "TW_EVENTS has a gap");

/// What every kind starts with.
inline const tw_ev_hdr& header_of(const EventView& view) noexcept {
  // not std::visit: it would make a throwing path for a valueless variant, which this cannot become
  const tw_ev_hdr* hdr = nullptr;
  switch (view.index()) {
#define TW_ROW(num, NAME, name, doc)            \
  case num - 1:                                 \
    hdr = &(*std::get_if<num - 1>(&view))->hdr; \
    break;
    TW_EVENTS(TW_ROW)
#undef TW_ROW
    default:
      __builtin_unreachable();
  }
  return *hdr;
}

/// The bytes of the record, without what a ring sample has behind it: what a recording keeps.
inline std::span<const std::byte> bytes_of(const EventView& view) noexcept {
  const tw_ev_hdr& hdr = header_of(view);
  return {reinterpret_cast<const std::byte*>(&hdr), hdr.size_bytes};
}

/// Row name in lower case ("conn_open"); "unknown" for numbers that no row has.
std::string_view event_name(std::uint16_t type) noexcept;

/// A text field of a record up to its first NUL; such fields need not have one.
template <std::size_t Size>
std::string_view text_of(const char (&field)[Size]) noexcept {
  const auto* end = std::find(field, field + Size, '\0');
  return {field, static_cast<std::size_t>(end - field)};
}

}  // namespace tailwhy
