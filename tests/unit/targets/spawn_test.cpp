#include "targets/spawn.h"

#include "targets/process.h"
#include "unit/targets/child.h"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <poll.h>
#include <sstream>
#include <stdlib.h>
#include <string>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr Ns kGrace = 5 * kNsPerSec;

// A file that goes away with the test; commands write what they saw into it.
struct TempFile {
  TempFile() {
    std::string name = (std::filesystem::temp_directory_path() / "tailwhy-spawn-XXXXXX").string();
    UniqueFd(::mkstemp(name.data())).reset();
    path = name;
  }
  ~TempFile() { std::filesystem::remove(path); }
  TempFile(TempFile&&) = delete;
  TempFile& operator=(TempFile&&) = delete;
  std::string text() const {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string path;
};

std::vector<std::string> shell(const std::string& script, const std::string& argument = {}) {
  return {"sh", "-c", script, "sh", argument};
}

ExitStatus wait_for(SpawnedProcess& process) {
  pollfd poll{.fd = process.pidfd(), .events = POLLIN};
  REQUIRE(::poll(&poll, 1, 10'000) == 1);
  const auto status = process.try_wait();
  REQUIRE(status.has_value());
  return *status;
}

bool exists(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

}  // namespace

TEST_CASE("spawn: the command runs only after the release", "[targets][spawn]") {
  const TempFile file;
  auto child = SpawnedProcess::spawn(shell("echo ran > \"$1\"; exit 7", file.path));
  REQUIRE(child);
  const auto held = read_process(ProcFs(), child->pid());
  REQUIRE(held);
  CHECK(held->id == child->id());
  CHECK(held->exe == read_process(ProcFs(), ::getpid())->exe);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(file.text().empty());
  CHECK_FALSE(child->try_wait().has_value());

  REQUIRE(child->release());
  CHECK(wait_for(*child).describe() == "status 7");
  CHECK(child->try_wait()->describe() == "status 7");  // still known later
  CHECK(file.text() == "ran\n");
}

TEST_CASE("spawn: after the release the program is the command, the identity the same",
          "[targets][spawn]") {
  auto child = SpawnedProcess::spawn({"sleep", "100"});
  REQUIRE(child);
  REQUIRE(child->release());
  // release() returns after the exec, so there is nothing to wait for.
  const auto process = read_process(ProcFs(), child->pid());
  REQUIRE(process);
  CHECK(process->comm == "sleep");
  CHECK(process->id == child->id());
  CHECK(child->terminate(kGrace)->describe() == "signal 15 (Terminated)");
}

TEST_CASE("spawn: arguments arrive as they are", "[targets][spawn]") {
  const TempFile file;
  auto child = SpawnedProcess::spawn({"sh", "-c", "out=$1; shift; printf '[%s]' \"$@\" > \"$out\"",
                                      "sh", file.path, "a b", "", "$HOME", "*"});
  REQUIRE(child);
  REQUIRE(child->release());
  CHECK(wait_for(*child).success());
  CHECK(file.text() == "[a b][][$HOME][*]");
}

TEST_CASE("spawn: a command that does not exist or cannot run is a clear error",
          "[targets][spawn]") {
  const TempFile plain;  // exists, is not executable
  const TempFile broken;
  std::ofstream(broken.path) << "#!/nonexistent/interpreter\n";
  ::chmod(broken.path.c_str(), 0755);
  struct Case {
    std::string command;
    ErrorCode code;
    std::string status;
  };
  const Case cases[] = {{"tailwhy-no-such-command", ErrorCode::NotFound, "status 127"},
                        {"/nonexistent/server", ErrorCode::NotFound, "status 127"},
                        {plain.path, ErrorCode::Permission, "status 126"},
                        {"/", ErrorCode::Permission, "status 126"},
                        {broken.path, ErrorCode::NotFound, "status 127"}};
  for (const Case& c : cases) {
    INFO(c.command);
    auto child = SpawnedProcess::spawn({c.command});
    REQUIRE(child);
    const auto released = child->release();
    REQUIRE_FALSE(released);
    CHECK(released.error().code() == c.code);
    CHECK(released.error().message().find(c.command) != std::string::npos);
    CHECK_FALSE(released.error().hint().empty());
    CHECK(child->try_wait()->describe() == c.status);
  }
  CHECK(SpawnedProcess::spawn({}).error().code() == ErrorCode::Usage);
  CHECK(SpawnedProcess::spawn({""}).error().code() == ErrorCode::Usage);
}

TEST_CASE("spawn: a command that is never released ends without having run", "[targets][spawn]") {
  const TempFile file;
  pid_t pid = 0;
  {
    const auto child = SpawnedProcess::spawn(shell("echo ran > \"$1\"", file.path));
    REQUIRE(child);
    pid = child->pid();
    CHECK(exists(pid));
  }
  CHECK_FALSE(exists(pid));  // and it was collected
  CHECK(file.text().empty());
}

TEST_CASE("spawn: when we are killed while it is held, it ends too", "[targets][spawn]") {
  const TempFile file;
  Child tracer([&](const Channel& channel) {
    const auto child = SpawnedProcess::spawn(shell("echo ran > \"$1\"", file.path));
    channel.say(std::to_string(child->pid()));
    for (;;)
      ::pause();
    return 0;
  });
  const pid_t pid = std::stoi(tracer.channel().hear());
  CHECK(exists(pid));
  ::kill(tracer.pid(), SIGKILL);
  tracer.wait();
  CHECK(eventually([&] {
    const auto process = read_process(ProcFs(), pid);
    return !process || process->zombie;  // whoever inherits it may take its time
  }));
  CHECK(file.text().empty());
}

TEST_CASE("spawn: once released it goes on without us", "[targets][spawn]") {
  pid_t pid = 0;
  {
    auto child = SpawnedProcess::spawn({"sleep", "100"});
    REQUIRE(child);
    REQUIRE(child->release());
    pid = child->pid();
  }
  CHECK(read_process(ProcFs(), pid)->comm == "sleep");
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

TEST_CASE("spawn: terminate asks first, then insists", "[targets][spawn]") {
  SECTION("a command that cleans up gets the time to") {
    const TempFile file;
    auto child = SpawnedProcess::spawn(shell(
        "trap 'echo cleaned > \"$1\"; exit 3' TERM; while :; do sleep 0.01; done", file.path));
    REQUIRE(child);
    REQUIRE(child->release());
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    CHECK(child->terminate(kGrace)->describe() == "status 3");
    CHECK(file.text() == "cleaned\n");
  }
  SECTION("a command that ignores SIGTERM is killed after the grace period") {
    const TempFile file;
    auto child = SpawnedProcess::spawn(
        shell("trap '' TERM; echo deaf > \"$1\"; while :; do sleep 0.01; done", file.path));
    REQUIRE(child);
    REQUIRE(child->release());
    REQUIRE(eventually([&] { return file.text() == "deaf\n"; }));
    const Ns begin = mono_now();
    CHECK(child->terminate(100'000'000)->describe() == "signal 9 (Killed)");
    CHECK(mono_now() - begin >= 100'000'000);
  }
  SECTION("a stopped command is woken, so that it can clean up") {
    const TempFile file;
    auto child = SpawnedProcess::spawn(
        shell("trap 'exit 3' TERM; echo up > \"$1\"; while :; do sleep 0.01; done", file.path));
    REQUIRE(child);
    REQUIRE(child->release());
    REQUIRE(eventually([&] { return file.text() == "up\n"; }));
    REQUIRE(child->signal(SIGSTOP));
    CHECK(child->terminate(kGrace)->describe() == "status 3");
  }
  SECTION("one that has ended keeps its status") {
    auto child = SpawnedProcess::spawn(shell("exit 5"));
    REQUIRE(child);
    REQUIRE(child->release());
    wait_for(*child);
    CHECK(child->terminate(kGrace)->describe() == "status 5");
    CHECK(child->signal(SIGTERM));
  }
  SECTION("one that was never released ends") {
    auto child = SpawnedProcess::spawn({"sleep", "100"});
    REQUIRE(child);
    CHECK(child->terminate(kGrace));
  }
}

TEST_CASE("spawn: signals are at their defaults and unblocked in the command", "[targets][spawn]") {
  const TempFile file;
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGINT);
  ::sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto old_pipe = ::signal(SIGPIPE, SIG_IGN);
  auto child = SpawnedProcess::spawn(
      shell("exec grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status > \"$1\"", file.path));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::signal(SIGPIPE, old_pipe);
  REQUIRE(child);
  REQUIRE(child->release());
  REQUIRE(wait_for(*child).success());
  const std::string text = file.text();
  CHECK(text.find("SigBlk:\t0000000000000000") != std::string::npos);
  CHECK(text.find("SigIgn:\t0000000000000000") != std::string::npos);
}

TEST_CASE("spawn: group, directory and standard streams are ours, our other files stay ours",
          "[targets][spawn]") {
  const TempFile file;
  auto child = SpawnedProcess::spawn(
      shell("{ ps -o pgid= -p $$ | tr -d ' '; pwd; ls /proc/$$/fd | tr '\\n' ' '; } > \"$1\"",
            file.path));
  REQUIRE(child);
  REQUIRE(child->release());
  REQUIRE(wait_for(*child).success());
  const std::string text = file.text();
  CHECK(text.find(std::to_string(::getpgrp()) + '\n') == 0);
  CHECK(text.find(std::filesystem::current_path().string() + '\n') != std::string::npos);
}

TEST_CASE("spawn: the pipes of the hold do not leak into the command", "[targets][spawn]") {
  const TempFile file;
  auto child = SpawnedProcess::spawn(shell("ls -l /proc/$$/fd > \"$1\"", file.path));
  REQUIRE(child);
  std::string before;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink(entry, error);
    const int fd = std::stoi(entry.path().filename().string());
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) != 0) before += target.string() + '\n';
  }
  REQUIRE(child->release());
  REQUIRE(wait_for(*child).success());
  std::istringstream lines(file.text());
  for (std::string line; std::getline(lines, line);) {
    const std::size_t at = line.find("pipe:[");
    if (at == std::string::npos) continue;
    CHECK(before.find(line.substr(at)) == std::string::npos);
  }
}

