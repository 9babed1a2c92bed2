// Builds records as the kernel side would send them, for tests of whatever comes after decode().
// Keeps the stream offsets of each connection, splits calls into pieces and cuts what is beyond the
// capture limit. Knows nothing of rings, recordings or the parts under test.
//
//   EventBuilder b;
//   b.open(7, TW_ROLE_SERVER)
//       .in(7, 1000, "GET / HTTP/1.1\r\n\r\n", {.arrived_ns = 900})
//       .out(7, 2000, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
//       .close(7, 3000);
//   b.feed(handler);  // or: for (auto record : b.records()) ...
#pragma once

#include "tailwhy/abi/events.h"

#include "events/decode.h"
#include "events/event_source.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string_view>
#include <vector>

namespace tailwhy::test {

/// Fields of a connection that a test may care about; the rest has plausible values.
struct OpenOptions {
  Ns at_ns = 0;
  Ns established_ns = 0;
  std::uint32_t pid = 100;
  std::uint8_t flags = 0;  // enum tw_conn_open_flags
  std::uint32_t error = 0;
  std::uint16_t local_port = 80;
  std::uint16_t remote_port = 40000;
  std::string_view unix_path{};  // not empty: a Unix socket
};

/// Fields of one call.
struct CallOptions {
  Ns arrived_ns = 0;
  Ns accepted_ns = 0;
  std::uint8_t flags = 0;  // enum tw_data_flags, added to those that the builder sets
  std::uint32_t pid = 100;
  std::uint32_t tid = 100;
  /// Payload bytes that the kernel would have kept of this call.
  std::size_t capture_bytes = static_cast<std::size_t>(TW_PIECES_MAX) * TW_PAYLOAD_MAX;
};

/// Fields of a datagram.
struct DatagramOptions {
  Ns arrived_ns = 0;
  std::uint16_t remote_port = 0;  // 0: not known
  std::uint32_t tid = 100;
  std::uint32_t len = 0;  // 0: it was captured whole
};

/// Fields of a close.
struct CloseOptions {
  std::uint8_t flags = 0;  // enum tw_close_flags
  std::uint32_t retransmits = 0;
  std::uint32_t srtt_us = 50;
  std::uint32_t error = 0;
};

/// Fields of a stretch off the CPU.
struct OffOptions {
  Ns on_ns = 0;     // on a CPU from then on
  Ns off_ns = 0;    // … until then
  Ns woken_ns = 0;  // asleep until then
  std::uint16_t nr = TW_NO_CALL;
  std::uint8_t flags = 0;  // enum tw_off_flags
  std::uint8_t file = TW_FILE_NONE;
  std::uint64_t object = 0;
  std::uint32_t waker_tid = 0;
  std::uint32_t pid = 100;
};

class EventBuilder {
 public:
  EventBuilder& open(std::uint64_t conn, tw_role role, const OpenOptions& options = {}) {
    auto event = make<tw_ev_conn_open>(TW_EV_CONN_OPEN, options.at_ns);
    event.conn_id = conn;
    event.established_ns = options.established_ns;
    event.pid = options.pid;
    event.netns_inum = 4026531840U;
    event.role = static_cast<__u8>(role);
    event.family = options.unix_path.empty() ? TW_AF_INET : TW_AF_UNIX;
    event.flags = options.flags;
    event.error = options.error;
    if (options.unix_path.empty()) {
      event.local_port = options.local_port;
      event.remote_port = options.remote_port;
      constexpr std::array<__u8, 4> kLoopback{127, 0, 0, 1};
      std::ranges::copy(kLoopback, event.addr.ip.local);
      std::ranges::copy(kLoopback, event.addr.ip.remote);
    } else {
      const std::size_t size = std::min<std::size_t>(options.unix_path.size(), TW_UNIX_PATH_BYTES);
      std::ranges::copy(options.unix_path.substr(0, size), event.addr.unix_path);
    }
    streams_[conn] = {};
    return push(event);
  }

  /// One call that received `bytes` and returned at `at_ns`.
  EventBuilder& in(std::uint64_t conn,
                   Ns at_ns,
                   std::string_view bytes,
                   const CallOptions& options = {}) {
    return call(conn, TW_DIR_IN, at_ns, bytes, bytes.size(), options);
  }
  /// One call that sent `bytes`.
  EventBuilder& out(std::uint64_t conn,
                    Ns at_ns,
                    std::string_view bytes,
                    const CallOptions& options = {}) {
    return call(conn, TW_DIR_OUT, at_ns, bytes, bytes.size(), options);
  }

