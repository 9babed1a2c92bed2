// The time of slow requests by place in the code, bounded. Stacks are numbers here: nothing is
// known of what they stand for.
#pragma once

#include "model/budget.h"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace tailwhy {

/// A place in the code, and what the time there was.
struct StackKey {
  std::uint32_t pid = 0;
  Part part = Part::OnCpu;
  std::int32_t user_stack = -1;  ///< the kernel's numbers; negative: none
  std::int32_t kernel_stack = -1;
  std::vector<std::uint64_t> top;  ///< return addresses that were found besides, innermost first
  auto operator<=>(const StackKey&) const = default;
};

struct StackWeight {
  Ns ns = 0;
  std::uint64_t samples = 0;
  std::uint64_t requests = 0;
  std::uint64_t last_request = 0;
};

class StackProfile {
 public:
  explicit StackProfile(std::size_t limit = 8192) : limit_(limit) {}

  /// A slow request begins to be added.
  void begin_request(Ns duration_ns) {
    ++requests_;
    total_ns_ += duration_ns;
  }
  /// Of that request.
  void add(StackKey key, Ns ns) {
    auto found = stacks_.find(key);
    if (found == stacks_.end()) {
      if (stacks_.size() >= limit_) {
        ++not_kept_;
        return;
      }
      found = stacks_.emplace(std::move(key), StackWeight{}).first;
    }
    StackWeight& weight = found->second;
    weight.ns += ns;
    ++weight.samples;
    if (weight.last_request == requests_) return;
    weight.last_request = requests_;
    ++weight.requests;
  }

  [[nodiscard]] const std::map<StackKey, StackWeight>& stacks() const { return stacks_; }
  [[nodiscard]] std::uint64_t requests() const { return requests_; }
  [[nodiscard]] Ns total_ns() const { return total_ns_; }
  [[nodiscard]] std::uint64_t not_kept() const { return not_kept_; }

 private:
  std::size_t limit_;
  std::map<StackKey, StackWeight> stacks_;
  std::uint64_t requests_ = 0;
  Ns total_ns_ = 0;
  std::uint64_t not_kept_ = 0;
};

}  // namespace tailwhy
