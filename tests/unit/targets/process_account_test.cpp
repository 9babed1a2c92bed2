#include "targets/process_account.h"

#include "unit/targets/fake_proc.h"

#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <unistd.h>
#include <utility>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr std::uint64_t kTick = 10'000'000;  // USER_HZ is 100 on every architecture we build for

// A process in a fake tree and its account.
struct Bench {
  explicit Bench(FakeProcess first,
                 Baseline baseline = Baseline::Now,
                 std::size_t max_threads = 512)
      : process(std::move(first)), max(max_threads) {
    fake.put(process);
    auto opened =
        ProcessAccount::open(fake.fs(), {process.pid, process.start_ticks}, baseline, max);
    REQUIRE(opened);
    account.emplace(*std::move(opened));
  }

  // Writes the process as it is now and reads it.
  Result<> read() {
    fake.put(process);
    auto result = account->read(fake.fs(), max);
    account->settle();
    return result;
  }
  const ResourceCounters& total() const { return account->total(); }

  FakeProc fake;
  FakeProcess process;
  std::size_t max;
  std::optional<ProcessAccount> account;
};

FakeProcess busy() {
  return {.pid = 9,
          .user_ticks = 300,
          .system_ticks = 100,
          .minor_faults = 50,
          .major_faults = 5,
          .rss_pages = 100,
          .peak_rss_kib = 1000,
          .read_chars = 10,
          .write_chars = 20,
          .disk_read_bytes = 30,
          .disk_write_bytes = 40,
          .descriptors = {"/dev/null", "pipe:[1]"},
          .threads = {{.tid = 9,
                       .run_ns = 1000,
                       .run_queue_ns = 500,
                       .slices = 7,
                       .voluntary = 4,
                       .involuntary = 3},
                      {.tid = 10,
                       .run_ns = 2000,
                       .run_queue_ns = 600,
                       .slices = 9,
                       .voluntary = 6,
                       .involuntary = 2}}};
}

}  // namespace

