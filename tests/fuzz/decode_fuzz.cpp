// Any bytes as one record: decode() must keep its promises about what it gives.
#include "events/decode.h"

#include <cstdint>
#include <cstring>
#include <memory>

using namespace tailwhy;

namespace {

void require(bool holds) {
  if (!holds) __builtin_trap();
}

bool inside(std::span<const std::byte> part, std::span<const std::byte> whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // exactly sized, so that the sanitizer sees one byte too many; new[] aligns to 16
  const auto copy = std::make_unique<std::byte[]>(size);
  if (size > 0) std::memcpy(copy.get(), data, size);
  const std::span<const std::byte> bytes(copy.get(), size);
  const Decoded event = decode(bytes);
  if (!event) return 0;

  require(inside(bytes_of(*event), bytes));
  require(event_name(header_of(*event).type) != "unknown");
  if (const auto* view = std::get_if<DataView>(&*event)) {
    const tw_ev_data& data_event = *view->record;
    require(inside(view->payload, bytes_of(*event)));
    require(inside(view->tail(), bytes_of(*event)));
    require(view->payload.size() <= TW_PAYLOAD_MAX);
    require(data_event.dir <= TW_DIR_OUT);
    require(data_event.len_bytes > 0);
    require(view->payload.size() + view->missing_bytes() <= data_event.len_bytes);
    require(view->payload_offset() >= data_event.offset_bytes);
    require(view->tail().size() <= view->missing_bytes());
  }
  if (const auto* view = std::get_if<DatagramView>(&*event)) {
    require(inside(view->payload, bytes_of(*event)));
    require(view->payload.size() < TW_DATAGRAM_MAX);
    require(view->payload.size() <= view->record->len_bytes);
    require(view->record->dir <= TW_DIR_OUT);
  }
  if (const auto* open = std::get_if<const tw_ev_conn_open*>(&*event)) {
    require((*open)->role < TW_ROLE_LISTENER);
    require(text_of((*open)->addr.unix_path).size() <= TW_UNIX_PATH_BYTES);
  }
  if (const auto* off = std::get_if<const tw_ev_off_cpu*>(&*event)) {
    require((*off)->on_ns <= (*off)->hdr.ts_ns);
    require((*off)->off_ns == 0 || (*off)->on_ns <= (*off)->off_ns);
    require((*off)->off_ns <= (*off)->hdr.ts_ns);
    require((*off)->woken_ns == 0 || (*off)->off_ns <= (*off)->woken_ns);
    require((*off)->woken_ns <= (*off)->hdr.ts_ns);
  }
  return 0;
}
