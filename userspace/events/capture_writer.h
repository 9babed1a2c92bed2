// Makes a recording beside a running trace: events and side records go in on the reader's thread,
// a thread of the writer's own compresses and writes. The trace never waits for the disk: when the
// queue is full, events are dropped and counted, in the file too. Knows nothing of what events
// mean.
#pragma once

#include "base/result.h"
#include "events/capture_output.h"
#include "events/event_source.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace tailwhy {

struct CaptureOptions {
  /// What the run is, as JSON; given back by the reader, opaque in between.
  std::string header_json;
  /// How often add_tick() will be called; 0: never, replays make their own ticks.
  Ns tick_interval_ns = 0;
  /// Set when the file shall belong to somebody else than who we run as.
  std::optional<FileOwner> owner;
  int compression_level = 1;
  /// Raw bytes per block, at most kMaxBlockBytes.
  std::size_t block_bytes = 256U << 10U;
  /// Raw bytes of events that may wait for the disk.
  std::size_t queue_bytes = 8U << 20U;
  /// Nothing stays in memory longer than this: a run that is killed loses no more.
  std::chrono::milliseconds flush_period{1000};
};

/// A part of a call's bytes that must not reach the file, counted from the first payload byte of
/// the record.
struct PayloadSpan {
  std::size_t offset = 0;
  std::size_t size = 0;
};

/// What to do with the few bytes of a data record that end a call captured in part.
enum class TailBytes : std::uint8_t {
  Mask,  ///< only what can end a chunked body stays: CR, LF and '0'
  Keep,
};

struct CaptureStats {
  std::uint64_t events = 0;          ///< accepted
  std::uint64_t event_bytes = 0;     ///< of these
  std::uint64_t side_records = 0;    ///< accepted
  std::uint64_t dropped_events = 0;  ///< queue full, or nothing is written any more
  std::uint64_t dropped_side_records = 0;
  std::uint64_t blocks = 0;      ///< on the disk
  std::uint64_t file_bytes = 0;  ///< on the disk
};

class CaptureWriter {
 public:
  /// Makes the file and starts the thread. The thread has all signals blocked.
  static Result<std::unique_ptr<CaptureWriter>> create(const std::string& path,
                                                       CaptureOptions options);
  CaptureWriter(const CaptureWriter&) = delete;
  CaptureWriter& operator=(const CaptureWriter&) = delete;
  /// Finishes the file if finish() was not called; errors are then lost.
  ~CaptureWriter();

  /// Adds one event as its record's bytes (bytes_of). `secrets` are overwritten in the copy.
  void add(std::span<const std::byte> record,
           std::span<const PayloadSpan> secrets = {},
           TailBytes tail = TailBytes::Mask);
  /// Adds what is not an event, between the events before and after it.
  void add_side(const SideRecord& record);
  /// An interval is over: the replay will call on_tick(now_ns) here.
  void add_tick(Ns now_ns) { add_side({now_ns, kTickName, {}}); }

  /// Why nothing is written any more (disk full): told once, for a message while the trace goes on.
  std::optional<Error> take_failure();
  [[nodiscard]] CaptureStats stats() const;

  /// Writes what waits and the end block. The error is the first one of the whole recording.
  Result<> finish();

 private:
  struct Block {
    BlockInfo info;
    std::uint64_t event_bytes = 0;
    std::vector<std::byte> bytes;
  };

  CaptureWriter(CaptureOutput output, CaptureOptions options);
  Block& room_for(BlockType type, std::size_t size);
  void seal();
  void drop(const Block& block);
  void start_block();
  void run();
  void drain(std::unique_lock<std::mutex>& lock);
  void write(const Block& block);
  void write_end();
  void note_written();
  void note_failure(const Error& error);
  void drop_event();

  const CaptureOptions options_;
  CaptureOutput output_;  // of the thread, once it runs

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable wake_;
  Block current_;
  std::deque<Block> queue_;
  std::vector<std::vector<std::byte>> spare_;
  std::size_t queued_bytes_ = 0;
  std::uint64_t dropped_before_ = 0;
  CaptureStats stats_;
  std::optional<Error> failure_;
  bool failure_taken_ = false;
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace tailwhy
