// The server's own measurements. See the header.
#include "budget_truth.h"

#include "socket.h"

#include <algorithm>
#include <fcntl.h>
#include <fmt/format.h>
#include <string_view>
#include <unistd.h>

namespace workload {
namespace {

constexpr std::string_view kPartNames[] = {"lock",       "file_lock",  "sleep",      "disk",
                                           "file_write", "page_fault", "downstream", "client"};
static_assert(std::size(kPartNames) == static_cast<std::size_t>(Part::Count));

void add(std::string& line, std::string_view prefix, std::string_view name, const Took& took) {
  line += fmt::format(" {}{}={}", prefix, name, took.wall);
  if (took.cpu != 0) line += fmt::format(" {}{}_cpu={}", prefix, name, took.cpu);
  if (took.idle != 0) line += fmt::format(" {}{}_idle={}", prefix, name, took.idle);
  if (took.run_queue != 0) line += fmt::format(" {}{}_run_queue={}", prefix, name, took.run_queue);
}

void add(std::string& line, std::string_view prefix, const Spent& spent) {
  const Use& use = spent.use;
  line += fmt::format(" {0}cpu={1} {0}run_queue={2} {0}switches={3} {0}preempted={4}", prefix,
                      use.cpu, use.run_queue - std::min(use.run_queue, spent.late_run_queue),
                      use.switches, use.preempted);
  if (use.major_faults != 0) line += fmt::format(" {}major_faults={}", prefix, use.major_faults);
  for (std::size_t i = 0; i < spent.parts.size(); ++i)
    if (spent.parts[i].wall != 0) add(line, prefix, kPartNames[i], spent.parts[i]);
  if (spent.failed != 0) line += fmt::format(" {}failed={}", prefix, spent.failed);
}

}  // namespace

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
  if (record.in_loop) {
    line += fmt::format(" others={}", record.others);
    add(line, "", "idle", record.idle);
    line += fmt::format(
        " loop_cpu={} loop_run_queue={}", record.loop.cpu,
        record.loop.run_queue - std::min(record.loop.run_queue, record.own.late_run_queue));
  }
  if (!record.pool.empty()) {
    line += fmt::format(" pool={} pool_tid={}", record.pool, record.pool_tid);
    add(line, "", "handed", record.handed);
    line += fmt::format(" handed_busy={}", record.handed_busy);
    if (record.returned.wall != 0) add(line, "", "returned", record.returned);
    add(line, "pool_", record.pooled);
  }
  line += '\n';
  // one write of an O_APPEND file: whole lines from all threads
  if (::write(fd_, line.data(), line.size()) < 0) die("truth");
}

}  // namespace workload