  /// One call of `len_bytes` without readable payload (sendfile, io_uring).
  EventBuilder& unreadable(
      std::uint64_t conn, tw_dir dir, Ns at_ns, std::uint32_t len_bytes, CallOptions options = {}) {
    options.flags |= TW_DATA_UNREADABLE;
    options.capture_bytes = 0;
    return call(conn, dir, at_ns, {}, len_bytes, options);
  }

  /// The stream goes on by `size` bytes that no record tells of: what a full ring does.
  EventBuilder& lose(std::uint64_t conn, tw_dir dir, std::uint64_t size) {
    streams_[conn].offset[dir] += size;
    return *this;
  }

  /// The byte at `offset_bytes` of the IN direction became readable at `at_ns`.
  EventBuilder& arrival(std::uint64_t conn, Ns at_ns, std::uint64_t offset_bytes) {
    auto event = make<tw_ev_arrival>(TW_EV_ARRIVAL, at_ns);
    event.conn_id = conn;
    event.offset_bytes = offset_bytes;
    return push(event);
  }

  EventBuilder& shut(std::uint64_t conn, tw_dir dir, Ns at_ns) {
    auto event = make<tw_ev_conn_shut>(TW_EV_CONN_SHUT, at_ns);
    event.conn_id = conn;
    event.dir = static_cast<__u8>(dir);
    return push(event);
  }

  EventBuilder& close(std::uint64_t conn, Ns at_ns, const CloseOptions& options = {}) {
    auto event = make<tw_ev_conn_close>(TW_EV_CONN_CLOSE, at_ns);
    event.conn_id = conn;
    event.in_bytes = streams_[conn].offset[TW_DIR_IN];
    event.out_bytes = streams_[conn].offset[TW_DIR_OUT];
    event.retransmits = options.retransmits;
    event.srtt_us = options.srtt_us;
    event.error = options.error;
    event.flags = options.flags;
    return push(event);
  }

  EventBuilder& retransmit(std::uint64_t conn, Ns at_ns, std::uint32_t total) {
    auto event = make<tw_ev_retransmit>(TW_EV_RETRANSMIT, at_ns);
    event.conn_id = conn;
    event.total = total;
    return push(event);
  }

  EventBuilder& io_error(std::uint64_t conn, tw_dir dir, Ns at_ns, std::uint32_t error) {
    auto event = make<tw_ev_io_error>(TW_EV_IO_ERROR, at_ns);
    event.conn_id = conn;
    event.pid = 100;
    event.tid = 100;
    event.error = error;
    event.dir = static_cast<__u8>(dir);
    return push(event);
  }

  EventBuilder& fork(Ns at_ns, std::uint32_t parent_pid, std::uint32_t pid, std::string_view comm) {
    auto event = make<tw_ev_task_fork>(TW_EV_TASK_FORK, at_ns);
    event.parent_pid = parent_pid;
    event.pid = pid;
    set_comm(event.comm, comm);
    return push(event);
  }

  EventBuilder& exec(Ns at_ns, std::uint32_t pid, std::string_view comm) {
    auto event = make<tw_ev_task_exec>(TW_EV_TASK_EXEC, at_ns);
    event.pid = pid;
    set_comm(event.comm, comm);
    return push(event);
  }

  EventBuilder& exit(Ns at_ns,
                     std::uint32_t pid,
                     std::uint32_t tid,
                     std::uint32_t exit_code,
                     const tw_task_account& account = {}) {
    auto event = make<tw_ev_task_exit>(TW_EV_TASK_EXIT, at_ns);
    event.pid = pid;
    event.tid = tid;
    event.exit_code = exit_code;
    event.process_ended = pid == tid ? 1 : 0;
    event.account = account;
    return push(event);
  }