TEST_CASE("account: what came before a baseline of now is not counted", "[targets][account]") {
  Bench bench(busy());
  CHECK(bench.total() == ResourceCounters{});
  REQUIRE(bench.read());
  CHECK(bench.total() == ResourceCounters{});
  const ResourceLevels levels = bench.account->levels();
  CHECK(levels.rss_bytes == 100 * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  CHECK(levels.peak_rss_bytes == 1000 * 1024);
  CHECK(levels.threads == 2);
  CHECK(levels.descriptors == 2);
}

TEST_CASE("account: from birth everything counts", "[targets][account]") {
  const Bench bench(busy(), Baseline::Birth);
  CHECK(bench.total().cpu_ns == 400 * kTick);
  CHECK(bench.total().cpu_user_ns == 300 * kTick);
  CHECK(bench.total().cpu_system_ns == 100 * kTick);
  CHECK(bench.total().run_queue_ns == 1100);
  CHECK(bench.total().voluntary_switches == 10);
  CHECK(bench.total().involuntary_switches == 5);
  CHECK(bench.total().minor_faults == 50);
  CHECK(bench.total().major_faults == 5);
  CHECK(bench.total().read_chars == 10);
  CHECK(bench.total().disk_write_bytes == 40);
}

TEST_CASE("account: differences are what was added", "[targets][account]") {
  Bench bench(busy());
  bench.process.user_ticks += 3;
  bench.process.system_ticks += 1;
  bench.process.minor_faults += 11;
  bench.process.major_faults += 1;
  bench.process.read_chars += 100;
  bench.process.write_chars += 200;
  bench.process.disk_read_bytes += 4096;
  bench.process.disk_write_bytes += 8192;
  bench.process.threads[0].run_ns += 5;
  bench.process.threads[1].run_ns += 7;
  bench.process.threads[1].run_queue_ns += 70;
  bench.process.threads[1].slices += 2;
  bench.process.threads[1].voluntary += 1;
  bench.process.threads[1].involuntary += 1;
  REQUIRE(bench.read());
  CHECK(bench.total() == ResourceCounters{.cpu_ns = 4 * kTick,
                                          .cpu_user_ns = 3 * kTick,
                                          .cpu_system_ns = kTick,
                                          .run_queue_ns = 70,
                                          .voluntary_switches = 1,
                                          .involuntary_switches = 1,
                                          .minor_faults = 11,
                                          .major_faults = 1,
                                          .read_chars = 100,
                                          .write_chars = 200,
                                          .disk_read_bytes = 4096,
                                          .disk_write_bytes = 8192});
}

TEST_CASE("account: without the clock, threads that are more exact than ticks win",
          "[targets][account]") {
  Bench bench(busy());
  bench.process.threads[0].run_ns += 123'456;
  bench.process.threads[0].slices += 1;
  REQUIRE(bench.read());
  CHECK(bench.total().cpu_ns == 123'456);
  CHECK(bench.total().cpu_user_ns + bench.total().cpu_system_ns == 123'456);
}

TEST_CASE("account: user and system never shrink and always add up", "[targets][account]") {
  Bench bench(busy());
  ResourceCounters before;
  std::uint64_t seed = 1;
  for (int i = 0; i < 50; ++i) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    bench.process.user_ticks += (seed >> 33) % 3;
    bench.process.system_ticks += (seed >> 40) % 3;
    bench.process.threads[0].run_ns += (seed >> 20) % 40'000'000;
    bench.process.threads[0].slices += 1;
    REQUIRE(bench.read());
    const ResourceCounters& now = bench.total();
    REQUIRE(now.cpu_user_ns >= before.cpu_user_ns);
    REQUIRE(now.cpu_system_ns >= before.cpu_system_ns);
    REQUIRE(now.cpu_user_ns + now.cpu_system_ns == now.cpu_ns);
    before = now;
  }
}

TEST_CASE("account: threads that are born count from 0, ended ones keep what was seen",
          "[targets][account]") {
  Bench bench(busy());
  bench.process.threads.push_back(
      {.tid = 30, .run_ns = 9, .run_queue_ns = 1000, .slices = 1, .voluntary = 8});
  REQUIRE(bench.read());
  CHECK(bench.total().run_queue_ns == 1000);
  CHECK(bench.total().voluntary_switches == 8);

  bench.process.threads.pop_back();
  REQUIRE(bench.read());
  CHECK(bench.total().run_queue_ns == 1000);

  // The number comes back as another thread, which has done less.
  bench.process.threads.push_back(
      {.tid = 30, .run_ns = 3, .run_queue_ns = 50, .slices = 1, .voluntary = 2});
  REQUIRE(bench.read());
  CHECK(bench.total().run_queue_ns == 1050);
  CHECK(bench.total().voluntary_switches == 10);
}

TEST_CASE("account: a thread number that changes hands between two readings starts over",
          "[targets][account]") {
  Bench bench(busy());
  bench.process.threads[1] = {
      .tid = 10, .run_ns = 100, .run_queue_ns = 40, .slices = 1, .voluntary = 1};
  REQUIRE(bench.read());
  CHECK(bench.total().run_queue_ns == 40);
  CHECK(bench.total().voluntary_switches == 1);
}

TEST_CASE("account: a thread that takes the number of an ended one counts whole",
          "[targets][account]") {
  Bench bench(busy());
  const FakeProcess::Thread first = bench.process.threads.front();
  bench.process.threads = {first};  // 10 was there before the baseline, and ends
  REQUIRE(bench.read());
  bench.process.threads = {first, {.tid = 10, .run_ns = 9000, .run_queue_ns = 900, .slices = 90}};
  REQUIRE(bench.read());
  CHECK(bench.total().run_queue_ns == 900);
}

TEST_CASE("account: many threads take turns, nothing is counted twice", "[targets][account]") {
  FakeProcess process{.pid = 9};
  for (pid_t tid = 9; tid < 109; ++tid) {
    process.threads.push_back({.tid = tid, .run_ns = 1000, .run_queue_ns = 1000, .slices = 5});
  }
  Bench bench(process, Baseline::Now, 16);
  CHECK(bench.account->partial());
  CHECK(bench.total().run_queue_ns == 0);
  for (auto& thread : bench.process.threads) {
    thread.run_queue_ns += 1;
    thread.slices += 1;
  }
  // The first round sees the threads for the first time, so at the latest the second counts them
  // all.
  for (int i = 0; i < 14; ++i) {
    REQUIRE(bench.read());
    CHECK(bench.account->partial());
  }
  const std::uint64_t first_round = bench.total().run_queue_ns;
  CHECK(first_round == 16);  // those 16 that had been visited before the change
  for (auto& thread : bench.process.threads) {
    thread.run_queue_ns += 10;
    thread.slices += 1;
  }
  for (int i = 0; i < 14; ++i) {
    REQUIRE(bench.read());
  }
  CHECK(bench.total().run_queue_ns == 16 + 1000);
}

TEST_CASE("account: with turns, a thread born after the start counts whole", "[targets][account]") {
  FakeProcess process{.pid = 9};
  for (pid_t tid = 9; tid < 29; ++tid) {
    process.threads.push_back({.tid = tid});
  }
  Bench bench(process, Baseline::Now, 8);
  bench.process.threads.push_back({.tid = 100, .run_ns = 5, .run_queue_ns = 77, .slices = 1});
  for (int i = 0; i < 6; ++i) {
    REQUIRE(bench.read());
  }
  CHECK(bench.total().run_queue_ns == 77);
}

TEST_CASE("account: threads that come and go unseen are noticed by their CPU time",
          "[targets][account]") {
  Bench bench(busy());
  CHECK_FALSE(bench.account->partial());
  bench.process.user_ticks += 50;  // nobody that we can see did that
  REQUIRE(bench.read());
  CHECK(bench.account->partial());
}

TEST_CASE("account: without /proc/PID/io the rest still counts, and it says partial",
          "[targets][account]") {
  FakeProcess process = busy();
  process.has_io = false;
  Bench bench(process);
  CHECK(bench.account->partial());
  bench.process.minor_faults += 2;
  REQUIRE(bench.read());
  CHECK(bench.total().minor_faults == 2);
  CHECK(bench.total().disk_read_bytes == 0);
  bench.process.has_io = true;  // from here on it can be read: what came before is not ours
  REQUIRE(bench.read());
  CHECK(bench.total().disk_read_bytes == 0);
  bench.process.disk_read_bytes += 5;
  REQUIRE(bench.read());
  CHECK(bench.total().disk_read_bytes == 5);
}

TEST_CASE("account: a reused PID is not taken for the process", "[targets][account]") {
  Bench bench(busy());
  bench.process.minor_faults += 10;
  REQUIRE(bench.read());
  const ResourceCounters seen = bench.total();

  bench.process = {
      .pid = 9, .comm = "other", .start_ticks = 2000, .user_ticks = 9999, .minor_faults = 9999};
  const auto gone = bench.read();
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code() == ErrorCode::NotFound);
  CHECK(bench.account->exited());
  CHECK(bench.total() == seen);
  CHECK(bench.account->comm() == "server");
  CHECK(bench.account->levels().rss_bytes == 0);
  CHECK(bench.account->levels().peak_rss_bytes == 1000 * 1024);
}

TEST_CASE("account: opening the wrong process is NotFound", "[targets][account]") {
  FakeProc fake;
  fake.put({.pid = 9, .start_ticks = 1000});
  const auto wrong = ProcessAccount::open(fake.fs(), {9, 999}, Baseline::Now, 512);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().code() == ErrorCode::NotFound);
  CHECK_FALSE(ProcessAccount::open(fake.fs(), {10, 1000}, Baseline::Now, 512));
}

