#include "app/gone_connections.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tailwhy {

void GoneConnections::look(std::vector<std::uint64_t> known,
                           std::vector<std::uint64_t> open,
                           Ns asked_ns) {
  asked_ns_ = asked_ns;
  gone_.clear();
  std::sort(known.begin(), known.end());
  std::sort(open.begin(), open.end());
  std::set_difference(known.begin(), known.end(), open.begin(), open.end(),
                      std::back_inserter(gone_));
}

std::vector<tw_ev_conn_close> GoneConnections::take() {
  std::vector<tw_ev_conn_close> closes;
  for (const std::uint64_t id : std::exchange(gone_, {})) {
    tw_ev_conn_close close{};
    close.hdr = {
        .ts_ns = asked_ns_, .type = TW_EV_CONN_CLOSE, .cpu = 0, .size_bytes = sizeof(close)};
    close.conn_id = id;
    close.flags = TW_CLOSE_GONE;
    closes.push_back(close);
  }
  return closes;
}

}  // namespace tailwhy
