// decode(): every kind, every truncation, and the lies that a record can tell about itself.
#include "events/decode.h"

#include "support/event_builder.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

using namespace tailwhy;
using tailwhy::test::EventBuilder;

namespace {

// One record of each kind, the data event with 100 bytes of payload.
EventBuilder one_of_each() {
  EventBuilder b;
  b.open(1, TW_ROLE_SERVER, {.at_ns = 1})
      .in(1, 2, std::string(100, 'q'), {.arrived_ns = 1})
      .arrival(1, 3, 50)
      .shut(1, TW_DIR_IN, 4)
      .close(1, 5)
      .retransmit(1, 6, 2)
      .io_error(1, TW_DIR_OUT, 7, 32)
      .fork(8, 100, 101, "worker")
      .exec(9, 101, "sh")
      .exit(10, 101, 101, 256)
      .off_cpu(101, 11, {.on_ns = 5, .off_ns = 6, .woken_ns = 8})
      .call_errors(101, 12, 3, 2, 5)
      .connect(2, 101, 13)
      .ack(1, 14)
      .stack(101, 15, 3)
      .datagram(3, TW_DIR_IN, 16, std::string(100, 'd'));
  return b;
}

// An exactly sized, 8-aligned heap copy: reading one byte too far is seen by the sanitizer.
class Copy {
 public:
  explicit Copy(std::span<const std::byte> bytes)
      : bytes_(new std::byte[bytes.size()]), size_(bytes.size()) {
    if (!bytes.empty()) std::memcpy(bytes_.get(), bytes.data(), bytes.size());
  }
  std::span<std::byte> bytes() { return {bytes_.get(), size_}; }
  template <class Event>
  Event& as() {
    return *reinterpret_cast<Event*>(bytes_.get());
  }
  DecodeStatus status() { return decode(bytes()).status(); }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_;
};

Copy data_record(std::string_view payload) {
  EventBuilder b;
  b.in(1, 2, payload);
  return Copy(b.records().front());
}

}  // namespace

TEST_CASE("decode: each kind comes back as its own view", "[events][decode]") {
  const EventBuilder b = one_of_each();
  const auto records = b.records();
  REQUIRE(records.size() == TW_EV_END - 1);
  for (std::size_t i = 0; i < records.size(); ++i) {
    Copy copy(records[i]);
    const Decoded event = decode(copy.bytes());
    REQUIRE(event);
    CHECK(event->index() == i);
    CHECK(header_of(*event).type == i + 1);
    CHECK(header_of(*event).ts_ns == i + 1);
    CHECK(bytes_of(*event).data() == copy.bytes().data());
    CHECK(bytes_of(*event).size() == records[i].size());
  }
}

TEST_CASE("decode: no prefix of any record is taken for the record", "[events][decode]") {
  const EventBuilder b = one_of_each();
  for (const auto record : b.records()) {
    for (std::size_t size = 0; size < record.size(); ++size) {
      CAPTURE(record.size(), size);
      CHECK(Copy(record.first(size)).status() == DecodeStatus::Malformed);
    }
  }
}

TEST_CASE("decode: a record whose own size is too small for its kind is malformed",
          "[events][decode]") {
  const EventBuilder b = one_of_each();
  for (const auto record : b.records()) {
    for (std::uint32_t size = 0; size < record.size(); ++size) {
      CAPTURE(record.size(), size);
      Copy copy(record);
      copy.as<tw_ev_hdr>().size_bytes = size;
      CHECK(copy.status() == DecodeStatus::Malformed);
    }
  }
}

TEST_CASE("decode: a ring sample and a newer record may be longer", "[events][decode]") {
  const EventBuilder b = one_of_each();
  for (const auto record : b.records()) {
    std::vector<std::byte> longer(record.begin(), record.end());
    longer.resize(longer.size() + 24);
    Copy sample(longer);
    const Decoded event = decode(sample.bytes());
    REQUIRE(event);
    CHECK(bytes_of(*event).size() == record.size());

    Copy appended(longer);
    appended.as<tw_ev_hdr>().size_bytes = static_cast<__u32>(longer.size());
    CHECK(appended.status() == DecodeStatus::Ok);
  }
}

TEST_CASE("decode: kinds of newer builds are told from garbage", "[events][decode]") {
  const EventBuilder b = one_of_each();
  Copy copy(b.records().front());
  copy.as<tw_ev_hdr>().type = TW_EV_END;
  CHECK(copy.status() == DecodeStatus::Unknown);
  copy.as<tw_ev_hdr>().type = 0xffff;
  CHECK(copy.status() == DecodeStatus::Unknown);
  copy.as<tw_ev_hdr>().size_bytes += 1;
  CHECK(copy.status() == DecodeStatus::Malformed);
  copy.as<tw_ev_hdr>().size_bytes = sizeof(tw_ev_hdr) - 1;
  CHECK(copy.status() == DecodeStatus::Malformed);
  Copy none(b.records().front());
  none.as<tw_ev_hdr>().type = TW_EV_NONE;
  CHECK(none.status() == DecodeStatus::Malformed);
}

