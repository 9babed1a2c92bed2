// The server's end of one HTTP/1.1 connection: reads requests, writes bytes, and stamps both the
// way a tracer should see them. Knows nothing of what the requests mean.
#pragma once

#include "clock.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace workload {

struct Request {
  std::string method;
  std::string target;
  std::string id;  // x-request-id
  bool keep_alive = true;
  bool expect_continue = false;
  bool chunked = false;
  std::uint64_t body_bytes = 0;  // as announced; unknown when chunked
  std::uint64_t bytes = 0;       // head and as much of the body as was read
  Ns read_first = 0;             // after the read that delivered its first byte
  Ns read_last = 0;              // after the read that delivered its last byte
};

/// What was written for one request. A tracer's stamps lie between `begin` and `end` of a call.
struct Written {
  std::uint64_t bytes = 0;
  Ns first_begin = 0;
  Ns first_end = 0;
  Ns last_begin = 0;
  Ns last_end = 0;

  /// A call has just returned.
  void add(Ns begin, std::uint64_t size);
};

enum class Taken : std::uint8_t { Request, NeedMore, Broken };

/// Moves the head at the start of `buffer` into `request`, whose stamps are the caller's.
Taken take_head(std::string& buffer, Request& request);

/// Sends all of it, in one call if the kernel takes it at once, and stamps the calls. Waits until a
/// non-blocking socket takes more. False: the peer is gone.
bool send_all(int fd, std::string_view bytes, Written& written);

class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// The next request's head. False: the peer is done, or sent what is no request.
  bool read_head(Request& request);
  /// Reads and forgets the body. False: it ended early.
  bool read_body(Request& request);
  bool write(std::string_view bytes) { return send_all(fd_, bytes, written); }
  /// Sends `size` bytes of a file by sendfile(2).
  bool send_file(int file, std::uint64_t size);
  /// The next close sends a reset instead of a FIN.
  void reset_on_close();
  [[nodiscard]] int fd() const { return fd_; }

  Written written;  // since the last read_head()

 private:
  bool fill();  // reads once; false at the end

  int fd_;
  std::string buffer_;
  Ns read_ns_ = 0;  // after the last read
};

}  // namespace workload
