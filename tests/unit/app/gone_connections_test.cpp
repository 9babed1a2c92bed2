// Unix connections that have closed are found by what is left open.
#include "app/gone_connections.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace tailwhy;

namespace {

std::vector<std::uint64_t> ids(const std::vector<tw_ev_conn_close>& closes) {
  std::vector<std::uint64_t> ids;
  for (const tw_ev_conn_close& close : closes)
    ids.push_back(close.conn_id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

using Ids = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("gone: what is known and not open has closed by the time of the look", "[app][gone]") {
  GoneConnections gone;
  CHECK(gone.take().empty());
  gone.look({9, 2, 7, 4}, {4, 100, 9}, 1000);  // 100: not followed yet
  const auto closes = gone.take();
  CHECK(ids(closes) == Ids{2, 7});
  for (const tw_ev_conn_close& close : closes) {
    CHECK(close.hdr.type == TW_EV_CONN_CLOSE);
    CHECK(close.hdr.size_bytes == sizeof(close));
    CHECK(close.hdr.ts_ns == 1000);
    CHECK(close.flags == TW_CLOSE_GONE);
  }
}

TEST_CASE("gone: a connection ends once, and not by what was open before it", "[app][gone]") {
  GoneConnections gone;
  gone.look({1, 2}, {2}, 1000);
  CHECK(ids(gone.take()) == Ids{1});
  CHECK(gone.take().empty());  // a tick at which the kernel could not be asked
  gone.look({2, 3}, {3, 2}, 2000);
  CHECK(gone.take().empty());
  gone.look({2, 3}, {}, 3000);
  CHECK(ids(gone.take()) == Ids{2, 3});
}

TEST_CASE("gone: a look that is not taken gives way to the next one", "[app][gone]") {
  GoneConnections gone;
  gone.look({1}, {}, 1000);
  gone.look({1, 2}, {}, 2000);
  const auto closes = gone.take();
  CHECK(ids(closes) == Ids{1, 2});
  CHECK(closes.front().hdr.ts_ns == 2000);
}
