#include "unit/targets/fake_proc.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace tailwhy::test {
namespace stdfs = std::filesystem;

namespace {

std::string stat_text(const FakeProcess& p, std::size_t threads) {
  return fmt::format(
      "{} ({}) {} {} 1 1 0 -1 {} {} {} {} 0 {} {} 0 0 20 0 {} 0 {} 8192 {} 18446744073709551615 0 "
      "0 0 0 "
      "0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 {}\n",
      p.pid, p.comm, p.state, p.ppid, p.flags, p.minor_faults, p.reaped_minor_faults,
      p.major_faults, p.user_ticks, p.system_ticks, threads, p.start_ticks, p.rss_pages,
      p.exit_code);
}

std::string status_text(const FakeProcess& p, const FakeProcess::Thread& thread) {
  return fmt::format(
      "Name:\tx\nState:\tS (sleeping)\nTgid:\t{}\nPid:\t{}\nUid:\t{}\t{}\t{}\t{}\nNSpid:\t{}\n"
      "VmHWM:\t{:8} kB\nvoluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n",
      p.pid, thread.tid, p.uid, p.uid, p.uid, p.uid,
      p.ns_pids.empty() ? std::to_string(p.pid) : p.ns_pids, p.peak_rss_kib, thread.voluntary,
      thread.involuntary);
}

}  // namespace

FakeProc::FakeProc() {
  std::string name = (stdfs::temp_directory_path() / "tailwhy-proc-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  root_ = name;
}

FakeProc::~FakeProc() {
  std::error_code ignored;
  stdfs::remove_all(root_, ignored);
}

stdfs::path FakeProc::path(pid_t pid, std::string_view name) const {
  return root_ / std::to_string(pid) / name;
}

void FakeProc::write(pid_t pid, std::string_view name, std::string_view text) {
  const stdfs::path file = path(pid, name);
  std::string& known = written_[file.string()];
  if (stdfs::exists(file) && known == text)
    return;  // disks are slow, and most files stay as they are
  stdfs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
  known = text;
}

void FakeProc::link(pid_t pid, std::string_view name, std::string_view target) {
  const stdfs::path file = path(pid, name);
  std::error_code none;
  if (stdfs::read_symlink(file, none) == target) return;
  stdfs::create_directories(file.parent_path());
  stdfs::remove(file);
  stdfs::create_symlink(target, file);
}

void FakeProc::remove(pid_t pid) {
  stdfs::remove_all(root_ / std::to_string(pid));
}

// Removes the directories of all other threads.
void FakeProc::keep_threads(pid_t pid, const std::vector<FakeProcess::Thread>& threads) {
  std::error_code none;
  for (const auto& entry : stdfs::directory_iterator(path(pid, "task"), none)) {
    const bool kept = std::any_of(threads.begin(), threads.end(), [&](const auto& thread) {
      return std::to_string(thread.tid) == entry.path().filename();
    });
    if (!kept) stdfs::remove_all(entry.path());
  }
}

void FakeProc::put(const FakeProcess& p) {
  std::vector<FakeProcess::Thread> threads = p.threads;
  if (threads.empty()) threads.push_back({.tid = p.pid});
  keep_threads(p.pid, threads);
  std::error_code none;
  const auto open_now = stdfs::directory_iterator(path(p.pid, "fd"), none);
  if (std::distance(begin(open_now), end(open_now)) > std::ssize(p.descriptors)) {
    stdfs::remove_all(path(p.pid, "fd"));
  }

  write(p.pid, "stat", stat_text(p, threads.size()));
  write(p.pid, "status", status_text(p, threads.front()));
  write(p.pid, "statm", fmt::format("2000 {} 100 1 0 50 0\n", p.rss_pages));
  write(p.pid, "cgroup", p.cgroup);
  write(p.pid, "cmdline", p.cmdline);
  for (const auto& thread : threads) {
    const std::string task = "task/" + std::to_string(thread.tid);
    write(p.pid, task + "/status", status_text(p, thread));
    write(p.pid, task + "/schedstat",
          fmt::format("{} {} {}\n", thread.run_ns, thread.run_queue_ns, thread.slices));
  }
  if (!p.has_io) stdfs::remove(path(p.pid, "io"));
  if (p.has_io) {
    write(p.pid, "io",
          fmt::format("rchar: {}\nwchar: {}\nsyscr: 1\nsyscw: 1\nread_bytes: {}\nwrite_bytes: {}\n"
                      "cancelled_write_bytes: 0\n",
                      p.read_chars, p.write_chars, p.disk_read_bytes, p.disk_write_bytes));
  }
  link(p.pid, "exe", p.exe);
  link(p.pid, "ns/net", p.net_ns);
  link(p.pid, "ns/pid", "pid:[4026531836]");
  link(p.pid, "ns/mnt", "mnt:[4026531832]");
  stdfs::create_directories(path(p.pid, "fd"));
  for (std::size_t fd = 0; fd < p.descriptors.size(); ++fd) {
    link(p.pid, "fd/" + std::to_string(fd), p.descriptors[fd]);
  }
}

}  // namespace tailwhy::test
