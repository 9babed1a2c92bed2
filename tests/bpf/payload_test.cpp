// How much of a call is captured, and how the rest is told.
#include "bpf/scene.h"
#include "bpf/sockets.h"

#include <catch2/catch.hpp>

#include <sys/uio.h>

#include <algorithm>
#include <string>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr std::uint32_t kPlenty = 1U << 24;
constexpr std::size_t kCallMax = static_cast<std::size_t>(TW_PIECES_MAX) * TW_PAYLOAD_MAX;

SceneOptions capture(std::uint32_t request, std::uint32_t response) {
  SceneOptions options;
  options.config.request_capture_bytes = request;
  options.config.response_capture_bytes = response;
  return options;
}

// The target accepts one connection and reads blocks of these sizes, each by one call; the body
// may answer in between.
struct ReadScript {
  std::vector<std::size_t> reads;
  std::string answer;  ///< sent after each read; empty: nothing
  std::string begins;  ///< the first bytes of the first block
};

Trace run_reads(const Mode& mode, const ReadScript& script, const SceneOptions& options) {
  const Listener listener = listen_tcp();
  Scene scene(
      mode,
      [&](Side& side) {
        side.wait();
        const int fd = accept_one(listener.fd);
        const int big = 1 << 20;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
        for (const std::size_t size : script.reads) {
          side.wait();
          await_readable(fd, size);
          std::string data(size, '\0');
          must(read(fd, data.data(), size) == static_cast<ssize_t>(size), "read");
          if (!script.answer.empty()) send_all(fd, script.answer);
        }
        close(fd);
      },
      options);
  const int peer = connect_tcp(listener.port);
  close(listener.fd);
  for (std::size_t i = 0; i < script.reads.size(); ++i) {
    scene.await();
    std::string block = pattern(script.reads[i], static_cast<unsigned>(i));
    if (i == 0) block.replace(0, script.begins.size(), script.begins);
    send_all(peer, block);
    scene.go();
    if (!script.answer.empty()) recv_exactly(peer, script.answer.size());
  }
  Trace trace = scene.finish();
  close(peer);
  return trace;
}

// `captured` bytes of what was sent, then the last eight if something is missing.
void check_prefix(const Call& call, const std::string& sent, std::size_t captured) {
  CHECK(call.len == sent.size());
  CHECK(call.payload == sent.substr(0, captured));
  const std::size_t missing = sent.size() - captured;
  CHECK(call.tail == sent.substr(sent.size() - std::min<std::size_t>(missing, TW_TAIL_BYTES)));
}

}  // namespace

TEST_CASE("payload: one call gives up to 16 KiB in order, and its last bytes", "[payload]") {
  const std::vector<std::size_t> sizes = {1,     7,     255,   256,   257,   1023,  1024,
                                          1025,  4095,  4096,  4097,  8191,  8192,  12289,
                                          16383, 16384, 16385, 16391, 16392, 16393, 40000};
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    const Trace trace = run_reads(mode, {sizes, {}}, capture(kPlenty, kPlenty));
    const Connection& conn = trace.only();
    REQUIRE(conn.in.size() == sizes.size());
    for (unsigned i = 0; i < sizes.size(); ++i) {
      INFO(sizes[i] << " bytes");
      check_prefix(conn.in[i], pattern(sizes[i], i), std::min(sizes[i], kCallMax));
    }
    trace.check_no_loss();
  }
}

TEST_CASE("payload: a turn has a budget that its calls share, but for the start of each",
          "[payload]") {
  const Trace trace =
      run_reads(usable_modes().front(), {{6000, 6000, 500, 900}, {}}, capture(8192, 1024));
  const Connection& conn = trace.only();
  REQUIRE(conn.in.size() == 4);
  check_prefix(conn.in[0], pattern(6000, 0), 6000);
  check_prefix(conn.in[1], pattern(6000, 1), 2192);
  check_prefix(conn.in[2], pattern(500, 2), 500);  // 512 of every call
  check_prefix(conn.in[3], pattern(900, 3), 512);
  trace.check_no_loss();
}

TEST_CASE("payload: an answer begins a new turn, whose budget grows with the question",
          "[payload]") {
  const std::string answer = pattern(3000, 77);
  const Trace trace =
      run_reads(usable_modes().front(), {{10000, 100, 9000}, answer}, capture(8192, 1024));
  const Connection& conn = trace.only();
  REQUIRE(conn.in.size() == 3);
  REQUIRE(conn.out.size() == 3);
  check_prefix(conn.in[0], pattern(10000, 0), 8192);
  check_prefix(conn.out[0], answer, 3000);  // 1024 + 16 * 4096
  check_prefix(conn.in[1], pattern(100, 1), 100);
  check_prefix(conn.out[1], answer, 2624);  // 1024 + 16 * 100
  check_prefix(conn.in[2], pattern(9000, 2), 8192);
  check_prefix(conn.out[2], answer, 3000);
  trace.check_no_loss();
}

