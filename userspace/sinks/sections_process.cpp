// The sections about the target's process, the kernel, and ourselves.
#include "base/text.h"
#include "sinks/numbers.h"
#include "sinks/sections.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace tailwhy {
namespace {

constexpr std::size_t kIndent = 2;

// A count that is worth mentioning only when there is one.
void add_some(std::vector<Piece>& pieces, std::uint64_t count, std::string_view what, Tone tone) {
  if (count > 0) pieces.push_back({fmt::format("{} {}", count, what), tone});
}

// What is not known of the budgets.
void add_budget(std::vector<Piece>& pieces, const Report& report) {
  const std::uint64_t known = report.budget.sums.requests();
  if (known == 0) return;
  const double share = report.budget.unattributed_share();
  constexpr double kMuch = 0.15;
  pieces.push_back({fmt::format("{} of the time unattributed", format_share(share)),
                    share > kMuch ? Tone::Warn : Tone::Plain});
  const std::uint64_t matched = std::max(report.server.matched, known);
  if (known < matched) {
    pieces.push_back(
        {fmt::format("parts known for {} of the requests",
                     format_share(static_cast<double>(known) / static_cast<double>(matched))),
         Tone::Dim});
  }
}

std::string threads_text(const SyscallErrors& row) {
  constexpr std::size_t kNamed = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(row.threads.size(), kNamed); ++i) {
    const std::uint32_t tid = row.threads[i].tid;
    text +=
        fmt::format("{}{}", i > 0 ? ", " : "thread ", tid == 0 ? "(ended)" : std::to_string(tid));
  }
  const std::uint64_t all = row.threads.size() + row.threads_omitted;
  if (all > kNamed) text += fmt::format(" and {} more", all - kNamed);
  return text;
}

}  // namespace

Lines syscalls_section(const Report& report, std::size_t max_rows, const Page& page) {
  if (!report.syscalls_known || max_rows == 0) return {};
  std::vector<const SyscallErrors*> rows;
  for (const SyscallErrors& row : report.syscalls)
    rows.push_back(&row);
  if (rows.empty()) {
    return facts("Syscalls", {{"none failed", Tone::Good}}, page.style, page.width);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const SyscallErrors* a, const SyscallErrors* b) {
    return a->expected < b->expected;
  });
  Table table({{"Failing calls", Align::Left, 0, 16},
               {"count"},
               {"rate", Align::Right, 2},
               {"", Align::Left, 3},
               {"", Align::Left, 1}},
              kIndent);
  for (const SyscallErrors* row : rows) {
    if (table.size() >= max_rows) break;
    const Tone tone = row->expected ? Tone::Dim : Tone::Plain;
    table.add_row(
        {{fmt::format("{} {}", row->call, row->error), row->expected ? Tone::Dim : Tone::Bad},
         {format_count(row->count), tone},
         {format_rate(per_second(row->count, report.seconds())), tone},
         {threads_text(*row), Tone::Dim},
         {row->expected ? "expected" : "", Tone::Dim}});
  }
  Lines lines = table.lines(page.style, page.width);
  if (table.size() < rows.size()) {
    lines.emplace_back().pad_to(kIndent).add(fmt::format("{} more", rows.size() - table.size()),
                                             Tone::Dim);
  }
  return lines;
}

Lines connections_section(const Report& report, const Page& page) {
  const ConnectionCounts& c = report.connections;
  std::vector<Piece> pieces{{fmt::format("{} open", c.open)},
                            {fmt::format("{} opened", c.opened)},
                            {fmt::format("{} closed", c.closed)}};
  add_some(pieces, c.existing, "open before the start", Tone::Plain);
  add_some(pieces, c.reset_by_peer, "reset by peers", Tone::Warn);
  add_some(pieces, c.reset_by_target, "reset by the target", Tone::Warn);
  add_some(pieces, c.refused, "refused", Tone::Bad);
  add_some(pieces, c.connect_failed, "could not connect", Tone::Bad);
  add_some(pieces, c.timed_out, "timed out", Tone::Bad);
  add_some(pieces, c.retransmits, "retransmits", Tone::Warn);
  add_some(pieces, c.socket_errors, "failing socket calls", Tone::Warn);
  if (c.namespace_known) {
    add_some(pieces, c.listen_overflows, "accept queue overflows", Tone::Bad);
    add_some(pieces, c.listen_drops, "listen drops", Tone::Bad);
  }
  return facts("Connections", std::move(pieces), page.style, page.width);
}

