// When each of several pipelined segments arrived, and what is told of those for whose stamps there
// was no room.
#include "bpf/scene.h"
#include "bpf/sockets.h"

#include <catch2/catch.hpp>

#include <netinet/tcp.h>
#include <string>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr std::size_t kSegmentBytes = 10;
constexpr std::size_t kSegments = 6;
constexpr std::size_t kStamps = 4;  // that a socket has room for

// The segments wait in the socket, and are then read by calls of these sizes; then one more comes.
// `sent` are the moments before each was sent: when the one before could be read already.
Trace read_late(const Mode& mode, const std::vector<std::size_t>& reads, std::vector<Ns>& sent) {
  const Listener listener = listen_tcp();
  Scene scene(mode, [&](Side& side) {
    side.wait();
    const int fd = accept_one(listener.fd);
    for (std::size_t i = 1; i <= kSegments; ++i) {
      side.wait();
      await_readable(fd, i * kSegmentBytes);
    }
    for (const std::size_t size : reads) {
      std::string data(size, '\0');
      must(read(fd, data.data(), size) == static_cast<ssize_t>(size), "read");
    }
    side.wait();
    recv_exactly(fd, kSegmentBytes);
    close(fd);
  });
  const int peer = connect_tcp(listener.port);
  close(listener.fd);
  const int on = 1;
  must(setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0, "TCP_NODELAY");
  for (unsigned i = 0; i <= kSegments; ++i) {
    scene.await();
    sent.push_back(mono_now());
    send_all(peer, pattern(kSegmentBytes, i));
    scene.go();
  }
  const Trace trace = scene.finish();
  close(peer);
  return trace;
}

void check_arrival(const tw_ev_arrival& arrival, std::size_t segment, const std::vector<Ns>& sent) {
  INFO("segment " << segment);
  CHECK(arrival.offset_bytes == segment * kSegmentBytes);
  CHECK(arrival.hdr.ts_ns > sent[segment]);
  CHECK(arrival.hdr.ts_ns < sent[segment + 1]);
}

// What came when there was no room is told once, by its first byte, as not known.
void check_rest_unknown(const Trace& trace, Ns read_ns) {
  const tw_ev_arrival& rest = trace.only().arrivals.back();
  CHECK(rest.offset_bytes == ((kStamps * kSegmentBytes) | TW_ARRIVAL_UNKNOWN));
  CHECK(rest.hdr.ts_ns == read_ns);
  CHECK(trace.losses[TW_CNT_ARRIVAL_FULL] == kSegments - kStamps);
  trace.check_no_loss({TW_CNT_ARRIVAL_FULL});
}

}  // namespace

TEST_CASE("io: of segments that wait to be read, four have a stamp and the rest says so",
          "[io][arrival]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    std::vector<Ns> sent;
    const Trace trace = read_late(mode, {kSegments * kSegmentBytes}, sent);
    const Connection& conn = trace.only();
    REQUIRE(conn.in.size() == 2);
    CHECK(conn.in[0].len == kSegments * kSegmentBytes);
    CHECK(conn.in[0].arrived_ns > sent[0]);
    CHECK(conn.in[0].arrived_ns < sent[1]);
    REQUIRE(conn.arrivals.size() == kStamps);
    for (std::size_t i = 1; i < kStamps; ++i)
      check_arrival(conn.arrivals[i - 1], i, sent);
    check_rest_unknown(trace, conn.in[0].ts_ns);
    CHECK(conn.in[1].arrived_ns > sent[kSegments]);  // there is room again
  }
}

TEST_CASE("io: a segment that two reads share has its stamp for both", "[io][arrival]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    std::vector<Ns> sent;
    const Trace trace = read_late(mode, {25, 35}, sent);
    const Connection& conn = trace.only();
    REQUIRE(conn.in.size() == 3);
    CHECK(conn.in[1].offset == 25);
    REQUIRE(conn.arrivals.size() == kStamps);
    check_arrival(conn.arrivals[0], 1, sent);
    check_arrival(conn.arrivals[1], 2, sent);
    CHECK(conn.in[1].arrived_ns == conn.arrivals[1].hdr.ts_ns);
    check_arrival(conn.arrivals[2], 3, sent);
    check_rest_unknown(trace, conn.in[1].ts_ns);
    CHECK(conn.in[2].arrived_ns > sent[kSegments]);
  }
}
