// Which sections, in which order, and what gives way when the screen is small. See the header.
#include "sinks/report.h"

#include "sinks/numbers.h"
#include "sinks/sections.h"
#include "sinks/slow_stacks_section.h"
#include "sinks/streams_section.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace tailwhy {
namespace {

constexpr std::size_t kNarrowest = 60;
constexpr std::size_t kFewestDistributionRows = 5;  // fewer say nothing
constexpr std::size_t kMostDistributionRows = 10;
constexpr std::size_t kMostSyscallRows = 5;
constexpr std::size_t kMostStreamRows = 5;
constexpr std::size_t kFewestCauseRows = 3;  // with what could not be attributed; fewer say nothing
constexpr std::size_t kSomeCauseRows = 5;
constexpr std::size_t kMostCauseRows = 8;

std::string known(std::string_view text, const Page& page) {
  return text.empty() ? "?" : escape_terminal(text, 64, page.style.charset);
}

void append(Lines& all, Lines more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

Lines title(const Report& total, const RunInfo& run, const Page& page) {
  Line target(escape_terminal(run.target_text, page.width, page.style.charset), Tone::Strong);
  Line where(format_duration_ns(total.end_ns - total.begin_ns, page.style.charset), Tone::Dim);
  if (total.begin_wall_ns != 0) where.add(" from " + format_date(total.begin_wall_ns), Tone::Dim);
  where.add(fmt::format(" on {}, Linux {}", known(run.host_name, page), known(run.kernel, page)),
            Tone::Dim);
  if (run.replayed) where.add(", from a recording", Tone::Dim);
  return {std::move(target), std::move(where)};
}

// Nothing was measured: say what was there instead, from the outside in, and what to try.
Lines why_empty(const Report& total, const Page& page) {
  const ConnectionCounts& c = total.connections;
  const bool connections = c.opened + c.existing > 0;
  const bool bytes = total.resources.network_in_bytes + total.resources.network_out_bytes > 0;
  std::vector<std::string> reasons;
  const auto say = [&](std::string_view text) { reasons.emplace_back(text); };
  if (total.lost() > 0) {
    say("events were lost (see below), so requests may have been missed");
  }
  if (!connections) {
    say("the target had no connection in this time: nothing arrived, or another process serves");
    say("try its parent or children, or --port N");
  } else if (!bytes) {
    say("there are connections, but no byte crossed them: clients are idle, or the run was short");
  } else if (total.server.in_flight + total.server.in_flight_at_attach > 0) {
    say("requests were begun but none was answered: the run was short, or the target is stuck");
  } else if (total.client.seen > 0) {
    say("the target answered nobody but called others: see the outgoing calls");
  } else {
    say("bytes crossed its connections, but no request with an answer could be made out");
    for (const LossRow& row : total.losses) {
      if (row.count > 0) say(fmt::format("{}: {}", row.count, row.doc));
    }
  }
  Lines lines{Line("No requests were measured.", Tone::Bad)};
  for (const std::string& sentence : reasons) {
    append(lines, paragraph(sentence, Tone::Warn, 2, page.width));
  }
  return lines;
}

Lines missing_section(const RunInfo& run, const Page& page) {
  std::vector<Piece> pieces;
  for (const std::string& sentence : run.missing) {
    pieces.push_back({escape_terminal(sentence, page.width, page.style.charset), Tone::Warn});
  }
  return pieces.empty() ? Lines{}
                        : facts("Missing", std::move(pieces), page.style, page.width, Tone::Warn);
}

// A blank line and the section, if there is one.
void append_apart(Lines& all, Lines section) {
  if (section.empty()) return;
  all.emplace_back();
  append(all, std::move(section));
}

// As many causes as fit if `others` lines are kept free.
Lines causes_within(
    const WhySlow& why, std::size_t room, std::size_t others, std::size_t most, const Page& page) {
  for (std::size_t rows = most; rows >= kFewestCauseRows; --rows) {
    Lines lines = causes_section(why, rows, page);
    if (lines.size() + others <= room) return lines;
  }
  return {};
}

// From the title to why requests are slow.
Lines first_sections(const Report& total,
                     const RunInfo& run,
                     const WhySlow& why,
                     LatencyRows latency,
                     const Page& page) {
  Lines head = title(total, run, page);
  append_apart(head, requests_section(total, page));
  append(head, errors_section(total, page));
  const bool measured = total.server.matched + total.client.matched > 0;
  append_apart(head, measured ? latency_section(total, latency, page) : why_empty(total, page));
  append_apart(head, why_section(why, total, page));
  return head;
}

// From the failing system calls to what the kernel could not give.
Lines last_sections(const Report& total, const RunInfo& run, const Page& page) {
  Lines foot;
  append_apart(foot, streams_section(total, kMostStreamRows, page));
  append_apart(foot, syscalls_section(total, kMostSyscallRows, page));
  append_apart(foot, connections_section(total, page));
  append(foot, resources_section(total, page));
  append(foot, honesty_section(total, page));
  append(foot, own_cost_section(total, page));
  append(foot, missing_section(run, page));
  return foot;
}

}  // namespace

std::string format_report(const Report& total, const RunInfo& run, const ReportOptions& options) {
  const Page page{options.style, std::max(options.width, kNarrowest)};
  const WhySlow why = explain_slow(total, {.slow_ns = options.slow_ns});
  Lines head = first_sections(total, run, why, LatencyRows::All, page);
  Lines foot = last_sections(total, run, page);
  Lines code;
  append_apart(code, slow_stacks_section(total.slow_stacks, page));
  const auto room_beside = [&](const Lines& lines) {
    const std::size_t fixed = lines.size() + code.size() + foot.size();
    return options.height > fixed ? options.height - fixed : 0;
  };

  // What is left is shared: a few causes and a few routes, then all routes, all causes, and the
  // distribution. The causes say more than the parts of the latency, which make room for them.
  const std::size_t fewest_routes = std::min(options.fewest, options.top);
  const std::size_t few_routes = fewest_routes + 3;  // a blank line, heading, rows, and the rest
  const std::size_t all_routes = routes_section(total, options.top, page).size() + 1;
  Lines causes = causes_within(why, room_beside(head), all_routes, kMostCauseRows, page);
  if (causes.empty()) {
    causes = causes_within(why, room_beside(head), few_routes, kSomeCauseRows, page);
  }
  if (causes.empty()) {
    Lines brief = first_sections(total, run, why, LatencyRows::DurationOnly, page);
    causes = causes_within(why, room_beside(brief), few_routes, kSomeCauseRows, page);
    if (!causes.empty()) head = std::move(brief);
  }
  append(head, std::move(causes));
  append(head, std::exchange(code, {}));

  const std::size_t room = room_beside(head);
  const std::size_t routes = std::clamp(room > 3 ? room - 3 : 0, fewest_routes, options.top);
  Lines middle;
  append_apart(middle, routes_section(total, routes, page));
  if (room >= middle.size() + kFewestDistributionRows + 2) {
    const std::size_t rows = std::min(room - middle.size() - 2, kMostDistributionRows);
    const bool server = !total.latency.duration.empty();
    append_apart(
        head, distribution_section(server ? total.latency.duration : total.client_latency.duration,
                                   "Distribution of the duration", rows, page));
  }
  append(head, std::move(middle));
  append(head, std::move(foot));
  return render(head, options.style, options.width);
}

}  // namespace tailwhy
