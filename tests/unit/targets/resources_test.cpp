#include "targets/resources.h"

#include "targets/process.h"
#include "unit/targets/child.h"
#include "unit/targets/fake_proc.h"

#include <catch2/catch.hpp>

#include <sys/mman.h>
#include <sys/resource.h>

#include <ctime>
#include <fcntl.h>
#include <string>
#include <thread>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr Ns kSecond = kNsPerSec;
constexpr std::size_t kBytes = std::size_t{32} << 20;

// CPU time of all threads of the calling process.
Ns own_cpu() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<Ns>(time.tv_sec) * kNsPerSec + static_cast<Ns>(time.tv_nsec);
}

void burn(Ns cpu_ns) {
  timespec begin{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
  timespec now = begin;
  while (static_cast<Ns>(now.tv_sec - begin.tv_sec) * kNsPerSec + static_cast<Ns>(now.tv_nsec) <
         static_cast<Ns>(begin.tv_nsec) + cpu_ns) {
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  }
}

ProcessId id_of(pid_t pid) {
  return read_process(ProcFs(), pid).value().id;
}

const ProcessResources& row_of(const ResourceSample& sample, pid_t pid) {
  for (const ProcessResources& row : sample.processes) {
    if (row.id.pid == pid) return row;
  }
  FAIL("no row for PID " << pid);
  return sample.processes.front();
}

}  // namespace

TEST_CASE("resources: intervals add up to the total, over processes that come and go",
          "[targets][resources]") {
  FakeProc fake;
  FakeProcess a{.pid = 9, .minor_faults = 100};
  FakeProcess b{.pid = 20, .start_ticks = 1500, .minor_faults = 1000};
  fake.put(a);
  fake.put(b);
  ResourceSampler sampler(fake.fs(), 5 * kSecond);
  REQUIRE(sampler.add({9, 1000}, Baseline::Now));
  REQUIRE(sampler.add({9, 1000}, Baseline::Birth));  // there already
  ResourceCounters sum;
  const auto step = [&](Ns at) {
    ResourceSample sample = sampler.sample(at);
    sum += sample.interval;
    CHECK(sum == sample.total);
    return sample;
  };

  a.minor_faults += 7;
  fake.put(a);
  ResourceSample sample = step(6 * kSecond);
  CHECK(sample.begin_ns == 5 * kSecond);
  CHECK(sample.end_ns == 6 * kSecond);
  CHECK(sample.interval.minor_faults == 7);
  CHECK(sample.alive == 1);

  REQUIRE(sampler.add({20, 1500}, Baseline::Birth));
  a.minor_faults += 1;
  fake.put(a);
  sample = step(7 * kSecond);
  CHECK(sample.begin_ns == 6 * kSecond);
  CHECK(sample.interval.minor_faults == 1001);
  CHECK(sample.total.minor_faults == 1008);
  REQUIRE(sample.processes.size() == 2);
  CHECK(sample.processes[0].id.pid == 9);
  CHECK(sample.processes[0].interval.minor_faults == 1);
  CHECK(sample.processes[0].total.minor_faults == 8);

  fake.remove(20);
  sample = step(8 * kSecond);
  REQUIRE(sample.processes.size() == 2);
  CHECK(sample.processes[1].exited);
  CHECK(sample.processes[1].total.minor_faults == 1000);
  CHECK(sample.total.minor_faults == 1008);
  CHECK(sample.alive == 1);

  sample = step(9 * kSecond);
  CHECK(sample.processes.size() == 1);  // told once
  CHECK(sample.total.minor_faults == 1008);
  CHECK(sampler.size() == 1);
}

TEST_CASE("resources: levels are those of the living", "[targets][resources]") {
  FakeProc fake;
  fake.put({.pid = 9, .rss_pages = 10, .descriptors = {"a", "b"}});
  fake.put({.pid = 20, .rss_pages = 5, .descriptors = {"c"}});
  ResourceSampler sampler(fake.fs(), 0);
  REQUIRE(sampler.add({9, 1000}, Baseline::Now));
  REQUIRE(sampler.add({20, 1000}, Baseline::Now));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  ResourceSample sample = sampler.sample(1);
  CHECK(sample.levels.rss_bytes == 15 * page);
  CHECK(sample.levels.descriptors == 3);
  CHECK(sample.levels.threads == 2);
  fake.remove(9);
  sample = sampler.sample(2);
  CHECK(sample.levels.rss_bytes == 5 * page);
  CHECK(sample.levels.descriptors == 1);
}