TEST_CASE("spawn: killed while it is held, it is an end like any other", "[targets][spawn]") {
  auto child = SpawnedProcess::spawn({"sleep", "100"});
  REQUIRE(child);
  REQUIRE(child->signal(SIGINT));
  CHECK(child->release());  // must neither hang nor raise SIGPIPE
  CHECK(wait_for(*child).describe() == "signal 2 (Interrupt)");
}

TEST_CASE("spawn: an ignored SIGCHLD does not cost us the status", "[targets][spawn]") {
  const auto old = ::signal(SIGCHLD, SIG_IGN);
  auto child = SpawnedProcess::spawn(shell("exit 6"));
  REQUIRE(child);
  REQUIRE(child->release());
  CHECK(wait_for(*child).describe() == "status 6");
  ::signal(SIGCHLD, old);
}

TEST_CASE("spawn: moving it moves the responsibility", "[targets][spawn]") {
  auto first = SpawnedProcess::spawn({"sleep", "100"});
  auto second = SpawnedProcess::spawn({"sleep", "100"});
  REQUIRE(first);
  REQUIRE(second);
  const pid_t first_pid = first->pid();
  const pid_t second_pid = second->pid();
  *first = *std::move(second);
  CHECK_FALSE(exists(first_pid));
  CHECK(exists(second_pid));
  CHECK(first->pid() == second_pid);
}
