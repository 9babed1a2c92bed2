// One connection of the load generator. See the header.
#include "load_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <unistd.h>

namespace workload {
namespace {

constexpr std::size_t kReadSize = 256 << 10;
constexpr std::size_t kSlowReadSize = 16 << 10;
constexpr std::size_t kChunk = 16 << 10;

std::string body_of(const LoadOptions& options) {
  if (!options.chunked) return std::string(options.body, 'b');
  std::string out;
  for (std::uint64_t left = options.body; left > 0;) {
    const auto size = std::min<std::uint64_t>(left, kChunk);
    out += fmt::format("{:x}\r\n{}\r\n", size, std::string(size, 'b'));
    left -= size;
  }
  return out + "0\r\n\r\n";
}

std::string request_text(const LoadOptions& options, const Target& target, std::uint64_t number) {
  std::string out =
      fmt::format("{} {} HTTP/1.{}\r\nHost: test\r\nx-request-id: {}-{}\r\n", target.method,
                  target.path, options.http10 ? 0 : 1, options.prefix, number);
  for (const std::string& header : options.headers)
    out += header + "\r\n";
  if (options.close && !options.http10) out += "Connection: close\r\n";
  const bool body = target.method == "POST" || target.method == "PUT";
  if (body && options.expect_continue) out += "Expect: 100-continue\r\n";
  if (body && options.chunked) out += "Transfer-Encoding: chunked\r\n";
  if (body && !options.chunked) out += fmt::format("Content-Length: {}\r\n", options.body);
  out += "\r\n";
  if (body) out += body_of(options);
  return out;
}

}  // namespace

LoadConnection::~LoadConnection() {
  close();
}

bool LoadConnection::open(std::uint64_t number) {
  number_ = number;
  fd_ = connect_to(options_.to, true);
  const int small = kSlowReadSize;
  if (options_.read_rate != 0) setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  return fd_ >= 0;
}

void LoadConnection::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  out_.clear();
  written_ = 0;
  ends_.clear();
  reader_ = {};
  added_ = 0;
  paused_until_ = 0;
  server_closes_ = false;
}

bool LoadConnection::finished() const {
  return server_closes_ || (options_.per_connection != 0 && added_ >= options_.per_connection);
}

std::uint64_t LoadConnection::room() const {
  if (server_closes_) return 0;
  return options_.per_connection == 0 ? options_.depth : options_.per_connection - added_;
}

void LoadConnection::add(std::uint64_t number, const Target& target) {
  const std::string text = request_text(options_, target, number);
  if (written_ == out_.size()) {
    out_.clear();
    written_ = 0;
  }
  out_ += text;
  ends_.push_back(out_.size());
  pending_.push_back(
      {.number = number, .target = &target, .sent_bytes = text.size(), .connection = number_});
  ++added_;
}

bool LoadConnection::write_some() {
  while (wants_write()) {
    const Ns begin = now_ns();
    const ssize_t size = send(fd_, out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    const Ns end = now_ns();
    written_ += static_cast<std::size_t>(size);
    for (std::size_t i = pending_.size() - ends_.size(); i < pending_.size(); ++i)
      if (pending_[i].begin == 0) pending_[i].begin = begin;
    while (!ends_.empty() && ends_.front() <= written_) {
      pending_[pending_.size() - ends_.size()].sent = end;
      ends_.pop_front();
    }
  }
  return true;
}

void LoadConnection::finish_front(Ns at, std::deque<Sample>& done) {
  Sample sample = pending_.front();
  pending_.pop_front();
  if (ends_.size() > pending_.size()) ends_.pop_front();  // answered before it was sent whole
  sample.end = at;
  sample.status = reader_.status();
  sample.received_bytes = reader_.bytes();
  server_closes_ = server_closes_ || reader_.closes();
  done.push_back(sample);
}

void LoadConnection::take(std::string_view bytes, Ns at, std::deque<Sample>& done) {
  while (!bytes.empty() && !pending_.empty()) {
    Sample& sample = pending_.front();
    if (sample.first == 0) {
      sample.first = at;
      reader_.begin(sample.target->method == "HEAD");
    }
    bytes.remove_prefix(reader_.feed(bytes));
    if (reader_.broken()) return;
    if (reader_.done()) finish_front(at, done);
  }
}

bool LoadConnection::read_some(std::deque<Sample>& done) {
  static char bytes[kReadSize];  // one thread
  const std::size_t room = options_.read_rate != 0 ? kSlowReadSize : sizeof(bytes);
  while (true) {
    const ssize_t size = recv(fd_, bytes, room, 0);
    const Ns at = now_ns();
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    if (size == 0) {
      if (!pending_.empty() && pending_.front().first != 0 && reader_.at_close())
        finish_front(at, done);
      return false;
    }
    take(std::string_view(bytes, static_cast<std::size_t>(size)), at, done);
    if (reader_.broken()) return false;
    if (options_.read_rate != 0) {
      pause_after(static_cast<std::size_t>(size), at);
      return true;
    }
    if (static_cast<std::size_t>(size) < sizeof(bytes)) return true;
  }
}

void LoadConnection::pause_after(std::size_t size, Ns at) {
  const double seconds = static_cast<double>(size) / static_cast<double>(options_.read_rate);
  paused_until_ = at + static_cast<Ns>(seconds * 1e9);
}

bool LoadConnection::progress(bool readable, std::deque<Sample>& done) {
  if (!write_some() && !readable) return false;
  return !readable || read_some(done);
}

}  // namespace workload
