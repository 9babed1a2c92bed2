// What the kernel side tells of threads that wait for disks and memory, of calls that fail, and of
// what a connection's other end does not take.
#include "bpf/scene.h"
#include "bpf/shared.h"
#include "bpf/skip.h"
#include "bpf/sockets.h"

#include <catch2/catch.hpp>

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = 256;

// A file on a disk, gone by its end.
class DiskFile {
 public:
  DiskFile() {
    std::string path = "/var/tmp/tailwhy-off-cpu-XXXXXX";
    fd_ = mkostemp(path.data(), O_CLOEXEC);
    must(fd_ >= 0, "make a file");
    unlink(path.c_str());
    const std::string page(kPage, 'x');
    for (std::size_t i = 0; i < kPages; ++i) {
      must(write(fd_, page.data(), page.size()) == static_cast<ssize_t>(kPage), "fill a file");
    }
    must(fsync(fd_) == 0, "fsync");
  }
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;
  ~DiskFile() { close(fd_); }

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool on_disk() const {
    struct statfs stat {};
    must(fstatfs(fd_, &stat) == 0, "statfs");
    return stat.f_type != TMPFS_MAGIC && stat.f_type != RAMFS_MAGIC;
  }
  /// Takes its pages out of memory. False: they stay.
  [[nodiscard]] bool make_cold() const {
    must(posix_fadvise(fd_, 0, 0, POSIX_FADV_DONTNEED) == 0, "fadvise");
    void* memory = mmap(nullptr, kPages * kPage, PROT_READ, MAP_SHARED, fd_, 0);
    must(memory != MAP_FAILED, "mmap");
    std::vector<unsigned char> resident(kPages);
    must(mincore(memory, kPages * kPage, resident.data()) == 0, "mincore");
    munmap(memory, kPages * kPage);
    return std::none_of(resident.begin(), resident.end(),
                        [](unsigned char page) { return (page & 1) != 0; });
  }

 private:
  int fd_ = -1;
};

std::vector<tw_ev_off_cpu> sleeps_between(const Trace& trace, Ns from, Ns to) {
  std::vector<tw_ev_off_cpu> sleeps;
  std::copy_if(trace.offs.begin(), trace.offs.end(), std::back_inserter(sleeps),
               [&](const tw_ev_off_cpu& off) {
                 return off.off_ns >= from && off.hdr.ts_ns <= to &&
                        (off.flags & TW_OFF_PREEMPTED) == 0;
               });
  return sleeps;
}

struct Span {
  Ns from;
  Ns to;
};

