// Threads that burn one CPU for a while, so that a server on the same CPU has to wait for it.
//
//   cpu_hog --cpu N [--threads 1] [--for SECONDS 10] [--burn MS --rest MS] [--nice N]
//
// Prints "burning" when they do and "burned NS" of CPU time at the end, which comes by itself or by
// SIGTERM. With --burn and --rest each thread burns and sleeps by turns.
#include "clock.h"
#include "socket.h"

#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sched.h>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace workload;

std::atomic<bool> g_end = false;
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal handler sets it

struct Options {
  int cpu = -1;
  unsigned threads = 1;
  Ns length = 10 * kNsPerSec;
  Ns burn = 0;
  Ns rest = 0;
  int nice = 0;
};

[[noreturn]] void usage() {
  std::fprintf(stderr,
               "usage: cpu_hog --cpu N [--threads N] [--for SECONDS] [--burn MS --rest MS] "
               "[--nice N]\n");
  std::exit(2);
}

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) die("pin to the CPU");
}

void hog(const Options& options, Ns until) {
  while (!g_end && now_ns() < until) {
    const Ns pause = options.burn == 0 ? until : now_ns() + options.burn;
    while (!g_end && now_ns() < pause && now_ns() < until) {
    }
    if (options.rest != 0 && !g_end) sleep_until(now_ns() + options.rest);
  }
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) usage();
    const double value = std::atof(argv[i + 1]);
    const Ns ms = static_cast<Ns>(value * 1e6);
    if (name == "--cpu") {
      options.cpu = static_cast<int>(value);
    } else if (name == "--threads") {
      options.threads = static_cast<unsigned>(value);
    } else if (name == "--for") {
      options.length = static_cast<Ns>(value * 1e9);
    } else if (name == "--burn") {
      options.burn = ms;
    } else if (name == "--rest") {
      options.rest = ms;
    } else if (name == "--nice") {
      options.nice = static_cast<int>(value);
    } else {
      usage();
    }
  }
  if (options.cpu < 0 || (options.burn == 0) != (options.rest == 0)) usage();
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  std::signal(SIGTERM, [](int) { g_end = true; });
  std::signal(SIGINT, [](int) { g_end = true; });
  pin(options.cpu);  // before there are threads: they inherit it
  if (options.nice != 0 && setpriority(PRIO_PROCESS, 0, options.nice) != 0) die("nice");
  const Ns until = now_ns() + options.length;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < options.threads; ++i)
    threads.emplace_back([&options, until] { hog(options, until); });
  std::printf("burning\n");
  std::fflush(stdout);
  for (std::thread& thread : threads)
    thread.join();
  std::printf("burned %llu\n", static_cast<unsigned long long>(clock_ns(CLOCK_PROCESS_CPUTIME_ID)));
  return 0;
}
