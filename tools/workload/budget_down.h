// A blocking call to another HTTP server, for requests that wait for a downstream. The text of the
// call is shared with the event loop, which sends it without blocking.
#pragma once

#include "budget_use.h"
#include "socket.h"
#include "spare.h"

#include <optional>
#include <string>
#include <string_view>

namespace workload {

/// GET /sleep/<length>ns, as delay_server and budget_server understand it. The id is the request's
/// own with "-down" behind it.
std::string down_request(Ns length, std::string_view id);

class Down {
 public:
  explicit Down(Address to);
  ~Down();
  Down(const Down&) = delete;
  Down& operator=(const Down&) = delete;

  /// Asks over a kept connection (or a new one, which is then closed) and reads the whole answer.
  /// Returns how long that took, a connect included; nothing if there was no answer.
  std::optional<Took> call(Ns length, std::string_view id, bool new_connection);

 private:
  struct Peer;
  bool exchange(Peer& peer, std::string_view request);

  Address to_;
  Spare<Peer> peers_;
};

}  // namespace workload
