// Targets in other PID and network namespaces, and a tracer in one of its own.
#include "bpf/load_ladder.h"
#include "bpf/scene.h"
#include "bpf/sockets.h"

#include <catch2/catch.hpp>

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <sched.h>
#include <sstream>
#include <string>
#include <system_error>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

const Mode& first_mode() {
  return usable_modes().front();
}

void tell(int fd, std::uint32_t number) {
  must(write(fd, &number, sizeof(number)) == sizeof(number), "tell a number");
}

std::uint32_t hear(int fd) {
  std::uint32_t number = 0;
  REQUIRE(read(fd, &number, sizeof(number)) == sizeof(number));
  return number;
}

// What /proc calls the process that has this number in our PID namespace, which is below that of
// /proc. Other such namespaces have the same numbers.
std::uint32_t number_in_proc(std::uint32_t inner) {
  const auto ours = std::filesystem::read_symlink("/proc/self/ns/pid");
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path() / "ns/pid", gone) != ours) continue;
    std::ifstream status(entry.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (!line.starts_with("NSpid:")) continue;
      std::istringstream words(line.substr(6));
      std::vector<std::uint32_t> numbers;
      for (std::uint32_t number = 0; words >> number;) {
        numbers.push_back(number);
      }
      if (numbers.size() == 2 && numbers.back() == inner) return numbers.front();
    }
  }
  must(false, "find the target in /proc");
  return 0;
}

}  // namespace

TEST_CASE("task: numbers are those of the tracer's PID namespace", "[task][ns]") {
  int numbers[2];
  REQUIRE(pipe(numbers) == 0);
  const auto pair = socket_pair();
  Scene scene(first_mode(), [&](Side& side) {
    close(pair.second);
    must(unshare(CLONE_NEWPID) == 0, "a PID namespace");
    side.wait();
    const pid_t child = fork();
    if (child == 0) {
      must(getpid() == 1, "to be the first in it");
      send_all(pair.first, "inside");
      _exit(0);
    }
    tell(numbers[1], static_cast<std::uint32_t>(child));
    waitpid(child, nullptr, 0);
  });
  close(pair.first);
  const std::uint32_t child = hear(numbers[0]);
  const Trace trace = scene.finish();
  close(pair.second);
  close(numbers[0]);
  close(numbers[1]);
  REQUIRE(trace.only().out.size() == 1);
  CHECK(trace.only().out.front().pid == child);
  REQUIRE(trace.forks.size() == 1);
  CHECK(trace.forks.front().pid == child);
  trace.check_no_loss();
}

TEST_CASE("task: a target in another network namespace is told apart by it", "[task][ns]") {
  Scene scene(first_mode(), [](Side& side) {
    must(unshare(CLONE_NEWNET) == 0, "a network namespace");
    side.wait();
    const auto pair = socket_pair();
    send_all(pair.first, "ping");
  });
  struct stat own {};
  REQUIRE(stat("/proc/self/ns/net", &own) == 0);
  const Trace trace = scene.finish();
  REQUIRE(trace.conns.size() == 1);
  CHECK(trace.only().open().netns_inum > 0);
  CHECK(trace.only().open().netns_inum != own.st_ino);
  trace.check_no_loss();
}

TEST_CASE("task: a tracer in a PID namespace of its own uses the numbers of its /proc",
          "[task][ns]") {
  for (const bool own_proc : {true, false}) {
    INFO((own_proc ? "/proc of its own" : "the host's /proc"));
    // The whole scene goes into the namespace; what it finds comes back as its exit status.
    const pid_t outer = fork();
    if (outer == 0) {
      must(unshare(CLONE_NEWPID | CLONE_NEWNS) == 0, "namespaces");
      const pid_t first = fork();
      if (first != 0) {
        int status = -1;
        waitpid(first, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 98);
      }
      must(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts");
      if (own_proc) must(mount("proc", "/proc", "proc", 0, nullptr) == 0, "mount /proc");
      const auto pair = socket_pair();
      TargetProcess target([&](Side& side) {
        close(pair.second);
        side.wait();
        send_all(pair.first, "ping");
      });
      target.await();
      const std::uint32_t number = own_proc ? target.pid() : number_in_proc(target.pid());
      TracerConfig config;
      config.pids = {number};
      auto tracer = start_tracer(config, features_of(first_mode()), {});
      must(static_cast<bool>(tracer), "start the tracer");
      const auto threads = tracer->list_threads();
      must(threads && threads->size() == 1, "find the one thread");
      must(threads->front().pid == number && threads->front().tid == number, "know its number");
      target.go();
      must(target.join() == 0, "a good end");
      _exit(0);
    }
    int status = -1;
    REQUIRE(waitpid(outer, &status, 0) == outer);
    CHECK(status == 0);
  }
}
