#include "bpf/doctor_checks.h"

#include "base/handle.h"
#include "base/text.h"
#include "bpf/libbpf_log.h"
#include "bpf/pid_namespace.h"

#include <bpf/bpf.h>
#include <sys/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>

namespace tailwhy {
namespace {

namespace fs = std::filesystem;

// The first line; empty when the file cannot be read.
std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

DoctorRow row(std::string_view section, std::string_view check, std::string_view need) {
  DoctorRow made;
  made.section = section;
  made.check = check;
  made.need = need;
  return made;
}

DoctorRow examine_btf() {
  DoctorRow made = row("kernel", "BTF", "/sys/kernel/btf/vmlinux");
  if (access("/sys/kernel/btf/vmlinux", R_OK) == 0) {
    made.found = "readable";
    return made;
  }
  made.found = std::strerror(errno);
  made.verdict = Verdict::Fail;
  made.fix = "a kernel built with CONFIG_DEBUG_INFO_BTF=y (all of Debian's, Ubuntu's, Fedora's)";
  return made;
}

// "none [integrity] confidentiality": the one in brackets is in force.
DoctorRow examine_lockdown() {
  DoctorRow made = row("kernel", "lockdown", "none or integrity");
  const std::string modes = first_line("/sys/kernel/security/lockdown");
  const std::size_t begin = modes.find('[');
  const std::size_t end = modes.find(']');
  if (begin == std::string::npos || end == std::string::npos) {
    made.found = "not readable (securityfs not mounted, or no lockdown)";
    return made;
  }
  made.found = modes.substr(begin + 1, end - begin - 1);
  if (made.found == "confidentiality") {
    made.verdict = Verdict::Fail;
    made.fix = "boot with lockdown=integrity: confidentiality forbids BPF to read kernel memory";
  }
  return made;
}

DoctorRow examine_feature(const KernelFeatures& features, tw_feature feature) {
  DoctorRow made = row("kernel", feature_name(feature), feature_doc(feature));
  const KernelFeatures::Answer& answer = features.of(feature);
  made.found = answer.support == Support::Yes ? "there" : answer.because;
  if (answer.support == Support::Unknown) made.found = "could not be told: " + answer.because;
  return made;  // the hooks say what follows from it
}

std::string missing_capabilities() {
  struct Needed {
    cap_value_t value;
    std::string_view name;
  };
  constexpr Needed kNeeded[] = {{CAP_BPF, "CAP_BPF"},
                                {CAP_PERFMON, "CAP_PERFMON"},
                                {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
                                {CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"}};
  const std::unique_ptr<void, int (*)(void*)> caps(cap_get_proc(), cap_free);
  std::string missing;
  const auto has = [&](cap_value_t value) {
    cap_flag_value_t flag = CAP_CLEAR;
    const int result = cap_get_flag(static_cast<cap_t>(caps.get()), value, CAP_EFFECTIVE, &flag);
    return result == 0 && flag == CAP_SET;
  };
  for (const Needed& needed : kNeeded) {
    // what these two were split off
    const bool by_admin = needed.value == CAP_BPF || needed.value == CAP_PERFMON;
    if (has(needed.value) || (by_admin && has(CAP_SYS_ADMIN))) continue;
    missing += fmt::format("{}{}", missing.empty() ? "" : ", ", needed.name);
  }
  return missing;
}

DoctorRow examine_capabilities() {
  DoctorRow made = row("privileges", "capabilities",
                       "CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH");
  const std::string missing = missing_capabilities();
  if (missing.empty()) {
    made.found = "all there";
    return made;
  }
  made.found = "missing: " + missing;
  made.verdict = Verdict::Fail;
  made.fix =
      "run it as root, or: setcap "
      "cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search+ep tailwhy";
  return made;
}

// Settings that people ask about; with the capabilities above they change nothing.
DoctorRow examine_setting(std::string_view check, const std::string& path) {
  DoctorRow made = row("privileges", check, "any: capabilities decide");
  made.found = first_line(path);
  if (made.found.empty()) made.found = "not there";
  return made;
}

DoctorRow examine_memlock() {
  DoctorRow made = row("privileges", "memory lock limit", "any since Linux 5.11");
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  made.found = limit.rlim_cur == RLIM_INFINITY ? "unlimited" : format_bytes(limit.rlim_cur);
  return made;
}

DoctorRow examine_ring(std::uint32_t size_bytes) {
  DoctorRow made = row("privileges", "ring buffer", format_bytes(size_bytes));
  const LibbpfLog log;
  const UniqueFd ring(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "tw_probe", 0, 0, size_bytes, nullptr));
  if (ring) {
    made.found = "can be made";
    return made;
  }
  const int err = errno;
  made.found = std::strerror(err);
  made.verdict = Verdict::Fail;
  if (err == ENOMEM || err == E2BIG) made.fix = "a smaller ring";
  if (err == EPERM) made.fix = "see capabilities";
  if (err == EINVAL) made.fix = "a power of two, and at least one page";
  return made;
}

DoctorRow examine_tracefs() {
  DoctorRow made = row("privileges", "tracefs", "not needed");
  std::error_code ignored;
  const bool mounted = fs::exists("/sys/kernel/tracing/events", ignored) ||
                       fs::exists("/sys/kernel/debug/tracing/events", ignored);
  made.found = mounted ? "mounted" : "not mounted";
  return made;
}

DoctorRow examine_pid_namespace() {
  DoctorRow made =
      row("privileges", "PID namespace", "processes are named by the numbers of /proc");
  const auto above = pid_namespaces_above();
  if (!above) {
    made.found = above.error().message();
    made.verdict = Verdict::Fail;
    made.fix = "mount -t proc proc /proc";
    return made;
  }
  made.found = *above == 0 ? "/proc is that of our own namespace"
                           : fmt::format("/proc is that of a namespace {} above ours", *above);
  return made;
}

std::string namespace_of(std::uint32_t pid, std::string_view kind) {
  std::error_code error;
  const fs::path link = fs::read_symlink(fmt::format("/proc/{}/ns/{}", pid, kind), error);
  return error ? error.message() : link.string();
}

DoctorRow examine_namespace(std::uint32_t pid, std::string_view kind, std::string_view check) {
  DoctorRow made = row("target", check, "any");
  const std::string theirs = namespace_of(pid, kind);
  const std::string ours = namespace_of(static_cast<std::uint32_t>(getpid()), kind);
  made.found = theirs == ours ? "ours" : theirs;
  return made;
}

}  // namespace

std::vector<DoctorRow> examine_kernel(const KernelFeatures& features) {
  std::vector<DoctorRow> rows;
  utsname name{};
  uname(&name);
  rows.push_back(row("kernel", "release", "5.15 or later; what it can do decides"));
  rows.back().found = fmt::format("{} {}", name.release, name.machine);
  rows.push_back(examine_btf());
  rows.push_back(examine_lockdown());
  for (std::size_t i = 0; i < TW_FEAT_MAX; ++i) {
    rows.push_back(examine_feature(features, static_cast<tw_feature>(i)));
  }
  return rows;
}

std::vector<DoctorRow> examine_privileges(std::uint32_t ring_size_bytes) {
  return {
      examine_capabilities(),
      examine_ring(ring_size_bytes),
      examine_memlock(),
      examine_setting("unprivileged_bpf_disabled", "/proc/sys/kernel/unprivileged_bpf_disabled"),
      examine_setting("perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid"),
      examine_tracefs(),
      examine_pid_namespace()};
}

std::vector<DoctorRow> examine_target(std::uint32_t pid) {
  DoctorRow process = row("target", "process", fmt::format("process {}", pid));
  const fs::path folder = fmt::format("/proc/{}", pid);
  std::error_code error;
  if (!fs::exists(folder, error)) {
    process.found = "there is none";
    process.verdict = Verdict::Fail;
    process.fix = "its number; it may have ended";
    return {process};
  }
  process.found = first_line(folder / "comm");
  if (!fs::exists(folder / "exe", error) && error.value() == 0) {
    process.found += " (a kernel thread)";
    process.verdict = Verdict::Fail;
    process.fix = "the number of a process with a program";
    return {process};
  }

  DoctorRow access = row("target", "access", "its descriptors can be listed");
  const fs::directory_iterator fds(folder / "fd", error);
  access.found = error ? error.message() : "yes";
  if (error) {
    access.verdict = Verdict::Degraded;
    access.fix = "run it as root, or give it CAP_SYS_PTRACE";
  }

  DoctorRow threads = row("target", "threads", "any");
  const fs::directory_iterator tasks(folder / "task", error);
  threads.found =
      error ? error.message()
            : format_count(static_cast<std::uint64_t>(std::distance(begin(tasks), end(tasks))));
  return {process, access, threads, examine_namespace(pid, "net", "network namespace"),
          examine_namespace(pid, "pid", "PID namespace")};
}

}  // namespace tailwhy
