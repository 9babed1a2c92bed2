// What a request asks a server to do: its path is a list of steps, "/sleep/10ms/size/200".
// Knows nothing of sockets, nor which of the steps a server knows.
#pragma once

#include "clock.h"

#include <cstdint>
#include <optional>
#include <span>
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
    Early,
    // of the budget server
    Lock,
    FileLock,
    Hold,
    Fsync,
    Cold,
    Fault,
    Down,
    DownNew,
    Fail,
    Slow,
    PoolCond,
    PoolPipe,
    PoolEventFd,
    PoolUnix,
    ReplyPool
  };
  Kind kind;
  Ns length = 0;            // of what takes time
  std::uint64_t count = 0;  // Chunked, Writes: how many; Status: the code
  std::uint64_t size = 0;   // bytes (of each chunk or write)
};

/// A word that a server knows, and what follows it in the path.
struct StepWord {
  enum class Argument : std::uint8_t { None, Duration, Count, Size, CountBySize };
  std::string_view name;
  Step::Kind kind;
  Argument argument;
};

/// Nothing if the path is no list of these words.
std::optional<std::vector<Step>> parse_plan(std::span<const StepWord> words, std::string_view path);

}  // namespace workload