TEST_CASE("resources: a child that its traced parent reaps is not counted twice",
          "[targets][resources]") {
  FakeProc fake;
  FakeProcess master{.pid = 9, .minor_faults = 10, .disk_write_bytes = 5};
  FakeProcess worker{
      .pid = 20, .ppid = 9, .start_ticks = 1100, .minor_faults = 300, .disk_write_bytes = 1000};
  fake.put(master);
  fake.put(worker);
  ResourceSampler sampler(fake.fs(), 0);
  REQUIRE(sampler.add({9, 1000}, Baseline::Now));
  REQUIRE(sampler.add({20, 1100}, Baseline::Now));
  worker.disk_write_bytes += 64;
  fake.put(worker);
  CHECK(sampler.sample(1).total.disk_write_bytes == 64);

  // The worker writes 6 more, ends and is waited for, all between two samples.
  fake.remove(20);
  master.reaped_minor_faults += 310;
  master.disk_write_bytes += 1070;
  fake.put(master);
  CHECK(sampler.sample(2).total.disk_write_bytes == 70);
  CHECK(sampler.sample(3).interval.disk_write_bytes == 0);
}

TEST_CASE("resources: more processes than the limit take turns", "[targets][resources]") {
  FakeProc fake;
  std::vector<FakeProcess> processes;
  ResourceSampler sampler(fake.fs(), 0, {.threads = 512, .processes = 4});
  for (pid_t pid = 10; pid < 20; ++pid) {
    processes.push_back({.pid = pid});
    fake.put(processes.back());
    REQUIRE(sampler.add({pid, 1000}, Baseline::Now));
  }
  for (FakeProcess& process : processes) {
    process.minor_faults = 1;
    fake.put(process);
  }
  ResourceSample sample = sampler.sample(1);
  CHECK(sample.partial);
  CHECK(sample.alive == 10);
  CHECK(sample.total.minor_faults == 4);
  CHECK(sampler.sample(2).total.minor_faults == 8);
  CHECK(sampler.sample(3).total.minor_faults == 10);
}