TEST_CASE("account: a zombie is read one last time", "[targets][account]") {
  Bench bench(busy());
  bench.process.state = 'Z';
  bench.process.threads = {bench.process.threads[0]};
  bench.process.user_ticks += 20;
  bench.process.minor_faults += 3;
  bench.process.peak_rss_kib = 0;
  REQUIRE(bench.read());
  CHECK(bench.account->exited());
  CHECK(bench.total().cpu_ns == 20 * kTick);
  CHECK(bench.total().minor_faults == 3);
  CHECK(bench.account->levels().peak_rss_bytes == 1000 * 1024);
  CHECK(bench.account->levels().threads == 0);
}

TEST_CASE("account: bytes of a reaped child are taken off again", "[targets][account]") {
  Bench bench(busy());
  ProcessUsage child;
  child.stat.minor_faults = 500;
  child.io = IoUsage{
      .read_chars = 1, .write_chars = 2, .disk_read_bytes = 70'000, .disk_write_bytes = 9'000};
  bench.account->expect_reaped(child);

  bench.process.disk_read_bytes += 100;  // our own work; the child has not been waited for yet
  REQUIRE(bench.read());
  CHECK(bench.total().disk_read_bytes == 100);

  bench.process.reaped_minor_faults += 510;  // wait(2): faults and bytes come together
  bench.process.disk_read_bytes += 70'000 + 3;
  bench.process.disk_write_bytes += 9'000;
  REQUIRE(bench.read());
  CHECK(bench.total().disk_read_bytes == 103);
  CHECK(bench.total().disk_write_bytes == 0);

  bench.process.disk_write_bytes += 4;
  REQUIRE(bench.read());
  CHECK(bench.total().disk_write_bytes == 4);
}

TEST_CASE("account: a counter that goes back does not make a total shrink", "[targets][account]") {
  Bench bench(busy());
  bench.process.disk_read_bytes += 50;
  REQUIRE(bench.read());
  bench.process.disk_read_bytes -= 50;
  bench.process.minor_faults -= 20;
  REQUIRE(bench.read());
  CHECK(bench.total().disk_read_bytes == 50);
  CHECK(bench.total().minor_faults == 0);
}

TEST_CASE("counters: sums and differences cover every row", "[targets][account]") {
  ResourceCounters a;
  ResourceCounters b;
  std::uint64_t value = 1;
  for (const ResourceCounterRow& row : kResourceCounters) {
    a.*row.member = value;
    b.*row.member = 3 * value++;
    CHECK_FALSE(row.doc.empty());
  }
  ResourceCounters sum = a;
  sum += a;
  sum += a;
  CHECK(sum == b);
  CHECK(a.since(b) == ResourceCounters{});
  CHECK(b.since(a).disk_write_bytes == 2 * a.disk_write_bytes);
}
