// Reading what the kernel side told of threads that were off the CPU.
#pragma once

#include "bpf/scene.h"

#include <catch2/catch.hpp>

#include <sys/syscall.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <string>
#include <unistd.h>
#include <vector>

namespace tailwhy::test {

inline const Mode& first_mode() {
  return usable_modes().front();
}

inline std::uint32_t thread_id() {
  return static_cast<std::uint32_t>(syscall(SYS_gettid));
}

inline std::vector<tw_ev_off_cpu> of_thread(const Trace& trace, std::uint32_t tid) {
  std::vector<tw_ev_off_cpu> own;
  std::copy_if(trace.offs.begin(), trace.offs.end(), std::back_inserter(own),
               [tid](const tw_ev_off_cpu& off) { return off.tid == tid; });
  return own;
}

// The thread's records leave no holes. The first may not know what was before the attach.
inline void check_chain(const std::vector<tw_ev_off_cpu>& offs) {
  for (std::size_t i = 0; i < offs.size(); ++i) {
    const tw_ev_off_cpu& off = offs[i];
    INFO("record " << i << " of " << offs.size() << ", call " << off.nr << ", flags "
                   << static_cast<int>(off.flags));
    CHECK(off.on_ns <= off.off_ns);
    CHECK(off.off_ns <= off.woken_ns);
    CHECK(off.woken_ns <= off.hdr.ts_ns);
    if (i == 0) continue;
    CHECK(off.on_ns == offs[i - 1].hdr.ts_ns);
  }
}

// The sleep in call `nr` that was longest, among those that began at `from` or later.
inline tw_ev_off_cpu longest_sleep(const std::vector<tw_ev_off_cpu>& offs, long nr, Ns from) {
  const tw_ev_off_cpu* longest = nullptr;
  std::string told;
  for (const tw_ev_off_cpu& off : offs) {
    told += "\n  call " + std::to_string(off.nr) + ", flags " + std::to_string(off.flags) +
            ", off at " + std::to_string(off.off_ns) + " for " +
            std::to_string(off.woken_ns - off.off_ns) + " ns, then woken for " +
            std::to_string(off.hdr.ts_ns - off.woken_ns) + " ns";
    if (off.nr != nr || off.off_ns < from) continue;
    if (longest == nullptr || off.woken_ns - off.off_ns > longest->woken_ns - longest->off_ns) {
      longest = &off;
    }
  }
  INFO("call " << nr << ", from " << from << ", told:" << told);
  REQUIRE(longest != nullptr);
  return *longest;
}

inline bool estimated(const tw_ev_off_cpu& off) {
  return (off.flags & TW_OFF_ESTIMATED) != 0;
}

inline char state_of(std::uint32_t pid, std::uint32_t tid) {
  const std::string path =
      "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/stat";
  FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return '?';
  char state = '?';
  if (std::fscanf(file, "%*d %*s %c", &state) != 1) state = '?';
  std::fclose(file);
  return state;
}

inline void await_state(std::uint32_t pid, std::uint32_t tid, char state) {
  for (int i = 0; i < 10000; ++i) {
    if (state_of(pid, tid) == state) return;
    usleep(1000);
  }
  must(false, "wait for a thread's state");
}

}  // namespace tailwhy::test
