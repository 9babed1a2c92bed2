#include "targets/proc_stat.h"

#include <catch2/catch.hpp>

#include <fmt/format.h>
#include <string>

using namespace tailwhy;

namespace {

// The fields after the name, up to the exit code.
std::string stat_line(std::string_view comm, char state = 'S', int threads = 3, int exit_code = 0) {
  return fmt::format(
      "4242 ({}) {} 17 4242 4242 0 -1 4194560 100 7 3 0 55 66 1 1 20 0 {} 0 987654 45031424 3478 "
      "18446744073709551615 1 1 0 0 0 0 0 4096 1256 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 {}\n",
      comm, state, threads, exit_code);
}

}  // namespace

TEST_CASE("stat: every field that we use is where the kernel writes it", "[targets][proc_stat]") {
  const auto stat = parse_stat(stat_line("nginx"));
  REQUIRE(stat);
  CHECK(stat->id == ProcessId{4242, 987654});
  CHECK(stat->ppid == 17);
  CHECK(stat->comm == "nginx");
  CHECK(stat->state == 'S');
  CHECK(stat->flags == 4194560);
  CHECK(stat->minor_faults == 100);
  CHECK(stat->reaped_minor_faults == 7);
  CHECK(stat->major_faults == 3);
  CHECK(stat->user_ticks == 55);
  CHECK(stat->system_ticks == 66);
  CHECK(stat->threads == 3);
  CHECK_FALSE(stat->kernel_thread());
  CHECK_FALSE(stat->zombie());
  CHECK_FALSE(stat->exit_code.has_value());
}

TEST_CASE("stat: a name can hold anything and still ends at the last parenthesis",
          "[targets][proc_stat]") {
  for (const std::string comm : {") R 1 2 3", "a b", "a\nb", "\x1b[31mred", "((", "))", "",
                                 ") S 17 (", "\xff\xfe", "kworker/u8:2-events_unbound"}) {
    const auto stat = parse_stat(stat_line(comm));
    INFO("comm: " << comm);
    REQUIRE(stat);
    CHECK(stat->comm == comm);
    CHECK(stat->ppid == 17);
    CHECK(stat->id == ProcessId{4242, 987654});
  }
}

TEST_CASE("stat: a cut line is an error at every length", "[targets][proc_stat]") {
  const std::string line = stat_line("nginx");
  const std::size_t enough = line.find("987654") + 6;
  for (std::size_t size = 0; size < line.find("987654"); ++size) {
    INFO(size);
    CHECK_FALSE(parse_stat(line.substr(0, size)));
  }
  CHECK(parse_stat(line.substr(0, enough)));
  CHECK_FALSE(parse_stat("garbage"));
  CHECK_FALSE(parse_stat("x (y) S 1"));
}

TEST_CASE("stat: a process is a zombie only when its last thread has ended",
          "[targets][proc_stat]") {
  CHECK(parse_stat(stat_line("x", 'Z', 1))->zombie());
  CHECK_FALSE(parse_stat(stat_line("x", 'Z', 2))->zombie());
  CHECK(parse_stat(stat_line("x", 'X', 1))->zombie());
  CHECK(parse_stat(stat_line("x", 'Z', 1, 1792))->exit_code == 1792);
}

TEST_CASE("stat: kernel threads are known by their flag", "[targets][proc_stat]") {
  std::string line = stat_line("kthreadd");
  line.replace(line.find("4194560"), 7, "2129984");
  CHECK(parse_stat(line)->kernel_thread());
}

TEST_CASE("status: our fields are found, missing ones stay 0", "[targets][proc_stat]") {
  const ProcStatus status = parse_status(
      "Name:\tx:y\\n\nTgid:\t77\nUid:\t1000\t33\t0\t0\nNSpid:\t77\t5\t1\nVmHWM:\t    1780 kB\n"
      "voluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t34\n");
  CHECK(status.tgid == 77);
  CHECK(status.uid == 33);
  CHECK(status.ns_pids == std::vector<pid_t>{77, 5, 1});
  CHECK(status.peak_rss_bytes == 1780 * 1024);
  CHECK(status.voluntary_switches == 12);
  CHECK(status.involuntary_switches == 34);

  const ProcStatus empty = parse_status("\n::\nnothing here");
  CHECK(empty.tgid == 0);
  CHECK(empty.ns_pids.empty());
}

TEST_CASE("fields and lines are cut off one by one until nothing is left", "[targets][proc_stat]") {
  std::string_view text = " a\tbc  d";
  CHECK(next_field(text) == "a");
  CHECK(next_field(text) == "bc");
  CHECK(next_field(text) == "d");
  CHECK(next_field(text).empty());
  text = "one\n\nthree";
  CHECK(next_line(text) == "one");
  CHECK(next_line(text).empty());
  CHECK(next_line(text) == "three");
  CHECK(text.empty());
}