Lines resources_section(const Report& report, const Page& page) {
  const ResourceUse& use = report.resources;
  if (!use.known) {
    return facts("Target", {{"resource use could not be read", Tone::Warn}}, page.style,
                 page.width);
  }
  const double seconds = report.seconds();
  const auto share = [&](std::uint64_t ns) { return format_share(per_second(ns, seconds) / 1e9); };
  const auto waited_ns = static_cast<Ns>(std::llround(per_second(use.run_queue_ns, seconds)));
  std::vector<Piece> pieces{
      {fmt::format("CPU {} of a core", share(use.cpu_user_ns + use.cpu_system_ns))},
      {fmt::format("user {}, system {}", share(use.cpu_user_ns), share(use.cpu_system_ns))},
      {fmt::format("waited for a CPU {}/s", format_duration_ns(waited_ns, page.style.charset))},
      {fmt::format("RSS {}", format_bytes(use.rss_bytes))},
      {counted(use.threads, "thread")},
      {counted(use.file_descriptors, "fd")},
  };
  if (use.processes > 1) pieces.push_back({counted(use.processes, "process", "processes")});
  pieces.push_back({fmt::format("context switches {} voluntary, {} forced",
                                format_rate(per_second(use.voluntary_switches, seconds)),
                                format_rate(per_second(use.involuntary_switches, seconds)))});
  pieces.push_back({fmt::format("disk {} read, {} written", format_bytes(use.disk_read_bytes),
                                format_bytes(use.disk_write_bytes))});
  add_some(pieces, use.major_faults, "major page faults", Tone::Warn);
  if (use.partial) pieces.push_back({"some of it could not be read", Tone::Warn});
  return facts("Target", std::move(pieces), page.style, page.width);
}

Lines honesty_section(const Report& report, const Page& page) {
  const ExchangeCounts& server = report.server;
  const std::uint64_t lost = report.lost();
  std::vector<Piece> pieces;
  if (lost == 0) {
    pieces.push_back({"0 events lost", Tone::Good});
  } else {
    pieces.push_back({fmt::format("{} events lost, counts are lower bounds", lost), Tone::Bad});
    for (const LossRow& row : report.losses) {
      if (row.lost) add_some(pieces, row.count, row.reason, Tone::Bad);
    }
  }
  // Of an interval the identity needs the level that it began with.
  const std::uint64_t ended = server.matched + server.unmatched + server.in_flight;
  const std::uint64_t carried = ended - std::min(ended, server.seen);
  pieces.push_back({fmt::format("{} seen{} = {} matched + {} unmatched + {} in flight", server.seen,
                                carried > 0 ? fmt::format(" + {} before", carried) : "",
                                server.matched, server.unmatched, server.in_flight)});
  add_budget(pieces, report);
  add_some(pieces, server.in_flight_at_attach, "in flight at the start, not measured", Tone::Dim);
  add_some(pieces, server.incomplete, "incomplete", Tone::Warn);
  for (const LossRow& row : report.losses) {
    if (!row.lost) add_some(pieces, row.count, row.reason, Tone::Dim);
  }
  if (report.bytes_not_parsed > 0) {
    pieces.push_back(
        {fmt::format("{} not parsed", format_bytes(report.bytes_not_parsed)), Tone::Dim});
  }
  return facts(lost == 0 ? "Exact" : "Lossy", std::move(pieces), page.style, page.width,
               lost == 0 ? Tone::Heading : Tone::Bad);
}

Lines own_cost_section(const Report& report, const Page& page) {
  const SelfUse& self = report.self;
  std::vector<Piece> pieces{{fmt::format(
      "CPU {} of a core", format_share(per_second(self.cpu_ns, report.seconds()) / 1e9))}};
  if (self.programs_known) {
    pieces.push_back(
        {fmt::format("in the kernel about {}", format_share(self.programs_cpu_share))});
  }
  pieces.push_back({fmt::format("RSS {} (peak {})", format_bytes(self.rss_bytes),
                                format_bytes(self.peak_rss_bytes))});
  pieces.push_back({fmt::format("{} events", format_count_short(self.events))});
  return facts("Own cost", std::move(pieces), page.style, page.width);
}

}  // namespace tailwhy
