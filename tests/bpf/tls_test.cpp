// Plaintext at the functions of a TLS library: which connection it is told of, and which not. The
// library is a small one in this file, with OpenSSL's names and the sizes of its records.
#include "bpf/scene.h"
#include "bpf/sockets.h"
#include "symbols/root_file.h"
#include "symbols/tls_library.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr std::size_t kHeader = 5;
constexpr std::size_t kTag = 17;

struct Session {
  int fd = -1;
  std::string plaintext;         // read and not given yet
  std::function<void()> within;  // what the program does when the library calls it
};

std::string record(std::string_view plaintext) {
  const std::size_t size = plaintext.size() + kTag;
  std::string made{'\x17', 3, 3, static_cast<char>(size >> 8), static_cast<char>(size & 0xff)};
  for (const char c : plaintext)
    made += static_cast<char>(c ^ 0x55);
  return made + std::string(kTag, '\0');
}

std::string opened(std::string_view bytes) {
  std::string plaintext;
  for (const char c : bytes.substr(kHeader, bytes.size() - kHeader - kTag))
    plaintext += static_cast<char>(c ^ 0x55);
  return plaintext;
}

}  // namespace

extern "C" {

// Reads one record if nothing is left of the last.
__attribute__((noinline)) int SSL_read(Session* session, void* buffer, int size) {
  if (session->plaintext.empty()) {
    std::string bytes = recv_exactly(session->fd, kHeader);
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    bytes += recv_exactly(session->fd, byte(3) << 8U | byte(4));
    if (session->within) session->within();
    session->plaintext = opened(bytes);
  }
  const std::size_t given = std::min(session->plaintext.size(), static_cast<std::size_t>(size));
  std::memcpy(buffer, session->plaintext.data(), given);
  session->plaintext.erase(0, given);
  return static_cast<int>(given);
}

__attribute__((noinline)) int SSL_do_handshake(Session* session) {
  return session->fd >= 0 ? 1 : -1;
}

__attribute__((noinline)) int SSL_write_ex(Session* session,
                                           const void* buffer,
                                           std::size_t size,
                                           std::size_t* written) {
  send_all(session->fd, record({static_cast<const char*>(buffer), size}));
  *written = size;
  return 1;
}
}

namespace {

std::string read_some(Session& session, std::size_t size) {
  std::string buffer(size, '\0');
  const int got = SSL_read(&session, buffer.data(), static_cast<int>(size));
  must(got > 0, "SSL_read");
  buffer.resize(static_cast<std::size_t>(got));
  return buffer;
}

void write_all(Session& session, std::string_view data) {
  std::size_t written = 0;
  must(SSL_write_ex(&session, data.data(), data.size(), &written) == 1, "SSL_write_ex");
}

void attach(Scene& scene) {
  const UniqueFd file = open_regular("/proc/self/exe");
  const auto library = find_tls_functions(file);
  REQUIRE(library.has_value());
  const auto points = [](const std::vector<CodeProbe>& probes) {
    std::vector<UprobePoint> made;
    for (const CodeProbe& probe : probes)
      made.push_back({probe.offset, probe.cookie, probe.on_return});
    return made;
  };
  const auto done = scene.tracer().attach_tls(library->file.get(), points(library->entered),
                                              points(library->left));
  INFO((done ? "" : done.error().to_string()));
  REQUIRE(done);
}

// By links of many places, by events, and with the sockets known by address.
std::vector<Mode> modes() {
  std::vector<Mode> modes = usable_modes();
  modes.push_back(modes.front());
  modes.back().name = "perf uprobes";
  modes.back().masked.push_back(TW_FEAT_UPROBE_MULTI);
  return modes;
}

// The target accepts a connection, stands still while the probes are attached, and goes on.
Trace serve(const Mode& mode,
            const std::vector<std::string>& records,
            const std::function<void(Session&)>& body) {
  const Listener listener = listen_tcp();
  Scene scene(mode, [&](Side& side) {
    side.wait();
    Session session;
    session.fd = accept_one(listener.fd);
    side.wait();
    body(session);
    close(session.fd);
  });
  const int peer = connect_tcp(listener.port);
  close(listener.fd);
  scene.await();
  attach(scene);
  for (const std::string& plaintext : records)
    send_all(peer, record(plaintext));
  scene.go();
  Trace trace = scene.finish();
  close(peer);
  return trace;
}

std::string payload(const std::vector<Call>& calls) {
  std::string all;
  for (const Call& call : calls)
    all += call.payload;
  return all;
}

}  // namespace

TEST_CASE("tls: plaintext is told behind the socket's calls, with offsets of its own", "[tls]") {
  for (const Mode& mode : modes()) {
    INFO(mode.name);
    const Trace trace = serve(mode, {"question one", "two"}, [](Session& session) {
      must(read_some(session, 100) == "question one", "the first");
      write_all(session, "answer");
      must(read_some(session, 2) == "tw", "a part of the second");
      must(read_some(session, 2) == "o", "the rest, without a call");
      write_all(session, "end");
    });
    const Connection& conn = trace.only();
    REQUIRE(conn.plain_in.size() == 3);
    CHECK(payload(conn.plain_in) == "question onetwo");
    CHECK(conn.plain_in[1].offset == 12);
    CHECK(conn.plain_in[2].offset == 14);
    CHECK(conn.plain_in[0].ts_ns >= conn.in[1].ts_ns);
    CHECK(conn.plain_in[0].ts_ns < conn.in[2].ts_ns);
    CHECK(payload(conn.plain_out) == "answerend");
    CHECK(conn.plain_out[1].offset == 6);
    for (const Call& call : conn.in)
      CHECK((call.flags & TW_DATA_TLS) != 0);
    CHECK(conn.plain_in[0].tid == trace.only().in[0].tid);
    trace.check_no_loss();
  }
}

