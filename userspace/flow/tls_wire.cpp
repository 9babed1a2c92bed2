#include "flow/tls_wire.h"

#include "proto/byte_cursor.h"

#include <algorithm>

namespace tailwhy {

TlsWire::TlsWire(Role role, const Stream& in, const Stream& out)
    : asks_(role == Role::Client ? TW_DIR_OUT : TW_DIR_IN) {
  dir(TW_DIR_IN).stream = in;
  dir(TW_DIR_OUT).stream = out;
  for (Direction& direction : dirs_)
    direction.carried = direction.turn_begin = direction.stream.next();
  if (dir(asks_).stream.next() > 0) hello_.lose();  // it has been, if it was
}

bool TlsWire::on_call(const DataView& data, const Account& account, ParseOutput& out) {
  const auto direction = static_cast<tw_dir>(data->dir);
  Direction& d = dir(direction);
  const std::uint64_t at = data.payload_offset();
  const bool whole = at == d.stream.next();
  if (turn_ != direction) {
    turn_ = direction;
    ++turns_;
    d.stream.begin_turn();
    d.turn_begin = at;
    if (direction == TW_DIR_IN) records_.turn();
    if (direction != asks_) hello_.lose();
  }
  if (!whole && direction == TW_DIR_IN) records_.skip(d.stream.next(), 1);
  if ((data->flags & TW_DATA_CONT) == 0 || !whole) {
    d.stream.add_arrival(data->offset_bytes, data->arrived_ns);
    Call& call = d.stream.add_call();
    call = {.begin = data->offset_bytes,
            .end = data->offset_bytes + data->len_bytes,
            .at_ns = data->hdr.ts_ns,
            .pid = data->pid,
            .tid = data->tid,
            .account = account};
  }
  const std::uint32_t missing = data.missing_bytes();
  const bool hello = direction == asks_ && !hello_.over();
  if (hello) {
    ByteCursor in(Side::Request, at, data.payload, out);
    hello_.read(in);
    in.hide(in.rest().size());
    if (missing > 0) hello_.lose();
  }
  if (direction == TW_DIR_IN && !hello) {
    records_.feed(at, data.payload, out);
    if (missing > 0) records_.skip(at + data.payload.size(), missing);
  } else if (direction == TW_DIR_IN) {
    records_.skip(at, data.payload.size() + missing);  // what a recording keeps of it is not this
  } else if (!hello) {
    out.hide_all(data.payload.size());
  }
  d.stream.set_next(at + data.payload.size() + missing);
  return whole;
}

const TlsWire::Carried& TlsWire::carry(tw_dir direction, std::uint64_t size) {
  Direction& d = dir(direction);
  const Stream& wire = d.stream;
  turns_ = 0;
  // What was sent up to the first plaintext that came was the handshake's.
  if (direction == TW_DIR_IN && !dir(TW_DIR_OUT).told)
    dir(TW_DIR_OUT).carried = dir(TW_DIR_OUT).stream.next();
  d.told = true;
  WireRange range{std::max(d.carried, d.turn_begin), wire.next()};
  if (range.begin >= range.end) range.begin = wire.current().begin;
  if (direction == TW_DIR_IN) range = records_.take(size, wire.next()).value_or(range);
  d.carried = std::max(d.carried, range.end);
  carried_ = {.first = wire.call_of(range.begin),
              .last = wire.call_of(range.end == 0 ? 0 : range.end - 1),
              .arrived = wire.arrival_of(range.begin)};
  return carried_;
}

void TlsWire::lose_place() {
  records_.drop();
}

std::uint64_t TlsWire::offset_of(const DataView& data, Stream& stream) {
  Direction& d = dir(static_cast<tw_dir>(data->dir));
  const bool first_piece = (data->flags & TW_DATA_CONT) == 0;
  if (first_piece && data->offset_bytes == 0 && d.told) {
    d.base = stream.next() + 1;  // what was between is not known
  } else if (!d.told) {
    stream.set_next(data.payload_offset());  // whatever was before is none of ours
  }
  return d.base + data.payload_offset();
}

}  // namespace tailwhy
