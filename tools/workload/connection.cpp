// The server's end of a connection. See the header.
#include "connection.h"

#include "http_text.h"

#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <unistd.h>

namespace workload {
namespace {

constexpr std::size_t kReadSize = 64 << 10;
constexpr std::size_t kHeadLimit = 32 << 10;

}  // namespace

void Written::add(Ns begin, std::uint64_t size) {
  const Ns end = now_ns();
  if (bytes == 0) {
    first_begin = begin;
    first_end = end;
  }
  last_begin = begin;
  last_end = end;
  bytes += size;
}

Taken take_head(std::string& buffer, Request& request) {
  const std::size_t size = head_size(buffer);
  if (size == 0) return buffer.size() > kHeadLimit ? Taken::Broken : Taken::NeedMore;
  const std::string_view head = std::string_view(buffer).substr(0, size);
  const std::string_view line = first_line(head);
  const std::size_t space = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (space == std::string_view::npos || last <= space) return Taken::Broken;
  request.method = line.substr(0, space);
  request.target = line.substr(space + 1, last - space - 1);
  request.id = header(head, "x-request-id").value_or("");
  const auto connection = header(head, "connection");
  request.keep_alive = line.substr(last + 1) == "HTTP/1.1" ? !has_token(connection, "close")
                                                           : has_token(connection, "keep-alive");
  request.expect_continue = has_token(header(head, "expect"), "100-continue");
  request.chunked = has_token(header(head, "transfer-encoding"), "chunked");
  request.body_bytes = number(header(head, "content-length").value_or("0")).value_or(0);
  request.bytes = size;
  buffer.erase(0, size);
  return Taken::Request;
}

bool send_all(int fd, std::string_view bytes, Written& written) {
  while (!bytes.empty()) {
    const Ns begin = now_ns();
    const ssize_t size = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) {
      pollfd room{.fd = fd, .events = POLLOUT, .revents = 0};
      poll(&room, 1, -1);
      continue;
    }
    if (size < 0) return false;
    written.add(begin, static_cast<std::uint64_t>(size));
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

Connection::~Connection() {
  close(fd_);
}

bool Connection::fill() {
  char bytes[kReadSize];
  ssize_t size = 0;
  do
    size = read(fd_, bytes, sizeof(bytes));
  while (size < 0 && errno == EINTR);
  read_ns_ = now_ns();
  if (size <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(size));
  return true;
}

bool Connection::read_head(Request& request) {
  request = {};
  written = {};
  if (buffer_.empty() && !fill()) return false;
  const Ns first = read_ns_;
  Taken taken{};
  while ((taken = take_head(buffer_, request)) == Taken::NeedMore)
    if (!fill()) return false;
  request.read_first = first;
  request.read_last = read_ns_;
  return taken == Taken::Request;
}

bool Connection::read_body(Request& request) {
  if (!request.chunked && request.body_bytes == 0) return true;
  if (request.expect_continue && !write("HTTP/1.1 100 Continue\r\n\r\n")) return false;
  ChunkSkipper chunks;
  std::uint64_t left = request.body_bytes;
  while (request.chunked ? !chunks.done() : left > 0) {
    if (buffer_.empty() && !fill()) return false;
    const std::size_t used =
        request.chunked ? chunks.feed(buffer_) : std::min<std::uint64_t>(left, buffer_.size());
    if (chunks.broken()) return false;
    left -= request.chunked ? 0 : used;
    request.bytes += used;
    request.read_last = read_ns_;
    buffer_.erase(0, used);
  }
  return true;
}

bool Connection::send_file(int file, std::uint64_t size) {
  off_t offset = 0;
  while (static_cast<std::uint64_t>(offset) < size) {
    const Ns begin = now_ns();
    const ssize_t sent = sendfile(fd_, file, &offset, size - static_cast<std::uint64_t>(offset));
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    written.add(begin, static_cast<std::uint64_t>(sent));
  }
  return true;
}

void Connection::reset_on_close() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

}  // namespace workload
