// See the header.
#include "sinks/why_sentence.h"

#include "base/text.h"
#include "sinks/numbers.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace tailwhy {
namespace {

constexpr double kAll = 0.995;
constexpr double kRunnerUp = 0.15;
constexpr double kMuchUnknown = 0.15;
constexpr double kMostlyUnknown = 0.5;
constexpr double kDominates = 0.5;
constexpr double kLeastRetransmits = 0.1;
constexpr Ns kLeastAcceptQueue = 1'000'000;
constexpr std::size_t kLongestName = 60;

class Words {
 public:
  Words(const WhySlow& why, const Report& report, const Style& style)
      : why_(why), report_(report), style_(style) {
    for (const CauseRow& row : why.tail.reasons) {
      if (row.cause == Cause::Unattributed) {
        unknown_ = row;
      } else {
        known_.push_back(row);
      }
    }
  }

  std::string tail() const {
    return why_.scope == WhySlow::Scope::WholeRoute ? whole_route() : slowest();
  }

  std::string no_tail() const {
    if (why_.spec.slow_ns > 0) {
      return fmt::format(
          "Requests that take {} or longer take {} as long as typical ones: no tail.",
          time(why_.spec.slow_ns), times(why_.tail.slow.duration, why_.tail.typical.duration));
    }
    return fmt::format("No tail worth a word: p99 is {} the median ({}, {}).",
                       times(static_cast<double>(why_.p99_ns), static_cast<double>(why_.p50_ns)),
                       time(why_.p99_ns), time(why_.p50_ns));
  }

  std::string nothing_slow() const {
    const std::string limit = time(why_.spec.slow_ns);
    if (why_.max_ns >= why_.spec.slow_ns) {
      return fmt::format("No request whose parts are known took {} or longer.", limit);
    }
    return fmt::format("No request took {} or longer, the slowest {}.", limit, time(why_.max_ns));
  }

  std::string too_few() const {
    return fmt::format("Too few requests to speak of a tail: {} of at least {}.",
                       report_.budget.sums.requests(), kFewestForATail);
  }

  std::string besides() const { return accept_queue() + turned_away(); }

  std::string retransmits() const {
    const double slow = why_.tail.slow.retransmits, typical = why_.tail.typical.retransmits;
    if (slow < kLeastRetransmits || slow < typical * 2) return {};
    return fmt::format(" Per slow request {:.1f} segments were sent again, against {:.1f}.", slow,
                       typical);
  }

 private:
  std::string time(double ns) const { return time(static_cast<Ns>(std::llround(ns))); }
  std::string time(Ns ns) const { return format_duration_ns(ns, style_.charset); }
  std::string name(std::string_view text) const {
    return escape_terminal(text, kLongestName, style_.charset);
  }
  std::string times(double a, double b) const {
    return fmt::format("{:.1f} {}", b > 0 ? a / b : 0, style_.times());
  }
  static std::string percent(double share) {
    return fmt::format("{:.0f} %", std::min(share, 1.0) * 100);
  }
  // "71 % of", "all of".
  static std::string much_of(double share) {
    return share >= kAll ? "all of" : percent(share) + " of";
  }

  std::string route() const {
    const RouteName& r = why_.route;
    return name(r.method + (r.method.empty() || r.route.empty() ? "" : " ") + r.route);
  }

  bool one_request() const { return why_.spec.slow_ns == 0 && why_.tail.slow.requests < 1.5; }

  // "The slowest 1 % of GET /cart (p99 48.1 ms, typical 210 us)"
  std::string subject() const {
    const bool one_route = why_.scope == WhySlow::Scope::OneRoute;
    std::string who, what;
    if (why_.spec.slow_ns > 0) {
      who = fmt::format("Requests {}that take {} or longer",
                        one_route ? fmt::format("of {} ", route()) : "", time(why_.spec.slow_ns));
      const double share = why_.tail.slow.requests / static_cast<double>(why_.requests);
      what = fmt::format("{} of them all", format_share(share));
    } else {
      who = fmt::format("The slowest {} {}", one_request() ? "request of" : "1 % of",
                        one_route ? route() : "all requests");
      what =
          one_request() ? time(why_.tail.slow.duration) : fmt::format("p99 {}", time(why_.p99_ns));
    }
    what += fmt::format(", typical {}", time(why_.tail.typical.duration));
    if (!one_route && why_.has_route() && !one_request()) {
      what += fmt::format("; {} are {}", percent(why_.route_share), route());
    }
    return fmt::format("{} ({})", who, what);
  }

  std::string slowest() const {
    const bool one = one_request();
    const std::string_view spend = one ? "spends" : "spend", their = one ? "its" : "their";
    const std::string extra = time(why_.tail.extra());
    if (unknown_.share > kMostlyUnknown) {
      return fmt::format(
          "{} {} most of {} extra {} where it was not seen: {} is not attributed{}{}.", subject(),
          spend, their, extra, percent(unknown_.share), gap(), rest());
    }
    const CauseRow& lead = known_.front();
    return fmt::format("{} {} {} {} extra {} {}{}{}.", subject(), spend, much_of(lead.share), their,
                       extra, waiting(lead), runner_up(), unknown_clause());
  }

