// The two halves of a recording: the reader's thread fills blocks, the writer's thread empties
// them.
#include "events/capture_writer.h"

#include <algorithm>
#include <cstring>
#include <pthread.h>
#include <signal.h>
#include <utility>

namespace tailwhy {
namespace {

constexpr char kMask = 'x';

void fill_mask(std::span<std::byte> bytes) {
  std::ranges::fill(bytes, static_cast<std::byte>(kMask));
}

void mask_payload(std::span<std::byte> payload, std::span<const PayloadSpan> secrets) {
  for (const PayloadSpan& secret : secrets) {
    if (secret.offset >= payload.size()) continue;
    const std::size_t size = std::min(secret.size, payload.size() - secret.offset);
    fill_mask(payload.subspan(secret.offset, size));
  }
}

// The end of a chunked body must stay recognisable, the end of the body's data must not.
void mask_tail(std::span<std::byte> tail) {
  for (std::byte& b : tail) {
    const auto c = static_cast<char>(b);
    if (c != '\r' && c != '\n' && c != '0') b = static_cast<std::byte>(kMask);
  }
}

void mask(std::span<std::byte> record, std::span<const PayloadSpan> secrets, TailBytes tail) {
  tw_ev_data event;
  std::memcpy(&event.hdr, record.data(), sizeof(event.hdr));
  if (event.hdr.type == TW_EV_DATAGRAM && record.size() >= sizeof(tw_ev_datagram)) {
    mask_payload(record.subspan(sizeof(tw_ev_datagram)), secrets);
  }
  if (event.hdr.type != TW_EV_DATA || record.size() < sizeof(event)) return;
  mask_payload(record.subspan(sizeof(event)), secrets);
  if (tail == TailBytes::Mask) {
    mask_tail(record.subspan(offsetof(tw_ev_data, tail), sizeof(event.tail)));
  }
}

bool sound(std::span<const std::byte> record, tw_ev_hdr& hdr) {
  if (record.size() < sizeof(hdr)) return false;
  std::memcpy(&hdr, record.data(), sizeof(hdr));
  return hdr.size_bytes == record.size() && record.size() <= kMaxRecordBytes;
}

// Signals are for the application's thread; a handler or a default action here would be wrong.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

Result<std::unique_ptr<CaptureWriter>> CaptureWriter::create(const std::string& path,
                                                             CaptureOptions options) {
  if (options.header_json.size() > kMaxBlockBytes) {
    return Error(ErrorCode::Runtime,
                 "record to " + path + ": the description of the run is too long");
  }
  options.block_bytes = std::clamp(options.block_bytes, kMaxRecordBytes, kMaxBlockBytes);
  auto output =
      CaptureOutput::open(path, options.owner, options.tick_interval_ns, options.compression_level);
  if (!output) return output.error();
  const auto header = std::as_bytes(std::span(options.header_json));
  if (auto done = output->write_block({.type = BlockType::Header}, header); !done) {
    return done.error();
  }
  return std::unique_ptr<CaptureWriter>(new CaptureWriter(std::move(*output), std::move(options)));
}

CaptureWriter::CaptureWriter(CaptureOutput output, CaptureOptions options)
    : options_(std::move(options)), output_(std::move(output)) {
  start_block();
  note_written();
  const SignalsBlocked blocked;  // the thread inherits the mask
  thread_ = std::thread([this] { run(); });
}

CaptureWriter::~CaptureWriter() {
  (void)finish();
}

void CaptureWriter::add(std::span<const std::byte> record,
                        std::span<const PayloadSpan> secrets,
                        TailBytes tail) {
  tw_ev_hdr hdr;
  const std::scoped_lock lock(mutex_);
  if (failure_ || stopping_ || !sound(record, hdr)) return drop_event();
  Block& block = room_for(BlockType::Events, padded_size(record.size()));
  mask(append_record(block.bytes, record), secrets, tail);
  BlockInfo& info = block.info;
  info.first_ns = info.records == 0 ? hdr.ts_ns : std::min<Ns>(info.first_ns, hdr.ts_ns);
  info.last_ns = std::max<Ns>(info.last_ns, hdr.ts_ns);
  ++info.records;
  block.event_bytes += record.size();
  ++stats_.events;
  stats_.event_bytes += record.size();
}

void CaptureWriter::add_side(const SideRecord& record) {
  const std::size_t size = side_size(record);
  const std::scoped_lock lock(mutex_);
  if (failure_ || stopping_ || record.name.size() > kMaxSideNameBytes || size > kMaxBlockBytes) {
    ++stats_.dropped_side_records;
    return;
  }
  Block& block = room_for(BlockType::Side, size);
  append_side(block.bytes, record);
  BlockInfo& info = block.info;
  info.first_ns = info.records == 0 ? record.at_ns : std::min(info.first_ns, record.at_ns);
  info.last_ns = std::max(info.last_ns, record.at_ns);
  ++info.records;
  ++stats_.side_records;
}

// The block that `size` bytes of this type go to. A record larger than a block gets its own.
CaptureWriter::Block& CaptureWriter::room_for(BlockType type, std::size_t size) {
  const bool fits = current_.bytes.size() + size <= options_.block_bytes;
  if (current_.info.records > 0 && (current_.info.type != type || !fits)) seal();
  current_.info.type = type;
  return current_;
}

// Hands the current block to the thread, or drops it. Side records are few, and intervals hang on
// them: they may use as much room again as the events.
void CaptureWriter::seal() {
  if (current_.info.records == 0) return;
  const bool is_events = current_.info.type == BlockType::Events;
  const std::size_t limit = is_events ? options_.queue_bytes : 2 * options_.queue_bytes;
  if (queued_bytes_ + current_.bytes.size() > limit) {
    drop(current_);
    spare_.push_back(std::move(current_.bytes));
  } else {
    if (is_events) current_.info.dropped_before = std::exchange(dropped_before_, 0);
    queued_bytes_ += current_.bytes.size();
    queue_.push_back(std::move(current_));
    wake_.notify_one();
  }
  start_block();
}

void CaptureWriter::start_block() {
  current_ = {};
  if (!spare_.empty()) {
    current_.bytes = std::move(spare_.back());
    spare_.pop_back();
  }
  current_.bytes.clear();
  current_.bytes.reserve(options_.block_bytes);
}

// What was accepted and will not be written after all.
void CaptureWriter::drop(const Block& block) {
  const std::uint64_t records = block.info.records;
  if (block.info.type == BlockType::Side) {
    stats_.side_records -= records;
    stats_.dropped_side_records += records;
    return;
  }
  stats_.events -= records;
  stats_.event_bytes -= block.event_bytes;
  stats_.dropped_events += records;
  dropped_before_ += records;
}

void CaptureWriter::drop_event() {
  ++stats_.dropped_events;
  ++dropped_before_;
}

std::optional<Error> CaptureWriter::take_failure() {
  const std::scoped_lock lock(mutex_);
  if (!failure_ || std::exchange(failure_taken_, true)) return std::nullopt;
  return failure_;
}

CaptureStats CaptureWriter::stats() const {
  const std::scoped_lock lock(mutex_);
  return stats_;
}

Result<> CaptureWriter::finish() {
  if (thread_.joinable()) {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  const std::scoped_lock lock(mutex_);
  if (failure_) return *failure_;
  return {};
}

}  // namespace tailwhy
