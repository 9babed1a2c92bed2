// Responses. See the header.
#include "budget_answer.h"

#include <sys/socket.h>

#include <algorithm>
#include <fmt/format.h>

namespace workload {

std::string answer_head(std::uint64_t status, const Answer& answer) {
  return fmt::format("HTTP/1.1 {} Status\r\nServer: budget\r\nContent-Length: {}\r\n{}\r\n", status,
                     answer.body, answer.keep_alive ? "" : "Connection: close\r\n");
}

std::string_view answer_piece(std::uint64_t size) {
  static const std::string zeros(kPiece, '0');
  return std::string_view(zeros).substr(0, size);
}

void small_send_buffer(int fd) {
  const int size = kPiece;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

bool send_answer(int fd, const Answer& answer, Record& record, Spent& spent) {
  std::string first = answer_head(record.status, answer);
  std::uint64_t left = answer.body;
  if (answer.slow) {
    small_send_buffer(fd);
    const std::uint64_t size = std::min(left, kFirstPiece);
    first += answer_piece(size);
    left -= size;
  } else {
    first.append(left, '0');
    left = 0;
  }
  const Watch first_watch;
  if (!send_all(fd, first, record.written)) return false;
  spent.late_run_queue = first_watch.stop().run_queue;
  while (left > 0) {
    const std::string_view piece = answer_piece(left);
    const Watch watch;
    if (!send_all(fd, piece, record.written)) return false;
    const Took took = watch.stop();
    spent[Part::Client] += took;
    spent.late_run_queue = took.run_queue;
    left -= piece.size();
  }
  return true;
}

}  // namespace workload
