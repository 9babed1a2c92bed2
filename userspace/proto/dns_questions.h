// What was asked on one connection and not answered yet: which answer belongs to which question,
// and where an answer of many messages ends. Bounded; knows no transport.
#pragma once

#include "proto/dns_message.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

namespace tailwhy::dns {

class Questions {
 public:
  /// More than these are not remembered: their answers are taken by their ids alone.
  static constexpr std::size_t kMost = 4096;

  /// The stream of a request with this id.
  std::uint64_t ask(std::uint16_t id, const std::optional<Question>& question);

  struct Reply {
    std::uint64_t stream = 0;  ///< that no request has, if it answers another question
    bool first = true;         ///< message of the answer
    bool last = true;
    std::uint64_t size = 0;  ///< bytes of the answer up to the end of this message
  };
  /// A message of `size` bytes answers the request with this id.
  Reply answer(std::uint16_t id,
               const std::optional<Question>& question,
               const Answer& answer,
               std::uint64_t size);

  /// Answers that have begun end here: `told(stream, size)` of each.
  template <class Told>
  void end_begun(const Told& told) {
    for (auto it = waiting_.begin(); begun_ > 0 && it != waiting_.end();) {
      if (!it->second.begun) {
        ++it;
        continue;
      }
      told(stream_of(it->first), it->second.size);
      it = waiting_.erase(it);
      --begun_;
    }
  }

 private:
  struct Waiting {
    std::uint32_t shape = 0;  // 0: not known
    std::uint16_t type = 0;
    bool begun = false;      // some messages of its answer have come, and others will
    std::uint64_t size = 0;  // of these
  };

  static std::uint64_t stream_of(std::uint16_t id) { return std::uint64_t{1} << 16 | id; }

  std::unordered_map<std::uint16_t, Waiting> waiting_;
  std::size_t begun_ = 0;
};

}  // namespace tailwhy::dns
