// Which Unix connections have closed. Nothing in the kernel tells when a Unix socket closes: those
// that are followed are held against those that are open. Knows nothing of where either come from.
#pragma once

#include "tailwhy/abi/events.h"

#include "base/clock.h"

#include <cstdint>
#include <vector>

namespace tailwhy {

class GoneConnections {
 public:
  /// `known` were followed when the kernel was asked, at `asked_ns`, and `open` was its answer.
  void look(std::vector<std::uint64_t> known, std::vector<std::uint64_t> open, Ns asked_ns);
  /// The ends of those that the last look() missed among the open ones. What they did before is in
  /// the ring: for when it has been read past that look.
  std::vector<tw_ev_conn_close> take();

 private:
  std::vector<std::uint64_t> gone_;
  Ns asked_ns_ = 0;
};

}  // namespace tailwhy
