// The tailwhy program itself with a switch: its hooks can be taken out of the kernel and put back
// within milliseconds, while everything else of it goes on. So a benchmark can compare a traced
// with an untraced server in neighbouring windows of a tenth of a second, and nothing of the
// product knows about it.
//
//   tw_bench_toggle -p PID ...     arguments are those of tailwhy
//
// Starts with the hooks taken out. Reads commands from standard input: `on`, `off`, `stats`, and
// ends as Ctrl-C would at its end of file. Answers each with one JSON line on standard output; what
// tailwhy has to say there goes to standard error.
#include "cli/commands.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "tw_bench_toggle: %s: %s\n", what, std::strerror(errno));
  std::_Exit(1);
}

// One attached program. The descriptor of the link keeps its number: libbpf, which owns it, closes
// it at the end. While the hook is out the number stands for /dev/null.
struct Hook {
  int link_fd;
  int program_fd;
};

// The links that this process holds, found by asking each of its descriptors what it is.
std::vector<Hook> find_hooks() {
  std::vector<Hook> hooks;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::atoi(entry.path().filename().c_str());
    std::error_code error;
    if (std::filesystem::read_symlink(entry.path(), error).string().find("bpf") ==
            std::string::npos ||
        std::filesystem::read_symlink(entry.path(), error).string().find("link") ==
            std::string::npos)
      continue;
    bpf_link_info info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) continue;
    if (info.type != BPF_LINK_TYPE_RAW_TRACEPOINT) continue;  // iterators cost nothing
    const int program_fd = bpf_prog_get_fd_by_id(info.prog_id);
    if (program_fd < 0) die("find the program of a link");
    hooks.push_back({fd, program_fd});
  }
  return hooks;
}

class Switch {
 public:
  explicit Switch(std::vector<Hook> hooks)
      : hooks_(std::move(hooks)), nothing_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {
    if (nothing_ < 0) die("open /dev/null");
  }

  [[nodiscard]] std::size_t size() const { return hooks_.size(); }

  void set(bool on) {
    if (on == on_) return;
    for (const Hook& hook : hooks_) {
      const int fd = on ? bpf_raw_tracepoint_open(nullptr, hook.program_fd) : nothing_;
      if (fd < 0) die("attach a program again");
      // this also closes what the number stood for, and with the link its hook is gone
      if (::dup3(fd, hook.link_fd, O_CLOEXEC) < 0) die("switch a hook");
      if (on) ::close(fd);
    }
    on_ = on;
  }

 private:
  std::vector<Hook> hooks_;
  int nothing_;
  bool on_ = true;
};

std::uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

void answer(int fd, std::uint64_t took_ns, std::size_t hooks) {
  const std::string line = "{\"cpu_ns\": " + std::to_string(clock_ns(CLOCK_PROCESS_CPUTIME_ID)) +
                           ", \"took_ns\": " + std::to_string(took_ns) +
                           ", \"hooks\": " + std::to_string(hooks) + "}\n";
  if (::write(fd, line.data(), line.size()) < 0) die("answer");
}

}  // namespace

int main(int argc, char** argv) {
  const int answers = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (answers < 0 || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) die("keep standard output");
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC) != 0) die("make a pipe");
  std::vector<std::string> words(argv, argv + argc);
  words.insert(words.begin() + 1, {"--ready-fd", std::to_string(ready[1])});
  std::vector<const char*> arguments;
  for (const std::string& word : words)
    arguments.push_back(word.c_str());

  // tailwhy reads its signals from a descriptor: no thread may take them first
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1})
    sigaddset(&signals, number);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  int status = 0;
  std::atomic<bool> ended = false;
  std::thread program([&] {
    status = tailwhy::run_cli(static_cast<int>(arguments.size()), arguments.data());
    ended = true;
    ::close(ready[1]);
  });
  char byte = 0;
  if (::read(ready[0], &byte, 1) != 1) {
    program.join();
    return status != 0 ? status : 1;
  }
  Switch hooks(find_hooks());
  if (hooks.size() == 0) die("find the hooks");
  hooks.set(false);
  answer(answers, 0, hooks.size());
  for (std::string command; !ended && std::getline(std::cin, command);) {
    const std::uint64_t begin_ns = clock_ns(CLOCK_MONOTONIC);
    if (command == "on" || command == "off") hooks.set(command == "on");
    answer(answers, clock_ns(CLOCK_MONOTONIC) - begin_ns, hooks.size());
  }
  ::kill(::getpid(), SIGINT);
  program.join();
  return status;
}