TEST_CASE("decode: bytes that are not 8-aligned are refused, not read", "[events][decode]") {
  const EventBuilder b = one_of_each();
  const auto record = b.records().front();
  std::vector<std::byte> shifted(record.size() + 8);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::memcpy(shifted.data() + shift, record.data(), record.size());
    const auto status = decode(std::span(shifted).subspan(shift)).status();
    CHECK(status == (shift == 0 ? DecodeStatus::Ok : DecodeStatus::Malformed));
  }
}

TEST_CASE("decode: a data event gives payload, offsets and tail", "[events][decode]") {
  EventBuilder b;
  b.in(1, 2, "0123456789").out(1, 3, "abcdefghijklmnop", {.capture_bytes = 5});
  b.out(1, 4, "0123456789", {.capture_bytes = 6});
  const auto records = b.records();
  const Decoded whole = decode(records[0]);
  const auto& in = std::get<DataView>(*whole);
  CHECK(in->len_bytes == 10);
  CHECK(in.payload.size() == 10);
  CHECK(in.payload[9] == std::byte{'9'});
  CHECK(in.payload_offset() == 0);
  CHECK(in.missing_bytes() == 0);
  CHECK(in.tail().empty());

  const Decoded cut = decode(records[1]);
  const auto& out = std::get<DataView>(*cut);
  CHECK(out.payload.size() == 5);
  CHECK(out.missing_bytes() == 11);
  REQUIRE(out.tail().size() == 8);
  CHECK(out.tail()[0] == std::byte{'i'});
  CHECK(out.tail()[7] == std::byte{'p'});

  // four bytes are missing: the tail must not repeat what the payload has
  const Decoded short_cut = decode(records[2]);
  const auto& overlapping = std::get<DataView>(*short_cut);
  CHECK(overlapping.payload_offset() == 16);
  CHECK(overlapping->tail_len_bytes == 8);
  REQUIRE(overlapping.tail().size() == 4);
  CHECK(overlapping.tail()[0] == std::byte{'6'});
}

TEST_CASE("decode: lengths of a data event must agree with each other", "[events][decode]") {
  const std::string text(64, 'x');
  const auto broken = [&](auto change) {
    Copy copy = data_record(text);
    REQUIRE(copy.status() == DecodeStatus::Ok);
    change(copy.as<tw_ev_data>());
    return copy.status();
  };
  const auto malformed = DecodeStatus::Malformed;
  CHECK(broken([](tw_ev_data& e) { e.captured_bytes = 65; }) == malformed);
  CHECK(broken([](tw_ev_data& e) { e.captured_bytes = 0xffffffff; }) == malformed);
  CHECK(broken([](tw_ev_data& e) { e.hdr.size_bytes -= 1; }) == malformed);
  CHECK(broken([](tw_ev_data& e) { e.len_bytes = 63; }) == malformed);
  CHECK(broken([](tw_ev_data& e) { e.len_bytes = e.captured_bytes = 0; }) == malformed);
  CHECK(broken([](tw_ev_data& e) { e.tail_len_bytes = 9; }) == malformed);
  CHECK(broken([](tw_ev_data& e) { e.tail_len_bytes = 255; }) == malformed);
  CHECK(broken([](tw_ev_data& e) { e.dir = 2; }) == malformed);
  CHECK(broken([](tw_ev_data& e) { e.flags |= TW_DATA_CONT; }) == malformed);
  CHECK(broken([](tw_ev_data& e) { e.piece_off_bytes = 1; }) == malformed);
  CHECK(broken([](tw_ev_data& e) {
          e.flags |= TW_DATA_CONT;
          e.piece_off_bytes = 1;  // one byte more than the call had
        }) == malformed);
  CHECK(broken([](tw_ev_data& e) {
          e.flags |= TW_DATA_CONT;
          e.piece_off_bytes = 65;  // len - piece_off wraps
        }) == malformed);
  CHECK(broken([](tw_ev_data& e) {
          e.captured_bytes = e.len_bytes = 3;
          e.tail_len_bytes = 4;
        }) == malformed);
  CHECK(broken([](tw_ev_data& e) {
          e.flags |= TW_DATA_CONT;
          e.piece_off_bytes = 0xffffffff;
          e.len_bytes = 0xffffffff;
        }) == malformed);
  CHECK(broken([](tw_ev_data& e) { e.offset_bytes = ~0ULL; }) == malformed);
  CHECK(broken([](tw_ev_data& e) { e.offset_bytes = ~0ULL - 64; }) == DecodeStatus::Ok);
  CHECK(broken([](tw_ev_data& e) { e.captured_bytes = 3; }) == DecodeStatus::Ok);
}

