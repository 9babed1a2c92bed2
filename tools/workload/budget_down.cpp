// Calls to a downstream. See the header.
#include "budget_down.h"

#include "connection.h"
#include "response_reader.h"

#include <sys/socket.h>

#include <cerrno>
#include <fmt/format.h>
#include <unistd.h>

namespace workload {

struct Down::Peer {
  int fd = -1;
  Peer() = default;
  ~Peer() { hang_up(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  void hang_up() {
    if (fd >= 0) close(fd);
    fd = -1;
  }
};

std::string down_request(Ns length, std::string_view id) {
  return fmt::format("GET /sleep/{}ns HTTP/1.1\r\nHost: down\r\nx-request-id: {}-down\r\n\r\n",
                     length, id);
}

Down::Down(Address to) : to_(std::move(to)), peers_([] { return std::make_unique<Peer>(); }) {}

Down::~Down() = default;

bool Down::exchange(Peer& peer, std::string_view request) {
  if (peer.fd < 0) peer.fd = connect_to(to_, false);
  Written written;
  if (peer.fd < 0 || !send_all(peer.fd, request, written)) return false;
  ResponseReader reader;
  reader.begin(false);
  char bytes[4096];
  while (!reader.done()) {
    const ssize_t size = recv(peer.fd, bytes, sizeof(bytes), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    reader.feed(std::string_view(bytes, static_cast<std::size_t>(size)));
    if (reader.broken()) return false;
  }
  if (reader.closes()) peer.hang_up();
  return reader.status() == 200;
}

std::optional<Took> Down::call(Ns length, std::string_view id, bool new_connection) {
  const std::string request = down_request(length, id);
  auto peer = peers_.take();
  if (new_connection) peer->hang_up();
  const Watch watch;
  const bool answered = exchange(*peer, request);
  const Took took = watch.stop();
  if (new_connection || !answered) peer->hang_up();
  peers_.give_back(std::move(peer));
  return answered ? std::optional(took) : std::nullopt;
}

}  // namespace workload
