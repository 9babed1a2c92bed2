// Socket events of servers at work, as the kernel side would send them: what the pipeline benchmark
// replays. The same arguments give the same bytes. Knows nothing of what is measured.
#pragma once

#include "support/event_builder.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy::bench {

/// Records in memory, 8-aligned, in the order in which they happened.
struct Traffic {
  test::EventBuilder builder;  // owns the bytes
  std::vector<std::span<const std::byte>> records;
  std::size_t requests = 0;
};

struct Scenario {
  std::string_view name;
  std::string_view what;
  /// So many turns of question and answer.
  Traffic (*make)(std::size_t turns);
};

/// All kinds of traffic there are.
std::span<const Scenario> scenarios();

/// The records of one HTTP connection that has served one request and is busy with another one.
Traffic busy_connection(std::uint64_t conn_id);

}  // namespace tailwhy::bench
