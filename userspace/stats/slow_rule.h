// Which requests are slow: the one rule, for everything that looks at slow requests closely.
#pragma once

#include "base/histogram.h"

#include <algorithm>

namespace tailwhy {

/// A request is slow from the user's threshold on. Without one it is slow when its duration is
/// within the longest 1 % of those that the run has seen up to it (itself included); none is before
/// 100 were seen.
class SlowRule {
 public:
  explicit SlowRule(Ns threshold_ns) : threshold_ns_(threshold_ns), given_(threshold_ns > 0) {}

  bool is_slow(Ns duration_ns) {
    if (given_) return duration_ns >= threshold_ns_;
    seen_.record(duration_ns);
    if (seen_.count() < kFewest) return false;
    if (seen_.count() >= next_look_) {
      threshold_ns_ = seen_.percentile(99);
      next_look_ = seen_.count() + seen_.count() / 64;  // a look costs more than a request
    }
    return duration_ns >= threshold_ns_;
  }

  /// From here on, now; 0: it is not known yet.
  [[nodiscard]] Ns threshold_ns() const { return threshold_ns_; }

 private:
  static constexpr std::uint64_t kFewest = 100;

  Ns threshold_ns_;
  bool given_;
  Histogram seen_;
  std::uint64_t next_look_ = kFewest;
};

}  // namespace tailwhy
