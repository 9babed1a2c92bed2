// When a peer has everything that was sent to it, and when it takes no more.
#include "bpf/exchange.h"
#include "bpf/scene.h"
#include "bpf/sockets.h"

#include <catch2/catch.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <unistd.h>

using namespace tailwhy;
using namespace tailwhy::test;

TEST_CASE("ack: told when the peer has the last byte, after the call's record", "[ack]") {
  const Listener listener = listen_tcp();
  Scene scene(usable_modes().front(), [&](Side& side) {
    side.wait();
    serve(listener.fd, 1);
  });
  const int peer = connect_tcp(listener.port);
  close(listener.fd);
  ask(peer);
  close(peer);
  const Trace trace = scene.finish();
  const std::uint64_t sent = trace.only().close().out_bytes;
  REQUIRE_FALSE(trace.acks.empty());
  const tw_ev_ack& ack = trace.acks.front();
  CHECK(ack.conn_id == trace.only().open().conn_id);
  CHECK(ack.offset_bytes == sent);
  CHECK(ack.flags == TW_ACK_ALL);
  CHECK(ack.hdr.ts_ns <= trace.only().close().hdr.ts_ns);
  trace.check_no_loss();
}

TEST_CASE("ack: a client that does not read closes its window, and opens it again", "[ack]") {
  const Listener listener = listen_tcp();
  constexpr std::size_t kBytes = 8U << 20U;
  Scene scene(usable_modes().front(), [&](Side& side) {
    side.wait();
    const int served = accept_one(listener.fd);
    send_all(served, std::string(kBytes, 'x'));
    close(served);
  });
  const int peer = connect_tcp(listener.port);
  close(listener.fd);
  usleep(300'000);
  std::string buffer(1U << 20U, '\0');
  while (::read(peer, buffer.data(), buffer.size()) > 0) {
  }
  close(peer);
  const Trace trace = scene.finish();
  const auto has = [&](std::uint8_t flag) {
    return std::any_of(trace.acks.begin(), trace.acks.end(),
                       [&](const tw_ev_ack& ack) { return (ack.flags & flag) != 0; });
  };
  CHECK(has(TW_ACK_NO_WINDOW));
  CHECK(has(TW_ACK_WINDOW));
  REQUIRE(has(TW_ACK_ALL));
  CHECK(trace.acks.back().offset_bytes == kBytes);
  trace.check_no_loss();
}

TEST_CASE("ack: nothing is told where it was not asked for", "[ack]") {
  const Listener listener = listen_tcp();
  SceneOptions options;
  options.groups.without(HookGroup::Ack);
  Scene scene(
      usable_modes().front(),
      [&](Side& side) {
        side.wait();
        serve(listener.fd, 1);
      },
      options);
  const int peer = connect_tcp(listener.port);
  close(listener.fd);
  ask(peer);
  close(peer);
  CHECK(scene.finish().acks.empty());
}
