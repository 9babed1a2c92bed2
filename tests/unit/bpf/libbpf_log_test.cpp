// What libbpf says becomes part of an error: the right words, and the right program.
#include "bpf/libbpf_log.h"

#include <catch2/catch.hpp>

#include <bpf/libbpf.h>

#include <string>

using namespace tailwhy;

TEST_CASE("libbpf's messages are caught, and only while somebody listens", "[libbpf]") {
  const LibbpfLog outer;
  {
    const LibbpfLog log;
    CHECK(bpf_object__open_file("/nonexistent/tracer.bpf.o", nullptr) == nullptr);
    CHECK(log.last_words().find("/nonexistent/tracer.bpf.o") != std::string::npos);
  }
  CHECK(outer.lines().empty());
}

TEST_CASE("of a refused program its name and the verifier's last words are kept", "[libbpf]") {
  LibbpfLog log;
  log.take("libbpf: prog 'fork_tp': something earlier\n");
  log.take(
      "libbpf: prog 'sock_recv_tp': -- BEGIN PROG LOAD LOG --\n"
      "0: (bf) r6 = r1\n"
      "17: (71) r1 = *(u8 *)(r0 +0)\n"
      "R0 invalid mem access 'map_value_or_null'\n"
      "processed 18 insns (limit 1000000) max_states_per_insn 0\n"
      "-- END PROG LOAD LOG --\n");
  log.take("libbpf: prog 'sock_recv_tp': failed to load: -13\n");
  log.take("libbpf: failed to load object 'tracer_bpf'\n");
  CHECK(log.program() == "sock_recv_tp");
  CHECK(log.last_words() ==
        "0: (bf) r6 = r1 | 17: (71) r1 = *(u8 *)(r0 +0) | R0 invalid mem access "
        "'map_value_or_null' | libbpf: prog 'sock_recv_tp': failed to load: -13");
}

TEST_CASE("a log without a program names none", "[libbpf]") {
  LibbpfLog log;
  CHECK(log.program().empty());
  CHECK(log.last_words().empty());
  log.take("libbpf: map 'events': failed to create: Invalid argument(-22)\n");
  CHECK(log.program().empty());
  CHECK(log.last_words() == "libbpf: map 'events': failed to create: Invalid argument(-22)");
}

TEST_CASE("a verifier log of any length keeps its end", "[libbpf]") {
  LibbpfLog log;
  std::string text;
  for (int i = 0; i < 100000; ++i) {
    text += "line " + std::to_string(i) + "\n";
  }
  log.take(text);
  CHECK(log.lines().size() <= 400);
  CHECK(log.lines().back() == "line 99999");
}
