// The exchanges of one connection that have begun and not ended: in the order in which they began,
// where the protocol answers in order, or by stream where it does not. Knows nothing of what ends
// them.
#pragma once

#include "flow/exchange.h"

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

  /// Takes out the one at `index` of ordered(). The front costs nothing.
  void remove_ordered(std::size_t index) {
    if (index < answered_) --answered_;
    if (index != 0) {
      ordered_.erase(ordered_.begin() + static_cast<std::ptrdiff_t>(first_ + index));
    } else if (++first_ == ordered_.size()) {
      ordered_.clear();
      first_ = 0;
    }
    youngest_ = first_ == ordered_.size() ? nullptr : &ordered_.back();
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
  // Oldest first, from first_ on: one nearly always. What lies before first_ has ended; the room is
  // used again when all have.
  std::vector<Exchange> ordered_;
  std::size_t first_ = 0;
  std::size_t answered_ = 0;  // so many of ordered() at least are, from its begin
  std::unordered_map<std::uint64_t, Exchange> streams_;
  Exchange* youngest_ = nullptr;
};

}  // namespace tailwhy