TEST_CASE("payload: a connection that begins with a signature gives 16 KiB of each call",
          "[payload]") {
  const std::string answer = pattern(20000, 77);
  SceneOptions options = capture(8192, 1024);
  options.config.framed_signatures = {"short", "SIGNATURE of frames"};
  for (const Mode& mode : usable_modes()) {
    for (const std::string begins : {"SIGNATURE", "SIGNATURe", "SIGNATUrE"}) {
      const bool framed = begins == "SIGNATURE";
      INFO(mode.name << " " << begins);
      const Trace trace = run_reads(mode, {{100, 10000, 40000}, answer, begins}, options);
      const Connection& conn = trace.only();
      REQUIRE(conn.in.size() == 3);
      REQUIRE(conn.out.size() == 3);
      check_prefix(conn.in[1], pattern(10000, 1), framed ? 10000 : 8192);
      check_prefix(conn.in[2], pattern(40000, 2), framed ? kCallMax : 8192);
      check_prefix(conn.out[0], answer, framed ? kCallMax : 1024 + 16 * 100);
      trace.check_no_loss();
    }
  }
}

TEST_CASE("payload: lists of up to 40 segments, empty ones among them", "[payload]") {
  constexpr std::size_t kSegment = 37;
  const Listener listener = listen_tcp();
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    Scene scene(
        mode,
        [&](Side& side) {
          side.wait();
          const int fd = accept_one(listener.fd);
          for (std::size_t count = 1; count <= 40; ++count) {
            std::string data = pattern(count * kSegment, static_cast<unsigned>(count));
            std::vector<iovec> parts;
            for (std::size_t i = 0; i < count; ++i) {
              if (i % 3 == 0) parts.push_back({data.data(), 0});
              parts.push_back({data.data() + i * kSegment, kSegment});
            }
            must(writev(fd, parts.data(), static_cast<int>(parts.size())) ==
                     static_cast<ssize_t>(data.size()),
                 "writev");
          }
          close(fd);
        },
        capture(kPlenty, kPlenty));
    const int peer = connect_tcp(listener.port);
    for (std::size_t count = 1; count <= 40; ++count) {
      recv_exactly(peer, count * kSegment);
    }
    const Trace trace = scene.finish();
    close(peer);
    const Connection& conn = trace.only();
    REQUIRE(conn.out.size() == 40);
    for (std::size_t count = 1; count <= 40; ++count) {
      INFO(count << " segments");
      const Call& call = conn.out[count - 1];
      const std::string sent = pattern(count * kSegment, static_cast<unsigned>(count));
      // One record takes 24 of them, the next one goes on.
      check_prefix(call, sent, sent.size());
    }
    trace.check_no_loss();
  }
  close(listener.fd);
}

TEST_CASE("payload: pieces of a segment list join where records end", "[payload]") {
  // 1024 is what one copy takes, 4096 what one record holds: segments that straddle both.
  const std::vector<std::size_t> segments = {1000, 3000, 96, 1, 4096, 5000, 3191};
  std::size_t total = 0;
  for (const std::size_t size : segments) {
    total += size;
  }
  const Listener listener = listen_tcp();
  Scene scene(
      usable_modes().front(),
      [&](Side& side) {
        side.wait();
        const int fd = accept_one(listener.fd);
        std::string data = pattern(total);
        std::vector<iovec> parts;
        std::size_t at = 0;
        for (const std::size_t size : segments) {
          parts.push_back({data.data() + at, size});
          at += size;
        }
        must(
            writev(fd, parts.data(), static_cast<int>(parts.size())) == static_cast<ssize_t>(total),
            "writev");
        close(fd);
      },
      capture(kPlenty, kPlenty));
  const int peer = connect_tcp(listener.port);
  close(listener.fd);
  recv_exactly(peer, total);
  const Trace trace = scene.finish();
  close(peer);
  REQUIRE(trace.only().out.size() == 1);
  const Call& call = trace.only().out.front();
  CHECK(call.records == 4);
  check_prefix(call, pattern(total), total);
  trace.check_no_loss();
}

TEST_CASE("payload: without payload there are sizes and offsets", "[payload]") {
  SceneOptions options;
  options.config.want_payload = false;
  const Trace trace = run_reads(usable_modes().front(), {{100, 20000}, {}}, options);
  const Connection& conn = trace.only();
  REQUIRE(conn.in.size() == 2);
  CHECK(conn.in[1].offset == 100);
  CHECK(conn.in[1].len == 20000);
  CHECK(conn.in[1].payload.empty());
  CHECK(conn.in[1].flags == TW_DATA_UNREADABLE);
  trace.check_no_loss();  // it was not wanted: nothing is lost
}

TEST_CASE("payload: partial reads go on where the one before ended", "[payload]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    const Listener listener = listen_tcp();
    Scene scene(mode, [&](Side& side) {
      side.wait();
      const int fd = accept_one(listener.fd);
      await_readable(fd, 1000);
      std::string data(1000, '\0');
      for (const std::size_t size : {1, 299, 700}) {
        must(read(fd, data.data(), size) == static_cast<ssize_t>(size), "read");
      }
      close(fd);
    });
    const int peer = connect_tcp(listener.port);
    close(listener.fd);
    send_all(peer, pattern(1000));
    const Trace trace = scene.finish();
    close(peer);
    const Connection& conn = trace.only();
    REQUIRE(conn.in.size() == 3);
    CHECK(conn.in[0].offset == 0);
    CHECK(conn.in[1].offset == 1);
    CHECK(conn.in[2].offset == 300);
    CHECK(conn.in_payload() == pattern(1000));
    // one segment came: all three were readable at the same moment
    CHECK(conn.in[0].arrived_ns > 0);
    CHECK(conn.in[1].arrived_ns == conn.in[0].arrived_ns);
    CHECK(conn.in[2].arrived_ns == conn.in[0].arrived_ns);
    trace.check_no_loss();
  }
}
