#include "flow/thread_time.h"

#include <algorithm>

namespace tailwhy {

Stretch ThreadTime::add(Ns end, Part part, std::uint64_t owner) {
  const Stretch stretch{last_, std::max(last_, end), owner, part};
  if (end <= last_) return stretch;
  last_ = end;
  sums_[part] += stretch.end - stretch.begin;
  if (stretches_.size() < kRemembered) {
    stretches_.push_back(stretch);
  } else {
    stretches_[next_] = stretch;
  }
  next_ = (next_ + 1) % kRemembered;
  return stretch;
}

void ThreadTime::decide(std::uint64_t owner) {
  for (std::size_t i = 0; i < stretches_.size(); ++i) {
    Stretch& stretch = stretches_[(next_ + stretches_.size() - 1 - i) % stretches_.size()];
    if (stretch.owner != kUndecided) return;
    stretch.owner = owner;
  }
}

std::optional<Parts> ThreadTime::sums_at(Ns at) const {
  Parts sums = sums_;
  if (at >= last_) {
    sums[Part::OnCpu] += at - last_;
    return sums;
  }
  Ns reached = last_;
  for_each_since(at, [&](const Stretch& stretch) {
    const Ns from = std::max(stretch.begin, at);
    sums[stretch.part] -= stretch.end - from;
    reached = from;
  });
  if (reached > at) return std::nullopt;
  return sums;
}

std::uint64_t ThreadTime::owner_at(Ns at, std::uint64_t now) const {
  if (at >= last_) return now;
  std::uint64_t owner = kNobody;
  for_each_since(
      at, [&](const Stretch& stretch) { owner = stretch.begin <= at ? stretch.owner : kNobody; });
  return owner;
}

}  // namespace tailwhy
