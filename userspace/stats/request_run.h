// Pipelined requests that one call read and one call answered. Whatever statistics ask of them but
// their sizes is the same, so they are counted together: most of what a request costs us in a deep
// pipeline would be adding the same numbers to the same rows again. Knows nothing of the rows.
#pragma once

#include "model/request.h"

#include <cstdint>

namespace tailwhy {

class RequestRun {
 public:
  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// One of them, with the sizes of all; its texts that are not its own point nowhere.
  [[nodiscard]] const Request& sum() const { return sum_; }

  /// Others may follow that are the same: it was pipelined, and nothing of it has a name that is
  /// counted by itself (whom it waited for, which call failed).
  [[nodiscard]] static bool can_begin(const Request& request);
  /// A new run, of this one.
  void begin(const Request& request);
  /// Counts it with the others. False: it is not one of them.
  bool join(const Request& request);
  void end() { count_ = 0; }

 private:
  Request sum_;
  std::uint64_t count_ = 0;
};

}  // namespace tailwhy