  /// Thread `tid` is on a CPU again at `at_ns`.
  EventBuilder& off_cpu(std::uint32_t tid, Ns at_ns, const OffOptions& options) {
    auto event = make<tw_ev_off_cpu>(TW_EV_OFF_CPU, at_ns);
    event.on_ns = options.on_ns;
    event.off_ns = options.off_ns;
    event.woken_ns = options.woken_ns;
    event.object = options.object;
    event.pid = options.pid;
    event.tid = tid;
    event.waker_tid = options.waker_tid;
    event.nr = options.nr;
    event.file = options.file;
    event.flags = options.flags;
    return push(event);
  }

  /// Thread `tid` begins to connect a socket.
  EventBuilder& connect(std::uint64_t conn, std::uint32_t tid, Ns at_ns) {
    auto event = make<tw_ev_conn_connect>(TW_EV_CONN_CONNECT, at_ns);
    event.conn_id = conn;
    event.pid = 100;
    event.tid = tid;
    return push(event);
  }

  /// The peer acknowledged, at the end of what was sent so far.
  EventBuilder& ack(std::uint64_t conn, Ns at_ns, std::uint8_t flags = TW_ACK_ALL) {
    auto event = make<tw_ev_ack>(TW_EV_ACK, at_ns);
    event.conn_id = conn;
    event.offset_bytes = streams_[conn].offset[TW_DIR_OUT];
    event.flags = flags;
    return push(event);
  }

  /// Thread `tid` goes to sleep at `at_ns`, or (with a period) was met on a CPU. `user_stack` tells
  /// one place from another.
  EventBuilder& stack(std::uint32_t tid,
                      Ns at_ns,
                      std::int32_t user_stack,
                      std::uint32_t period_ns = 0) {
    auto event = make<tw_ev_stack>(TW_EV_STACK, at_ns);
    event.pid = 100;
    event.tid = tid;
    event.user_stack = user_stack;
    event.kernel_stack = -14;
    event.period_ns = period_ns;
    event.kind = period_ns > 0 ? TW_STACK_CPU : TW_STACK_SLEEP;
    return push(event);
  }

  /// Of a socket on port 53 of the loopback address.
  EventBuilder& datagram(std::uint64_t socket,
                         tw_dir dir,
                         Ns at_ns,
                         std::string_view bytes,
                         const DatagramOptions& options = {}) {
    auto event = make<tw_ev_datagram>(TW_EV_DATAGRAM, at_ns);
    event.hdr.size_bytes = static_cast<__u32>(sizeof(event) + bytes.size());
    event.socket_id = socket;
    event.arrived_ns = options.arrived_ns;
    event.len_bytes = options.len != 0 ? options.len : static_cast<__u32>(bytes.size());
    event.captured_bytes = static_cast<__u32>(bytes.size());
    event.pid = 100;
    event.tid = options.tid;
    event.local_port = 53;
    event.remote_port = options.remote_port;
    event.dir = static_cast<__u8>(dir);
    event.family = TW_AF_INET;
    event.flags = options.remote_port != 0 ? TW_DATAGRAM_REMOTE : 0;
    event.local[0] = event.remote[0] = 127;
    event.local[3] = event.remote[3] = 1;
    std::vector<std::byte> record(sizeof(event) + bytes.size());
    std::memcpy(record.data(), &event, sizeof(event));
    if (!bytes.empty()) std::memcpy(record.data() + sizeof(event), bytes.data(), bytes.size());
    return raw(record);
  }

  EventBuilder& call_errors(
      std::uint32_t tid, Ns at_ns, std::uint32_t count, std::uint16_t nr, std::uint16_t error) {
    auto event = make<tw_ev_call_errors>(TW_EV_CALL_ERRORS, at_ns);
    event.pid = 100;
    event.tid = tid;
    event.count = count;
    event.nr = nr;
    event.error = error;
    return push(event);
  }

  /// Any bytes as a record: for records that no kernel would send.
  EventBuilder& raw(std::span<const std::byte> bytes) {
    const std::size_t words = (bytes.size() + 7) / 8;
    Place place{words_.size(), bytes.size()};
    words_.resize(words_.size() + words);
    if (!bytes.empty()) std::memcpy(&words_[place.word], bytes.data(), bytes.size());
    places_.push_back(place);
    return *this;
  }

  /// The records, each 8-aligned. Invalid after the next call of the builder.
  std::vector<std::span<const std::byte>> records() const&& = delete;
  [[nodiscard]] std::vector<std::span<const std::byte>> records() const& {
    std::vector<std::span<const std::byte>> all;
    all.reserve(places_.size());
    for (const Place& place : places_) {
      const auto bytes = std::as_bytes(std::span(words_)).subspan(place.word * 8, place.size);
      all.push_back(bytes);
    }
    return all;
  }

