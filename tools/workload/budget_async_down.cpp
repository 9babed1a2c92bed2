// The event loop's calls to a downstream. See the header.
#include "budget_async_down.h"

#include "budget_down.h"

#include <sys/socket.h>

#include <cerrno>
#include <unistd.h>

namespace workload {

AsyncDown::~AsyncDown() {
  if (fd_ >= 0) close(fd_);
}

AsyncDown::State AsyncDown::begin(Ns length, std::string_view id, bool new_connection) {
  request_ = down_request(length, id);
  reader_.begin(false);
  keep_ = !new_connection;
  state_ = State::Sending;
  if (keep_ && !kept_.empty()) {
    fd_ = kept_.back();
    kept_.pop_back();
    return send_it();
  }
  fd_ = connect_to(to_, true);
  return state_ = fd_ >= 0 ? State::Sending : State::Failed;
}

AsyncDown::State AsyncDown::go_on() {
  return state_ == State::Sending ? send_it() : read_it();
}

AsyncDown::State AsyncDown::send_it() {
  const ssize_t size = send(fd_, request_.data(), request_.size(), MSG_NOSIGNAL);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return state_;
  if (size < 0) return state_ = State::Failed;
  request_.erase(0, static_cast<std::size_t>(size));
  return state_ = request_.empty() ? State::Reading : State::Sending;
}

AsyncDown::State AsyncDown::read_it() {
  char bytes[4096];
  const ssize_t size = recv(fd_, bytes, sizeof(bytes), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return state_;
  if (size <= 0) return state_ = State::Failed;
  reader_.feed(std::string_view(bytes, static_cast<std::size_t>(size)));
  if (reader_.broken()) return state_ = State::Failed;
  if (!reader_.done()) return state_;
  keep_ = keep_ && !reader_.closes();
  return state_ = reader_.status() == 200 ? State::Done : State::Failed;
}

void AsyncDown::end() {
  if (fd_ < 0) return;
  if (state_ == State::Done && keep_) {
    kept_.push_back(fd_);
  } else {
    close(fd_);
  }
  fd_ = -1;
}

}  // namespace workload
