// What a request asks the delay server to do: its path is a list of steps, "/sleep/10ms/size/200".
// Knows nothing of sockets.
#pragma once

#include "clock.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace workload {

struct Step {
  enum class Kind : std::uint8_t {
    Sleep,
    Burn,
    Status,
    Size,
    Chunked,
    Writes,
    SendFile,
    Gap,
    Close,
    Drop,
    Reset,
    Early
  };
  Kind kind;
  Ns length = 0;            // Sleep, Burn, Gap
  std::uint64_t count = 0;  // Chunked, Writes: how many; Status: the code
  std::uint64_t size = 0;   // bytes (of each chunk or write)
};

/// Nothing if the path is no such list.
std::optional<std::vector<Step>> parse_plan(std::string_view path);

}  // namespace workload
