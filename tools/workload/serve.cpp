// The accept loop. See the header.
#include "serve.h"

#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace workload {
namespace {

volatile sig_atomic_t g_exec_again = 0;

// Runs the program again with the listening socket handed down.
[[noreturn]] void exec_again(char** argv, int listener) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);  // a mask survives the exec
  const std::string inherit = "--inherit=" + std::to_string(listener);
  std::vector<char*> args;
  for (char** arg = argv; *arg != nullptr; ++arg)
    if (std::string_view(*arg).substr(0, 10) != "--inherit=") args.push_back(*arg);
  args.push_back(const_cast<char*>(inherit.c_str()));
  args.push_back(nullptr);
  execv("/proc/self/exe", args.data());
  die("exec");
}

void on_thread(const std::function<void(int)>& handle, int fd) {
  // Signals are the accept loop's: it must be the one that is interrupted.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread(handle, fd).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void in_child(const std::function<void(int)>& handle, int listener, int fd) {
  const pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    close(listener);
    handle(fd);
    std::fflush(nullptr);
    _exit(0);
  }
  close(fd);
}

}  // namespace

void serve(Address address,
           int inherited,
           const ServeOptions& options,
           const std::function<void(int)>& handle) {
  struct sigaction action {};
  action.sa_handler = [](int) { g_exec_again = 1; };  // no SA_RESTART: accept() must return
  sigaction(SIGUSR2, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  if (options.per_connection == PerConnection::Fork) std::signal(SIGCHLD, SIG_IGN);

  const int listener = inherited >= 0 ? inherited : listen_on(address, 1024);
  std::printf("listening %s\n", address.text.c_str());
  std::fflush(stdout);
  while (true) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      if (g_exec_again != 0 && options.exec_again != nullptr)
        exec_again(options.exec_again, listener);
      if (errno == EINTR || errno == ECONNABORTED) continue;
      die("accept");
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  // fails on Unix sockets: fine
    if (options.per_connection == PerConnection::Fork) {
      in_child(handle, listener, fd);
    } else {
      on_thread(handle, fd);
    }
  }
}

}  // namespace workload