TEST_CASE("tls: what else the program uses within a call is not joined", "[tls]") {
  const Mode& mode = usable_modes().front();
  const Trace trace = serve(mode, {"question"}, [](Session& session) {
    const auto [near, far] = socket_pair();
    const int own = near;
    const int others = far;
    session.within = [own, others] {
      send_all(own, "plain words");
      recv_exactly(others, 11);
    };
    must(read_some(session, 100) == "question", "read");
    write_all(session, "answer");
  });
  for (const Connection& conn : trace.conns) {
    const bool secured = !conn.opens.empty() && conn.opens.front().role == TW_ROLE_SERVER;
    CHECK(payload(conn.plain_in) == (secured ? "question" : ""));
    CHECK(payload(conn.plain_out) == (secured ? "answer" : ""));
    if (secured) continue;
    for (const Call& call : conn.out)
      CHECK((call.flags & TW_DATA_TLS) == 0);
  }
}

TEST_CASE("tls: a read that shakes hands within gives its plaintext all the same", "[tls]") {
  const Trace trace = serve(usable_modes().front(), {"question"}, [](Session& session) {
    session.within = [&session] { must(SSL_do_handshake(&session) == 1, "shake hands"); };
    must(SSL_do_handshake(&session) == 1, "shake hands");
    must(read_some(session, 100) == "question", "read");
  });
  CHECK(payload(trace.only().plain_in) == "question");
  trace.check_no_loss();
}

TEST_CASE("tls: a session whose program reads for it has the connection of that read", "[tls]") {
  const Trace trace = serve(usable_modes().front(), {"question", "two"}, [](Session& session) {
    session.plaintext = opened(recv_exactly(session.fd, kHeader + 8 + kTag));
    must(read_some(session, 100) == "question", "read");
    session.plaintext = opened(recv_exactly(session.fd, kHeader + 3 + kTag));
    must(read_some(session, 100) == "two", "read");
  });
  const Connection& conn = trace.only();
  CHECK(payload(conn.plain_in) == "questiontwo");
  REQUIRE(conn.in.size() == 2);
  CHECK((conn.in[0].flags & TW_DATA_TLS) == 0);  // nobody could know yet
  CHECK((conn.in[1].flags & TW_DATA_TLS) != 0);
  CHECK((conn.plain_in[0].flags & TW_DATA_TLS) == 0);
  trace.check_no_loss();
}

TEST_CASE("tls: in the middle of a connection it takes two such reads in a row", "[tls]") {
  const Listener listener = listen_tcp();
  Scene scene(usable_modes().front(), [&](Side& side) {
    side.wait();
    Session session;
    session.fd = accept_one(listener.fd);
    recv_exactly(session.fd, kHeader + 1 + kTag);
    side.wait();
    for (int i = 0; i < 3; ++i) {
      session.plaintext = opened(recv_exactly(session.fd, kHeader + 1 + kTag));
      must(read_some(session, 100) == "x", "read");
    }
  });
  const int peer = connect_tcp(listener.port);
  for (int i = 0; i < 4; ++i)
    send_all(peer, record("x"));
  scene.await();
  attach(scene);
  scene.go();
  const Trace trace = scene.finish();
  close(peer);
  CHECK(payload(trace.only().plain_in) == "xx");
  CHECK(trace.losses[TW_CNT_TLS_UNJOINED] == 1);
}

TEST_CASE("tls: who reads several connections at once has sessions that nobody joins", "[tls]") {
  const Listener listener = listen_tcp();
  Scene scene(usable_modes().front(), [&](Side& side) {
    side.wait();
    side.wait();
    Session first;
    Session second;
    first.fd = accept_one(listener.fd);
    second.fd = accept_one(listener.fd);
    first.plaintext = opened(recv_exactly(first.fd, kHeader + 3 + kTag));
    second.plaintext = opened(recv_exactly(second.fd, kHeader + 3 + kTag));
    must(read_some(first, 100) == "one", "read");
    must(read_some(second, 100) == "two", "read");
  });
  scene.await();
  attach(scene);
  scene.go();
  const int one = connect_tcp(listener.port);
  send_all(one, record("one"));
  const int two = connect_tcp(listener.port);
  send_all(two, record("two"));
  const Trace trace = scene.finish();
  for (const Connection& conn : trace.conns)
    CHECK(conn.plain_in.empty());
  CHECK(trace.losses[TW_CNT_TLS_UNJOINED] == 2);
  close(one);
  close(two);
}

TEST_CASE("tls: a session that is used again is that of its new connection", "[tls]") {
  const Listener listener = listen_tcp();
  Scene scene(usable_modes().front(), [&](Side& side) {
    side.wait();
    Session session;
    side.wait();
    for (const char* text : {"first", "second"}) {
      session.fd = accept_one(listener.fd);
      must(read_some(session, 100) == text, "read");
      write_all(session, text);
      close(session.fd);
    }
  });
  scene.await();
  attach(scene);
  scene.go();
  for (const char* text : {"first", "second"}) {
    const int peer = connect_tcp(listener.port);
    send_all(peer, record(text));
    recv_exactly(peer, record(text).size());
    close(peer);
  }
  const Trace trace = scene.finish();
  close(listener.fd);
  REQUIRE(trace.conns.size() == 2);
  for (const std::size_t i : {0U, 1U}) {
    REQUIRE(trace.conns[i].plain_in.size() == 1);
    CHECK(trace.conns[i].plain_in[0].offset == 0);
    CHECK(payload(trace.conns[i].plain_in) == (i == 0 ? "first" : "second"));
    CHECK(payload(trace.conns[i].plain_out) == (i == 0 ? "first" : "second"));
  }
  trace.check_no_loss();
}
