// The writer's thread: takes sealed blocks off the queue, and whatever lies in the current block
// for longer than the flush period.
#include "events/capture_writer.h"

namespace tailwhy {

void CaptureWriter::run() {
  using Clock = std::chrono::steady_clock;
  std::unique_lock lock(mutex_);
  auto next_flush = Clock::now() + options_.flush_period;
  for (;;) {
    wake_.wait_until(lock, next_flush, [this] { return stopping_ || !queue_.empty(); });
    drain(lock);
    const bool last = stopping_;  // nothing is accepted from here on
    if (last || Clock::now() >= next_flush) {
      seal();  // after draining: there is room for it
      drain(lock);
      next_flush = Clock::now() + options_.flush_period;
    }
    if (last) break;
  }
  lock.unlock();
  write_end();
}

void CaptureWriter::drain(std::unique_lock<std::mutex>& lock) {
  constexpr std::size_t kMaxSpare = 4;
  while (!queue_.empty()) {
    Block block = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    write(block);
    lock.lock();
    queued_bytes_ -= block.bytes.size();
    if (spare_.size() < kMaxSpare) spare_.push_back(std::move(block.bytes));
  }
}

// Called without the lock: compression and disk are what the other thread must not wait for.
void CaptureWriter::write(const Block& block) {
  {
    const std::scoped_lock lock(mutex_);
    if (failure_) {
      drop(block);
      return;
    }
  }
  const auto done = output_.write_block(block.info, block.bytes);
  const std::scoped_lock lock(mutex_);
  if (done) {
    note_written();
  } else {
    drop(block);
    note_failure(done.error());
  }
}

void CaptureWriter::write_end() {
  CaptureTotals totals;
  {
    const std::scoped_lock lock(mutex_);
    if (failure_) return;
    totals = {.events = stats_.events,
              .event_bytes = stats_.event_bytes,
              .side_records = stats_.side_records,
              .dropped_events = stats_.dropped_events,
              .dropped_side_records = stats_.dropped_side_records};
  }
  auto done = output_.write_block({.type = BlockType::End}, std::as_bytes(std::span(&totals, 1)));
  if (done) done = output_.sync();
  const std::scoped_lock lock(mutex_);
  if (done) {
    note_written();
  } else {
    note_failure(done.error());
  }
}

void CaptureWriter::note_written() {
  ++stats_.blocks;
  stats_.file_bytes = output_.size();
}

void CaptureWriter::note_failure(const Error& error) {
  if (!failure_) failure_ = error;
}

}  // namespace tailwhy
