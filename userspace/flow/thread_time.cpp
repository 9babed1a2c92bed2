#include "flow/thread_time.h"

#include <algorithm>

namespace tailwhy {

namespace {

void add_to(Waits& waits, Part part, Ns length) {
  if (part == Part::RunQueue) waits.run_queue += length;
  if (part == Part::Poll) waits.poll += length;
  if (part == Part::Client) waits.client += length;
  if (part == Part::Unattributed) waits.unattributed += length;
}

}  // namespace

Stretch ThreadTime::add(Ns end, Part part, std::uint64_t owner) {
  const Stretch stretch{last_, std::max(last_, end), owner, part};
  if (end <= last_) return stretch;
  last_ = end;
  sums_[part] += stretch.end - stretch.begin;
  const Waits waits{sums_[Part::RunQueue], sums_[Part::Poll], sums_[Part::Client],
                    sums_[Part::Unattributed]};
  if (stretches_.size() < kRemembered) {
    stretches_.push_back(stretch);
    waits_.push_back(waits);
  } else {
    stretches_[next_] = stretch;
    waits_[next_] = waits;
  }
  next_ = (next_ + 1) % kRemembered;
  return stretch;
}

void ThreadTime::decide(std::uint64_t owner) {
  for (std::size_t i = 0; i < stretches_.size(); ++i) {
    Stretch& stretch = stretches_[(next_ - 1 - i) % kRemembered];
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

Waits ThreadTime::waits_at(Ns at) const {
  if (stretches_.empty()) return {};
  const std::size_t place = place_of(at);
  const Stretch& stretch = stretches_[place];
  Waits waits;
  add_to(waits, stretch.part, stretch.end - std::clamp(at, stretch.begin, stretch.end));
  return waits_[place] - waits;
}

// Of the earliest stretch that ends at `at` or later, else of the latest.
std::size_t ThreadTime::place_of(Ns at) const {
  if (at >= last_) return (next_ - 1) % kRemembered;
  // Requests that are read one after another came in about the same time.
  if (found_ < stretches_.size() && stretches_[found_].end >= at) {
    const bool is_oldest = found_ == (stretches_.size() < kRemembered ? 0 : next_);
    if (is_oldest || stretches_[(found_ - 1) % kRemembered].end < at) return found_;
  }
  std::size_t back = 0;
  std::size_t count = stretches_.size();
  while (count > 1) {  // without jumps: which way it goes cannot be foretold
    const std::size_t half = count / 2;
    back += this->at(back + half).end >= at ? half : 0;
    count -= half;
  }
  found_ = (next_ - 1 - back) % kRemembered;
  return found_;
}

std::uint64_t ThreadTime::owner_at(Ns at, std::uint64_t now) const {
  if (at >= last_) return now;
  std::uint64_t owner = kNobody;
  for_each_since(
      at, [&](const Stretch& stretch) { owner = stretch.begin <= at ? stretch.owner : kNobody; });
  return owner;
}

}  // namespace tailwhy