  // "GET /report takes 301 ms at the median of its 100 requests, against 200 us typical of all
  // requests"
  std::string whole_route() const {
    const std::string who = fmt::format(
        "{} takes {} at the median of its {}, against {} typical of all requests:", route(),
        time(why_.p50_ns), counted(why_.requests, "request"), time(why_.tail.typical.duration));
    if (unknown_.share > kMostlyUnknown) {
      return fmt::format("{} {} of the difference is not attributed{}{}.", who,
                         percent(unknown_.share), gap(), rest());
    }
    const CauseRow& lead = known_.front();
    return fmt::format("{} {} the difference is spent {}{}{}.", who, much_of(lead.share),
                       waiting(lead), runner_up(), unknown_clause());
  }

  std::string runner_up() const {
    const CauseRow& row = known_[1];
    if (row.share < kRunnerUp || known_[0].share >= kAll) return {};
    return fmt::format(" and {} {}", percent(row.share), waiting(row));
  }

  std::string unknown_clause() const {
    if (unknown_.share <= kMuchUnknown) return {};
    return fmt::format("; {} is not attributed{}", percent(unknown_.share), gap());
  }

  // What is known when most is not.
  std::string rest() const {
    const CauseRow& lead = known_.front();
    if (lead.share < kRunnerUp) return {};
    return fmt::format(", {} is spent {}", percent(lead.share), waiting(lead));
  }

  std::string gap() const {
    const auto most = [&](Gap gap) {
      return why_.tail.slow.gaps[static_cast<std::size_t>(gap)] >
             why_.tail.slow.of(Cause::Unattributed) * kDominates;
    };
    if (most(Gap::Attach)) return " (what the thread did was not seen yet)";
    if (most(Gap::HandOff))
      return " (it went on in another thread, and what woke that was not seen)";
    if (most(Gap::Lost)) return " (records were lost)";
    return {};
  }

  // The number of the name with more than half of the time; kOtherName if none has.
  static std::size_t dominant(const std::array<double, kNames>& times, double all) {
    for (std::size_t i = 0; i < kMostNames; ++i) {
      if (times[i] > all * kDominates) return i;
    }
    return kOtherName;
  }

  std::string waiting(const CauseRow& row) const {
    const TailGroup& slow = why_.tail.slow;
    if (row.cause == Cause::Downstream) {
      const std::size_t i = dominant(slow.peers, slow.of(Cause::Downstream));
      if (i != kOtherName) return "waiting for " + peer(report_.budget.names.peers[i]);
    }
    if (row.cause == Cause::Other) {
      const std::size_t i = dominant(slow.calls, slow.of(Cause::Other));
      if (i != kOtherName) return "asleep in " + name(report_.budget.names.calls[i].call);
    }
    if (row.cause == Cause::OtherRequests) return "behind other requests on the same thread";
    return std::string(spec_of(row.cause).waiting);
  }

  std::string peer(const PeerUse& use) const {
    std::string text = name(use.address);
    const bool unix_socket = use.address.starts_with("unix:");
    if (!unix_socket && text.find(':') != std::string::npos) text = fmt::format("[{}]", text);
    if (!unix_socket) text += fmt::format(":{}", use.port);
    if (!use.protocol.empty() && use.protocol != "unknown")
      text += fmt::format(" ({})", use.protocol);
    return text;
  }

  std::string accept_queue() const {
    const double tenth = why_.tail.slow.duration / 10;
    const Ns least = std::max(kLeastAcceptQueue, static_cast<Ns>(std::llround(tenth)));
    std::uint64_t count = 0;
    report_.accept_queue.for_each_bucket([&](const HistogramBucket& bucket) {
      if (bucket.lower_ns + 1 >= least) count += bucket.count;
    });
    if (count == 0) return {};
    return fmt::format(" Besides, {} waited up to {} in the accept queue.",
                       counted(count, "connection"), time(report_.accept_queue.max_ns()));
  }

  // The kernel counts these for all sockets of the network namespace, and overflows as drops too.
  std::string turned_away() const {
    const ConnectionCounts& c = report_.connections;
    if (!c.namespace_known) return {};
    if (c.listen_overflows > 0) {
      return fmt::format(" {} in the network namespace met a full accept queue.",
                         counted(c.listen_overflows, "connection attempt"));
    }
    if (c.listen_drops == 0) return {};
    return fmt::format(" {} in the network namespace {} dropped before being accepted.",
                       counted(c.listen_drops, "connection attempt"),
                       c.listen_drops == 1 ? "was" : "were");
  }

  const WhySlow& why_;
  const Report& report_;
  const Style& style_;
  std::vector<CauseRow> known_;  // largest first
  CauseRow unknown_;
};

}  // namespace

std::string why_sentence(const WhySlow& why, const Report& report, const Style& style) {
  if (why.verdict == WhySlow::Verdict::Unknown) return {};
  const Words words(why, report, style);
  switch (why.verdict) {
    case WhySlow::Verdict::Unknown:
      break;
    case WhySlow::Verdict::TooFew:
      return words.too_few() + words.besides();
    case WhySlow::Verdict::NothingSlow:
      return words.nothing_slow() + words.besides();
    case WhySlow::Verdict::NoTail:
      return words.no_tail() + words.retransmits() + words.besides();
    case WhySlow::Verdict::Tail:
      return words.tail() + words.retransmits() + words.besides();
  }
  return {};
}

}  // namespace tailwhy