TEST_CASE("decode: no record carries more than TW_PAYLOAD_MAX", "[events][decode]") {
  std::vector<std::byte> bytes(sizeof(tw_ev_data) + TW_PAYLOAD_MAX + 1);
  Copy copy(bytes);
  auto& event = copy.as<tw_ev_data>();
  event.hdr.type = TW_EV_DATA;
  event.hdr.size_bytes = static_cast<__u32>(bytes.size());
  event.len_bytes = 10000;
  event.captured_bytes = TW_PAYLOAD_MAX;
  CHECK(copy.status() == DecodeStatus::Ok);
  event.captured_bytes = TW_PAYLOAD_MAX + 1;
  CHECK(copy.status() == DecodeStatus::Malformed);
}

TEST_CASE("decode: lengths of a datagram must agree with each other", "[events][decode]") {
  const auto broken = [&](auto change) {
    EventBuilder b;
    b.datagram(3, TW_DIR_OUT, 1, std::string(64, 'x'));
    Copy copy(b.records().front());
    change(copy.as<tw_ev_datagram>());
    return copy.status();
  };
  const auto malformed = DecodeStatus::Malformed;
  CHECK(broken([](tw_ev_datagram& e) { e.len_bytes = 1000; }) == DecodeStatus::Ok);
  CHECK(broken([](tw_ev_datagram& e) { e.captured_bytes = 3; }) == DecodeStatus::Ok);
  CHECK(broken([](tw_ev_datagram& e) { e.captured_bytes = 65; }) == malformed);
  CHECK(broken([](tw_ev_datagram& e) { e.hdr.size_bytes -= 1; }) == malformed);
  CHECK(broken([](tw_ev_datagram& e) { e.len_bytes = 63; }) == malformed);
  CHECK(broken([](tw_ev_datagram& e) { e.dir = 2; }) == malformed);
  CHECK(broken([](tw_ev_datagram& e) { e.family = TW_AF_UNIX; }) == malformed);
  EventBuilder b;
  b.datagram(3, TW_DIR_OUT, 1, std::string(TW_DATAGRAM_MAX, 'x'));
  CHECK(Copy(b.records().front()).status() == malformed);
}

TEST_CASE("decode: enums that others index with are in range", "[events][decode]") {
  const EventBuilder b = one_of_each();
  const auto records = b.records();
  Copy open(records[TW_EV_CONN_OPEN - 1]);
  open.as<tw_ev_conn_open>().role = TW_ROLE_LISTENER;
  CHECK(open.status() == DecodeStatus::Malformed);
  Copy shut(records[TW_EV_CONN_SHUT - 1]);
  shut.as<tw_ev_conn_shut>().dir = 2;
  CHECK(shut.status() == DecodeStatus::Malformed);
  Copy error(records[TW_EV_IO_ERROR - 1]);
  error.as<tw_ev_io_error>().dir = 255;
  CHECK(error.status() == DecodeStatus::Malformed);
}

TEST_CASE("decode: any value of any byte of any record is survived", "[events][decode]") {
  const EventBuilder b = one_of_each();
  for (const auto record : b.records()) {
    for (std::size_t at = 0; at < record.size(); ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        Copy copy(record);
        copy.bytes()[at] = static_cast<std::byte>(value);
        const Decoded event = decode(copy.bytes());
        if (!event) continue;
        REQUIRE(bytes_of(*event).size() <= record.size());
        const auto* data = std::get_if<DataView>(&*event);
        if (data == nullptr) continue;
        REQUIRE(data->payload.data() + data->payload.size() <=
                copy.bytes().data() + copy.bytes().size());
        REQUIRE(data->tail().size() <= TW_TAIL_BYTES);
      }
    }
  }
}

TEST_CASE("event names follow the rows", "[events][decode]") {
  CHECK(event_name(TW_EV_CONN_OPEN) == "conn_open");
  CHECK(event_name(TW_EV_TASK_EXIT) == "task_exit");
  CHECK(event_name(TW_EV_NONE) == "unknown");
  CHECK(event_name(TW_EV_END) == "unknown");
}

TEST_CASE("text_of: a field without a terminator ends with the field", "[events][decode]") {
  const char full[4] = {'a', 'b', 'c', 'd'};
  const char part[4] = {'a', '\0', 'c', 'd'};
  CHECK(text_of(full) == "abcd");
  CHECK(text_of(part) == "a");
}