  /// Every record through decode() to handler.on_event(); what decode() refuses is left out.
  void feed(EventHandler& handler) const {
    for (const auto record : records()) {
      if (const Decoded event = decode(record)) handler.on_event(*event);
    }
  }

  /// The stamp of the record built last.
  [[nodiscard]] Ns last_ns() const { return last_ns_; }
  /// The next offset of a stream.
  [[nodiscard]] std::uint64_t offset(std::uint64_t conn, tw_dir dir) const {
    const auto stream = streams_.find(conn);
    return stream == streams_.end() ? 0 : stream->second.offset[dir];
  }

 private:
  struct Place {
    std::size_t word;
    std::size_t size;
  };
  struct Stream {
    std::array<std::uint64_t, 2> offset{};
    std::array<std::uint64_t, 2> plain{};  // of the TLS library's plaintext
  };

  template <class Event>
  Event make(tw_event_type type, Ns at_ns) {
    Event event{};
    event.hdr = {
        .ts_ns = at_ns, .type = static_cast<__u16>(type), .cpu = 0, .size_bytes = sizeof(Event)};
    last_ns_ = at_ns;
    return event;
  }

  template <class Event>
  EventBuilder& push(const Event& event) {
    return raw(std::as_bytes(std::span(&event, 1)));
  }

  static void set_comm(char (&field)[TW_COMM_BYTES], std::string_view comm) {
    // the kernel keeps a NUL at the end
    std::ranges::copy(comm.substr(0, TW_COMM_BYTES - 1), field);
  }

  // As in the kernel: pieces of at most TW_PAYLOAD_MAX, MORE on all but the last, CONT on all but
  // the first; the tail and the stamps of the call are the same in each of its records.
  EventBuilder& call(std::uint64_t conn,
                     tw_dir dir,
                     Ns at_ns,
                     std::string_view bytes,
                     std::size_t len,
                     const CallOptions& options) {
    assert(len > 0);
    const std::size_t captured = std::min(bytes.size(), options.capture_bytes);
    Stream& stream = streams_[conn];
    const bool plain = (options.flags & TW_DATA_PLAIN) != 0;
    std::uint64_t& offset = (plain ? stream.plain : stream.offset)[dir];
    std::size_t done = 0;
    do {
      const std::size_t piece = std::min<std::size_t>(captured - done, TW_PAYLOAD_MAX);
      auto event = make<tw_ev_data>(TW_EV_DATA, at_ns);
      event.hdr.size_bytes = static_cast<__u32>(sizeof(event) + piece);
      event.conn_id = conn;
      event.offset_bytes = offset;
      event.arrived_ns = options.arrived_ns;
      event.accepted_ns = options.accepted_ns;
      event.len_bytes = static_cast<__u32>(len);
      event.piece_off_bytes = static_cast<__u32>(done);
      event.captured_bytes = static_cast<__u32>(piece);
      event.pid = options.pid;
      event.tid = options.tid;
      event.dir = static_cast<__u8>(dir);
      const int more = done + piece < captured ? TW_DATA_MORE : 0;
      const int cont = done > 0 ? TW_DATA_CONT : 0;
      event.flags = static_cast<__u8>(options.flags | more | cont);
      if (captured < bytes.size()) {
        const std::string_view tail =
            bytes.substr(bytes.size() - std::min<std::size_t>(bytes.size(), TW_TAIL_BYTES));
        event.tail_len_bytes = static_cast<__u8>(tail.size());
        std::memcpy(event.tail, tail.data(), tail.size());
      }
      std::vector<std::byte> record(sizeof(event) + piece);
      std::memcpy(record.data(), &event, sizeof(event));
      if (piece > 0) std::memcpy(record.data() + sizeof(event), bytes.data() + done, piece);
      raw(record);
      done += piece;
    } while (done < captured);
    offset += len;
    return *this;
  }

  std::vector<std::uint64_t> words_;
  std::vector<Place> places_;
  std::map<std::uint64_t, Stream> streams_;
  Ns last_ns_ = 0;
};

}  // namespace tailwhy::test
