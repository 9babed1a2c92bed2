// One connection of the load generator: writes batches of requests, reads the responses and stamps
// both. Who gets which request, and when, is the caller's.
#pragma once

#include "load_options.h"
#include "response_reader.h"

#include <cstdint>
#include <deque>
#include <string>

namespace workload {

/// One request as the client saw it.
struct Sample {
  std::uint64_t number = 0;
  const Target* target = nullptr;
  Ns begin = 0;         // before the write that sent its first byte
  Ns sent = 0;          // after the write that sent its last byte
  Ns first = 0;         // after the read that gave the first byte of its response
  Ns end = 0;           // after the read that gave the last
  unsigned status = 0;  // 0: no whole response
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t connection = 0;  // its number: 1 for the first that was opened, and so on
};

class LoadConnection {
 public:
  LoadConnection(const LoadOptions& options, unsigned index) : options_(options), index_(index) {}
  ~LoadConnection();
  LoadConnection(const LoadConnection&) = delete;
  LoadConnection& operator=(const LoadConnection&) = delete;

  /// `number` is what its samples will say.
  bool open(std::uint64_t number);
  void close();
  /// Adds a request to the batch that is written next.
  void add(std::uint64_t number, const Target& target);
  /// Writes what is left and reads what is there. Finished requests go to `done`. False: the
  /// connection has ended, and what is still pending() will never be answered.
  bool progress(bool readable, std::deque<Sample>& done);

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] unsigned index() const { return index_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] bool idle() const { return pending_.empty(); }
  [[nodiscard]] bool wants_write() const { return written_ < out_.size(); }
  /// A slow reader waits until then before it reads again; 0: it may read.
  [[nodiscard]] Ns paused_until() const { return paused_until_; }
  void unpause() { paused_until_ = 0; }
  /// The connection has had all the requests it should have, or the server wants to close it.
  [[nodiscard]] bool finished() const;
  [[nodiscard]] std::deque<Sample>& pending() { return pending_; }
  /// Requests that may still be added on this connection.
  [[nodiscard]] std::uint64_t room() const;

  bool watched_for_write = false;  // what the caller's epoll was told last

 private:
  bool write_some();
  bool read_some(std::deque<Sample>& done);
  void pause_after(std::size_t size, Ns at);
  void take(std::string_view bytes, Ns at, std::deque<Sample>& done);
  void finish_front(Ns at, std::deque<Sample>& done);

  const LoadOptions& options_;
  unsigned index_;
  std::uint64_t number_ = 0;
  int fd_ = -1;
  std::string out_;
  std::size_t written_ = 0;
  std::deque<Sample> pending_;
  std::deque<std::size_t> ends_;  // of each pending request in out_, while it is being written
  ResponseReader reader_;
  std::uint64_t added_ = 0;
  Ns paused_until_ = 0;
  bool server_closes_ = false;
};

}  // namespace workload
