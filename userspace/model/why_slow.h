// Why the slow requests of a run are slow: which of them to speak of, what they are held against,
// and whether there is anything to say. Pure; the words are found by sinks/why_sentence.h.
//
// Slow are the slowest 1 % of all requests whose budget is known (at least one), or all from a
// given duration on. Typical are those of ranks 40 % to 60 %.
//
// Of which requests:
//  1. A route is the one to speak of when at least half of the slow requests are its own (all
//     statuses together). The requests beyond the limit of routes, and those without a name, are no
//     route.
//  2. If that route is slow as a whole - its median is more than half of the mean of its slow
//     requests, and at least 1.5 times what is typical of all requests - its typical requests are
//     held against the typical ones of all requests.
//  3. Else, if it has at least 20 requests, its slow ones are held against its own typical ones.
//  4. Else, or when that is no tail (below), the slow ones of all requests are held against the
//     typical ones of all.
//
// Whether there is anything to say:
//  - fewer than 100 requests have no tail;
//  - a duration that no request reached has no slow requests;
//  - slow requests that take less than 1.5 times as long as those they are held against are no
//  tail.
#pragma once

#include "model/report.h"
#include "model/tail_analysis.h"

#include <cstdint>
#include <optional>
#include <string>

namespace tailwhy {

inline constexpr std::uint64_t kFewestForATail = 100;
inline constexpr std::uint64_t kFewestOfARoute = 20;
inline constexpr double kLeastTail = 1.5;

struct RouteName {
  std::string protocol;
  std::string method;
  std::string route;
  ProtocolFamily family = ProtocolFamily::Unknown;
};

struct WhySlow {
  enum class Verdict : std::uint8_t {
    Unknown,      ///< no budget of any request is known
    TooFew,       ///< requests
    NothingSlow,  ///< nothing took as long as was asked for
    NoTail,
    Tail,
  };
  enum class Scope : std::uint8_t { AllRequests, OneRoute, WholeRoute };

  Verdict verdict = Verdict::Unknown;
  Scope scope = Scope::AllRequests;
  RouteName route;             ///< that has most of the slow requests; empty: none has half of them
  double route_share = 0;      ///< of all slow requests, those of `route`
  std::uint64_t requests = 0;  ///< of the scope
  Ns p50_ns = 0;               ///< of their durations
  Ns p99_ns = 0;
  Ns max_ns = 0;
  TailSpec spec;
  TailAnalysis tail;  ///< nothing in it when Unknown

  [[nodiscard]] bool has_route() const { return route_share > 0; }
};

WhySlow explain_slow(const Report& report, const TailSpec& spec = {});

/// "all", "route", "whole_route".
std::string_view to_string(WhySlow::Scope scope);
/// "too_few_requests", "nothing_slow", "no_tail", "tail"; empty for Unknown.
std::string_view to_string(WhySlow::Verdict verdict);

}  // namespace tailwhy