TEST_CASE("resources: the report's record is filled from a sample", "[targets][resources]") {
  FakeProc fake;
  FakeProcess a{.pid = 9};
  fake.put(a);
  ResourceSampler sampler(fake.fs(), 0);
  REQUIRE(sampler.add({9, 1000}, Baseline::Now));
  a.user_ticks = 2;
  a.major_faults = 3;
  a.disk_read_bytes = 4;
  a.rss_pages = 1;
  fake.put(a);
  const ResourceSample sample = sampler.sample(1);
  const ResourceUse use = to_resource_use(sample.interval, sample);
  CHECK(use.known);
  CHECK(use.cpu_user_ns == 20'000'000);
  CHECK(use.cpu_system_ns == 0);
  CHECK(use.major_faults == 3);
  CHECK(use.disk_read_bytes == 4);
  CHECK(use.rss_bytes == static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  CHECK(use.processes == 1);
  CHECK(use.threads == 1);
}

TEST_CASE("resources: CPU time of a real child is exact, ended threads included",
          "[targets][resources]") {
  Child child([](const Channel& channel) {
    channel.say("ready");
    for (std::string word = channel.hear(); !word.empty(); word = channel.hear()) {
      const Ns before = own_cpu();
      std::thread helper([] { burn(60'000'000); });
      burn(30'000'000);
      helper.join();
      channel.say(std::to_string(own_cpu() - before));
    }
    return 0;
  });
  REQUIRE(child.channel().hear() == "ready");
  ResourceSampler sampler(ProcFs(), mono_now());
  REQUIRE(sampler.add(id_of(child.pid()), Baseline::Now));
  for (int round = 0; round < 3; ++round) {
    child.channel().say("go");
    const Ns told = std::stoull(child.channel().hear());
    const ResourceSample sample = sampler.sample(mono_now());
    const Ns measured = row_of(sample, child.pid()).interval.cpu_ns;
    INFO("told " << told << " measured " << measured);
    CHECK(told >= 90'000'000);
    CHECK(measured >= told);              // the child also speaks to us
    CHECK(measured - told < 20'000'000);  // which takes little
    CHECK(sample.interval.cpu_user_ns + sample.interval.cpu_system_ns == sample.interval.cpu_ns);
    CHECK(sample.cost_cpu_ns > 0);
  }
}

TEST_CASE("resources: context switches, descriptors, threads and memory of a real child",
          "[targets][resources]") {
  Child child([](const Channel& channel) {
    channel.say("ready");
    channel.hear();
    std::vector<int> fds(20);
    for (int& fd : fds)
      fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    auto* memory = static_cast<char*>(
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (std::size_t at = 0; at < kBytes; at += 4096)
      memory[at] = 1;
    std::thread sleeper([&] {
      for (int i = 0; i < 200; ++i)
        std::this_thread::sleep_for(std::chrono::microseconds(10));
      rusage usage{};
      ::getrusage(RUSAGE_THREAD, &usage);
      channel.say("done " + std::to_string(usage.ru_nvcsw));
      channel.hear();
      ::_exit(0);
    });
    sleeper.join();
    return 0;
  });
  REQUIRE(child.channel().hear() == "ready");
  ResourceSampler sampler(ProcFs(), mono_now());
  REQUIRE(sampler.add(id_of(child.pid()), Baseline::Now));
  const ResourceSample before = sampler.sample(mono_now());
  child.channel().say("go");
  const std::string done = child.channel().hear();
  REQUIRE(done.starts_with("done "));
  const ResourceSample after = sampler.sample(mono_now());
  const long own = std::stol(done.substr(5));  // a sleep that was preempted is a forced one
  REQUIRE(own > 100);
  CHECK(after.interval.voluntary_switches >= static_cast<std::uint64_t>(own));
  CHECK(after.interval.voluntary_switches < 400);
  CHECK(after.levels.descriptors == before.levels.descriptors + 20);
  CHECK(after.levels.threads == 2);
  CHECK(after.levels.rss_bytes >= before.levels.rss_bytes + kBytes);
  CHECK(after.levels.peak_rss_bytes >= after.levels.rss_bytes);
  CHECK(after.interval.minor_faults >= 1);  // with huge pages: 16 of them
  CHECK(after.interval.run_queue_ns > 0);
  CHECK_FALSE(after.partial);
}

TEST_CASE("resources: what a child did until its end is known from its zombie",
          "[targets][resources]") {
  Child child([](const Channel& channel) {
    channel.say("ready");
    channel.hear();
    burn(80'000'000);
    return 0;
  });
  REQUIRE(child.channel().hear() == "ready");
  ResourceSampler sampler(ProcFs(), mono_now());
  REQUIRE(sampler.add(id_of(child.pid()), Baseline::Now));
  child.channel().say("go");
  child.await_zombie();
  const ResourceSample sample = sampler.sample(mono_now());
  const ProcessResources& row = row_of(sample, child.pid());
  CHECK(row.exited);
  CHECK(row.total.cpu_ns >= 80'000'000);
  CHECK(row.total.cpu_ns < 120'000'000);
  CHECK(sample.alive == 0);
  child.wait();
  CHECK(sampler.sample(mono_now()).total.cpu_ns == row.total.cpu_ns);
}

TEST_CASE("resources: bytes written by a real worker are counted once after it was reaped",
          "[targets][resources]") {
  constexpr std::uint64_t kWritten = 1'000'000;
  Child master([](const Channel& channel) {
    int pipe_fds[2];
    if (::pipe(pipe_fds) != 0) return 1;
    const pid_t worker = ::fork();
    if (worker == 0) {
      char go = 0;
      static_cast<void>(::read(pipe_fds[0], &go, 1) == 1);
      const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
      const std::vector<char> block(kWritten);
      ::_exit(::write(null, block.data(), block.size()) == ssize_t{kWritten} ? 0 : 1);
    }
    channel.say(std::to_string(worker));
    channel.hear();
    static_cast<void>(::write(pipe_fds[1], "x", 1) == 1);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(worker), &info, WEXITED | WNOWAIT);
    channel.say("ended");
    channel.hear();
    ::waitpid(worker, nullptr, 0);
    return wait_for_word(channel);
  });
  const pid_t worker = std::stoi(master.channel().hear());
  ResourceSampler sampler(ProcFs(), mono_now());
  REQUIRE(sampler.add(id_of(master.pid()), Baseline::Now));
  REQUIRE(sampler.add(id_of(worker), Baseline::Now));
  master.channel().say("go");
  REQUIRE(master.channel().hear() == "ended");
  ResourceSample sample = sampler.sample(mono_now());
  CHECK(row_of(sample, worker).exited);
  CHECK(row_of(sample, worker).total.write_chars == kWritten);
  master.channel().say("reap");
  REQUIRE(master.channel().hear() == "ready");
  sample = sampler.sample(mono_now());
  INFO("total " << sample.total.write_chars);
  CHECK(sample.total.write_chars >= kWritten);
  CHECK(sample.total.write_chars < kWritten + 1000);
}
