// The exchanges of one connection that have begun and not ended: in the order in which they began,
// where the protocol answers in order, or by stream where it does not. Knows nothing of what ends
// them.
#pragma once

#include "flow/exchange.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

namespace tailwhy {

class Outstanding {
 public:
  [[nodiscard]] std::size_t size() const { return ordered_.size() - first_ + streams_.size(); }
  [[nodiscard]] bool empty() const { return size() == 0; }

  /// A new one, the youngest. Of a stream that has one already, that one: it begins anew.
  Exchange& add(std::uint64_t stream_id) {
    if (stream_id != 0) {
      youngest_ = &(streams_[stream_id] = {});
    } else {
      youngest_ = &ordered_.emplace_back();
    }
    youngest_->stream_id = stream_id;
    return *youngest_;
  }

  /// Those that are answered in order, oldest first.
  [[nodiscard]] std::span<Exchange> ordered() { return std::span(ordered_).subspan(first_); }
  [[nodiscard]] std::span<const Exchange> ordered() const {
    return std::span(ordered_).subspan(first_);
  }

  /// The oldest of those whose response has not ended. Null: there is none. Costs nothing however
  /// many have: who is answered stays so.
  [[nodiscard]] Exchange* unanswered() {
    const auto in_order = ordered();
    while (answered_ < in_order.size() && in_order[answered_].response_ended)
      ++answered_;
    return answered_ < in_order.size() ? &in_order[answered_] : nullptr;
  }

  /// Null: there is none.
  [[nodiscard]] Exchange* of_stream(std::uint64_t stream_id) {
    const auto found = streams_.find(stream_id);
    return found == streams_.end() ? nullptr : &found->second;
  }
  /// The one that began last, if it has not ended.
  [[nodiscard]] Exchange* youngest() { return youngest_; }
  [[nodiscard]] const Exchange* youngest() const { return youngest_; }

  template <class F>
  void for_each(F&& f) {
    for (Exchange& exchange : ordered())
      f(exchange);
    for (auto& [id, exchange] : streams_)
      f(exchange);
  }

  /// Takes the front of ordered() out.
  void pop_front() {
    if (answered_ > 0) --answered_;
    ++first_;
    if (first_ == ordered_.size()) {
      ordered_.clear();
      first_ = 0;
    } else if (first_ >= kMostDead && first_ * 2 > ordered_.size()) {
      // there may always be one that has not ended
      ordered_.erase(ordered_.begin(), ordered_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
    youngest_ = ordered_.empty() ? nullptr : &ordered_.back();
  }
  /// Takes out those of ordered() for which `ended(exchange)` is true, oldest first, in one pass.
  template <class F>
  void remove_ordered_if(F&& ended) {
    const auto begin = ordered_.begin() + static_cast<std::ptrdiff_t>(first_);
    ordered_.erase(std::remove_if(begin, ordered_.end(), ended), ordered_.end());
    answered_ = 0;
    if (first_ == ordered_.size()) {
      ordered_.clear();
      first_ = 0;
    }
    youngest_ = ordered_.empty() ? nullptr : &ordered_.back();
  }
  void remove_stream(std::uint64_t stream_id) {
    const auto found = streams_.find(stream_id);
    if (found == streams_.end()) return;
    if (youngest_ == &found->second) youngest_ = nullptr;
    streams_.erase(found);
  }
  void clear() {
    ordered_.clear();
    streams_.clear();
    first_ = 0;
    answered_ = 0;
    youngest_ = nullptr;
  }

 private:
  static constexpr std::size_t kMostDead = 32;

  // Oldest first, from first_ on: one nearly always. What lies before first_ has ended; the room is
  // used again when all have, or most.
  std::vector<Exchange> ordered_;
  std::size_t first_ = 0;
  std::size_t answered_ = 0;  // so many of ordered() at least are, from its begin
  std::unordered_map<std::uint64_t, Exchange> streams_;
  Exchange* youngest_ = nullptr;
};

}  // namespace tailwhy
