// A call to the downstream server that never blocks: the caller's epoll says when to go on.
#pragma once

#include "clock.h"
#include "response_reader.h"
#include "socket.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace workload {

class AsyncDown {
 public:
  enum class State : std::uint8_t { Sending, Reading, Done, Failed };

  /// `kept`: connections that nobody uses; one of them is taken, and given back by end().
  AsyncDown(const Address& to, std::vector<int>& kept) : to_(to), kept_(kept) {}
  ~AsyncDown();
  AsyncDown(const AsyncDown&) = delete;
  AsyncDown& operator=(const AsyncDown&) = delete;

  /// Begins a call; the answer's end is Done. Sending: wait for EPOLLOUT; Reading: for EPOLLIN.
  State begin(Ns length, std::string_view id, bool new_connection);
  State go_on();
  /// The call is over: its connection must no longer be watched.
  void end();
  [[nodiscard]] int fd() const { return fd_; }

 private:
  State send_it();
  State read_it();

  const Address& to_;
  std::vector<int>& kept_;
  int fd_ = -1;
  bool keep_ = true;
  State state_ = State::Failed;
  std::string request_;
  ResponseReader reader_;
};

}  // namespace workload