int nonblocking_send(int fd, const std::string& data) {
  return static_cast<int>(send(fd, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

void drain(int fd) {
  std::string scratch(65536, '\0');
  while (recv(fd, scratch.data(), scratch.size(), MSG_DONTWAIT) > 0 || errno == EINTR) {
  }
}

}  // namespace

TEST_CASE("off_cpu: reading and syncing a file on a disk", "[off_cpu]") {
  const DiskFile file;
  if (!file.on_disk()) return skip_case("/var/tmp is not on a disk");
  Shared<Span[2]> spans;
  Scene scene(usable_modes().front(), [&](Side& side) {
    side.wait();
    void* page = nullptr;
    must(posix_memalign(&page, kPage, kPage) == 0, "memory");
    must(file.make_cold(), "make the file cold");
    Span& reads = (*spans)[0];
    reads.from = mono_now();
    must(posix_fadvise(file.fd(), 0, 0, POSIX_FADV_RANDOM) == 0, "fadvise");
    for (std::size_t i = 0; i < 64; ++i) {
      must(pread(file.fd(), page, kPage, static_cast<off_t>((i * 67 % kPages) * kPage)) ==
               static_cast<ssize_t>(kPage),
           "pread");
    }
    reads.to = mono_now();
    Span& syncs = (*spans)[1];
    syncs.from = mono_now();
    for (int i = 0; i < 8; ++i)
      must(pwrite(file.fd(), page, kPage, 0) > 0 && fsync(file.fd()) == 0, "fsync");
    syncs.to = mono_now();
  });
  const Trace trace = scene.finish();
  const auto reads = sleeps_between(trace, (*spans)[0].from, (*spans)[0].to);
  const auto syncs = sleeps_between(trace, (*spans)[1].from, (*spans)[1].to);
  if (reads.empty() || syncs.empty()) return skip_case("that disk makes nobody wait");
  for (const tw_ev_off_cpu& off : reads) {
    if (off.nr != SYS_pread64) continue;
    CHECK(off.file == TW_FILE_REGULAR);
    CHECK(off.waker_tid == 0);
  }
  CHECK(std::any_of(reads.begin(), reads.end(), [](const tw_ev_off_cpu& off) {
    return off.nr == SYS_pread64 && (off.flags & TW_OFF_IO_WAIT) != 0;
  }));
  CHECK(std::any_of(syncs.begin(), syncs.end(),
                    [](const tw_ev_off_cpu& off) { return off.nr == SYS_fsync; }));
  trace.check_no_loss();
}

TEST_CASE("off_cpu: memory that has to be read from a disk first", "[off_cpu]") {
  const DiskFile file;
  if (!file.on_disk()) return skip_case("/var/tmp is not on a disk");
  if (!file.make_cold()) return skip_case("the file stays in memory");
  Shared<Span> span;
  Scene scene(usable_modes().front(), [&](Side& side) {
    side.wait();
    void* memory = mmap(nullptr, kPages * kPage, PROT_READ, MAP_SHARED, file.fd(), 0);
    must(memory != MAP_FAILED && madvise(memory, kPages * kPage, MADV_RANDOM) == 0, "mmap");
    span->from = mono_now();
    const auto* bytes = static_cast<const volatile char*>(memory);
    for (std::size_t i = 0; i < 64; ++i)
      must(bytes[(i * 67 % kPages) * kPage] == 'x', "read memory");
    span->to = mono_now();
  });
  const Trace trace = scene.finish();
  const auto sleeps = sleeps_between(trace, span->from, span->to);
  if (sleeps.empty()) return skip_case("that disk makes nobody wait");
  for (const tw_ev_off_cpu& off : sleeps) {
    CHECK((off.flags & TW_OFF_FAULT) != 0);
    CHECK(off.nr == TW_NO_CALL);
    CHECK(off.file == TW_FILE_NONE);
  }
  trace.check_no_loss();
}

TEST_CASE("call_errors: failing calls are told before the thread sleeps or uses a socket",
          "[call_errors]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    const auto pair = socket_pair();
    Scene scene(mode, [&](Side& side) {
      close(pair.second);
      side.wait();
      send_all(pair.first, "none");
      char byte = 0;
      for (int i = 0; i < 3; ++i)
        must(read(-1, &byte, 1) < 0 && errno == EBADF, "a read that fails");
      std::thread([] { must(dup(-1) < 0, "a dup that fails"); }).join();
      // An error that is normal for other calls, and the last of those that are not.
      must(unlink("/nonexistent") < 0 && errno == ENOENT, "an unlink that fails");
      must(syscall(SYS_close, -1) < 0 && errno == EBADF, "a close that fails");
      // Healthy programs live with these, each a matter of call and errno.
      must(mkdir("/", 0700) < 0 && errno == EEXIST, "a mkdir that fails");
      must(lseek(pair.first, 0, SEEK_CUR) < 0 && errno == ESPIPE, "an lseek that fails");
      must(open("/nonexistent", O_RDONLY) < 0 && errno == ENOENT, "an open that fails");
      must(recv(pair.first, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "no data");
      send_all(pair.first, "four");
      send_all(pair.first, "nil!");
    });
    close(pair.first);
    recv_exactly(pair.second, 12);
    const Trace trace = scene.finish();
    close(pair.second);
    REQUIRE(trace.only().out.size() == 3);
    std::uint32_t count = 0;
    std::uint16_t last_nr = 0;
    for (const tw_ev_call_errors& told : trace.call_errors) {
      CHECK(told.hdr.ts_ns >= trace.only().out[0].ts_ns);
      CHECK(told.hdr.ts_ns <= trace.only().out[1].ts_ns);
      CHECK(told.pid == scene.pid());
      CHECK(told.error == EBADF);     // of the last
      if (told.tid != scene.pid()) {  // the one whose dup failed ended without a socket call
        CHECK(told.nr == SYS_dup);
        continue;
      }
      count += told.count;
      last_nr = told.nr;
    }
    CHECK(count == 5);
    CHECK(last_nr == SYS_close);
    trace.check_no_loss();
  }
}

TEST_CASE("conn_connect: who begins to connect, and which connection that becomes",
          "[conn_connect]") {
  for (const Mode& mode : usable_modes()) {
    INFO(mode.name);
    const Listener listener = listen_tcp();
    Shared<std::uint32_t> tid;
    Scene scene(mode, [&](Side& side) {
      side.wait();
      std::thread([&] {
        *tid = static_cast<std::uint32_t>(syscall(SYS_gettid));
        const int fd = connect_tcp(listener.port);
        send_all(fd, "ping");
        close(fd);
      }).join();
      const int refused = socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in addr{};
      addr.sin_family = AF_INET;
      addr.sin_port = htons(1);
      addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      must(connect(refused, reinterpret_cast<const sockaddr*>(&addr), sizeof(addr)) < 0, "connect");
      close(refused);
    });
    const int peer = accept_one(listener.fd);
    recv_exactly(peer, 4);
    const Trace trace = scene.finish();
    close(peer);
    close(listener.fd);
    REQUIRE(trace.connects.size() == 2);
    REQUIRE(trace.conns.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      const tw_ev_conn_open& open = trace.conns[i].open();
      CHECK(open.role == TW_ROLE_CLIENT);
      CHECK(trace.connects[i].conn_id == trace.conns[i].id);
      CHECK(trace.connects[i].pid == scene.pid());
      CHECK(trace.connects[i].hdr.ts_ns <= open.hdr.ts_ns);
    }
    CHECK(trace.connects[0].tid == *tid);
    CHECK(trace.connects[1].tid == scene.pid());
    CHECK((trace.conns[1].open().flags & TW_OPEN_CONNECT_FAILED) != 0);
    trace.check_no_loss();
  }
}

TEST_CASE("data: a send that is cut short says that there was no space", "[no_space]") {
  struct Sent {
    int first;
    int cut;
    int of;
    int last;
  };
  for (const bool tcp : {true, false}) {
    for (const Mode& mode : usable_modes()) {
      INFO(mode.name << (tcp ? ", TCP" : ", Unix"));
      const Listener listener = listen_tcp();
      const std::string name = std::string("\0tailwhy-no-space-", 18) + std::to_string(getpid());
      const int unix_listener = tcp ? -1 : listen_unix(name);
      const int peer = tcp ? connect_tcp(listener.port) : connect_unix(name);
      Shared<Sent> sent;
      Scene scene(mode, [&](Side& side) {
        close(peer);
        const int fd = accept_one(tcp ? listener.fd : unix_listener);
        side.wait();
        recv_exactly(fd, 4);
        sent->first = nonblocking_send(fd, "pong");
        const std::string much(16U << 20, 'x');
        sent->of = static_cast<int>(much.size());
        sent->cut = nonblocking_send(fd, much);
        side.wait();  // the peer takes it all
        must(sent->cut > 0, "a send that is cut short");
        for (int i = 0; i < 1000 && (sent->last = nonblocking_send(fd, "pong")) < 0; ++i)
          usleep(1000);
        close(fd);
      });
      send_all(peer, "ping");
      scene.await();
      recv_exactly(peer, 4 + static_cast<std::size_t>(sent->cut));
      scene.go();
      recv_exactly(peer, 4);
      drain(peer);
      const Trace trace = scene.finish();
      close(peer);
      close(listener.fd);
      if (!tcp) close(unix_listener);
      REQUIRE(sent->cut < sent->of);
      const Connection& conn = trace.only();
      REQUIRE(conn.out.size() == 3);
      CHECK((conn.out[0].flags & TW_DATA_NO_SPACE) == 0);
      CHECK(conn.out[1].len == static_cast<std::uint32_t>(sent->cut));
      CHECK((conn.out[1].flags & TW_DATA_NO_SPACE) != 0);
      CHECK((conn.out[2].flags & TW_DATA_NO_SPACE) == 0);
      trace.check_no_loss();
    }
  }
}
