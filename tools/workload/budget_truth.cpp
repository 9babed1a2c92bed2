// The server's own measurements. See the header.
#include "budget_truth.h"

#include "http_text.h"
#include "socket.h"

#include <sys/resource.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <string_view>
#include <unistd.h>

namespace workload {
namespace {

constexpr std::string_view kPartNames[] = {"lock",       "file_lock",  "sleep",      "disk",
                                           "file_write", "page_fault", "downstream", "client"};
static_assert(std::size(kPartNames) == static_cast<std::size_t>(Part::Count));

/// "on_cpu_ns run_delay_ns timeslices" of the thread that opened it.
struct SchedStat {
  int fd = ::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  ~SchedStat() {
    if (fd >= 0) close(fd);
  }
  SchedStat() = default;
  SchedStat(const SchedStat&) = delete;
  SchedStat& operator=(const SchedStat&) = delete;

  [[nodiscard]] Ns run_delay() const {
    char text[128];
    const ssize_t size = fd < 0 ? 0 : pread(fd, text, sizeof(text), 0);
    std::string_view rest(text, size > 0 ? static_cast<std::size_t>(size) : 0);
    rest.remove_prefix(std::min(rest.find(' ') + 1, rest.size()));
    return number(rest.substr(0, rest.find(' '))).value_or(0);
  }
};

void add(std::string& line, std::string_view prefix, const Spent& spent) {
  const Use& use = spent.use;
  line += fmt::format(" {0}cpu={1} {0}run_queue={2} {0}switches={3} {0}preempted={4}", prefix,
                      use.cpu, use.run_queue, use.switches, use.preempted);
  if (use.major_faults != 0) line += fmt::format(" {}major_faults={}", prefix, use.major_faults);
  for (std::size_t i = 0; i < spent.parts.size(); ++i)
    if (spent.parts[i] != 0) line += fmt::format(" {}{}={}", prefix, kPartNames[i], spent.parts[i]);
}

}  // namespace

Use Use::of_this_thread() {
  thread_local const SchedStat schedstat;
  Use use{.cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID)};  // first: the rest costs CPU, too
  use.run_queue = schedstat.run_delay();
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  use.switches = static_cast<std::uint64_t>(usage.ru_nvcsw);
  use.preempted = static_cast<std::uint64_t>(usage.ru_nivcsw);
  use.major_faults = static_cast<std::uint64_t>(usage.ru_majflt);
  return use;
}

Use operator-(const Use& end, const Use& begin) {
  return {.cpu = end.cpu - begin.cpu,
          .run_queue = end.run_queue - begin.run_queue,
          .switches = end.switches - begin.switches,
          .preempted = end.preempted - begin.preempted,
          .major_faults = end.major_faults - begin.major_faults};
}

void operator+=(Use& sum, const Use& more) {
  sum.cpu += more.cpu;
  sum.run_queue += more.run_queue;
  sum.switches += more.switches;
  sum.preempted += more.preempted;
  sum.major_faults += more.major_faults;
}

Record record_of(const Request& request) {
  Record record;
  record.id = request.id.empty() ? "-" : request.id;
  record.target = request.target;
  record.tid = gettid();
  record.read_first = request.read_first;
  record.read_last = request.read_last;
  return record;
}

TruthFile::~TruthFile() {
  if (fd_ >= 0) close(fd_);
}

void TruthFile::open(const char* path) {
  fd_ = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd_ < 0) die("truth");
}

void TruthFile::write(const Record& record) const {
  if (fd_ < 0) return;
  const Written& w = record.written;
  std::string line = fmt::format(
      "id={} target={} status={} pid={} tid={} read_first={} read_last={} write_first_begin={} "
      "write_first={} write_last_begin={} write_last={}",
      record.id, record.target, record.status, getpid(), record.tid, record.read_first,
      record.read_last, w.first_begin, w.first_end, w.last_begin, w.last_end);
  add(line, "", record.own);
  if (record.in_loop) line += fmt::format(" others={} idle={}", record.others, record.idle);
  if (!record.pool.empty()) {
    line +=
        fmt::format(" pool={} pool_tid={} handed={}", record.pool, record.pool_tid, record.handed);
    if (record.returned != 0) line += fmt::format(" returned={}", record.returned);
    add(line, "pool_", record.pooled);
  }
  line += '\n';
  // one write of an O_APPEND file: whole lines from all threads
  if (::write(fd_, line.data(), line.size()) < 0) die("truth");
}

}  // namespace workload
