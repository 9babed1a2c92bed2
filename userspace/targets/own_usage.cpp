// Our own resource use. Must not know about targets.
#include "targets/own_usage.h"

#include "base/text.h"
#include "targets/proc_fs.h"
#include "targets/proc_stat.h"

#include <sys/resource.h>

#include <cerrno>
#include <unistd.h>

namespace tailwhy {
namespace {

Ns to_ns(const timeval& time) noexcept {
  return static_cast<Ns>(time.tv_sec) * kNsPerSec + static_cast<Ns>(time.tv_usec) * 1000;
}

}  // namespace

Result<OwnUsage> read_own_usage() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0)
    return Error::from_errno("read our own CPU time", errno);
  OwnUsage own;
  own.cpu_user_ns = to_ns(usage.ru_utime);
  own.cpu_system_ns = to_ns(usage.ru_stime);
  own.voluntary_switches = static_cast<std::uint64_t>(usage.ru_nvcsw);
  own.involuntary_switches = static_cast<std::uint64_t>(usage.ru_nivcsw);

  const ProcFs proc;
  const auto statm = proc.read(::getpid(), "statm");
  if (!statm) return statm.error();
  std::string_view rest(*statm);
  next_field(rest);  // size of the address space
  own.rss_bytes = parse_number<std::uint64_t>(next_field(rest)).value_or(0) *
                  static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  // Not ru_maxrss: exec() keeps that of the program before, for us that of whoever started us.
  const auto status = proc.read(::getpid(), "status");
  if (!status) return status.error();
  own.peak_rss_bytes = parse_status(*status).peak_rss_bytes;
  return own;
}

}  // namespace tailwhy
