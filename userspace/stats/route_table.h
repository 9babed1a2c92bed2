// Statistics by role, protocol, method, route and status, in bounded memory. Names come off the
// wire, so a client can make up any number of them: beyond the limits they share one row. Knows
// nothing of intervals' lengths or of who shows the rows.
#pragma once

#include "model/report.h"
#include "model/request.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tailwhy {

struct RouteLimits {
  std::size_t rows = 2000;               ///< OpenTelemetry's default for one metric
  std::size_t bytes = 16 * 1024 * 1024;  ///< of histograms and budgets of the whole run
};

class RouteTable {
 public:
  /// The route of the rows (one per role and protocol) that take what is beyond the limits.
  static constexpr std::string_view kOther = "_OTHER";

  explicit RouteTable(RouteLimits limits = {}) : limits_(limits) {}
  RouteTable(const RouteTable&) = delete;  // touched_ points into rows_
  RouteTable& operator=(const RouteTable&) = delete;

  /// Counts one ended exchange in the row of its key, its latency and its budget only if it was
  /// matched. Does not allocate when the row and its buckets exist. Or counts `count` of them that
  /// are the same (RequestRun), with the sizes of all.
  void add(const Request& request, NameIds names = {}, std::uint64_t count = 1);

  /// Rows of paths get the route that `route_of` gives for theirs, and those that get the same one
  /// become one. For routes that the user named it is not asked.
  using Rename = std::function<Route(Role role, const Route& route)>;
  void rename(const Rename& route_of);

  /// The rows with requests since the last call, most requests first. Adds them to the total, and
  /// to `all` the budgets of those that count in sums over all routes, with its finer buckets.
  std::vector<RouteStats> take_interval(BudgetSums* all = nullptr);

  /// All rows up to the last take_interval(), most requests first.
  std::vector<RouteStats> total() const;

  std::size_t size() const { return rows_.size(); }

 private:
  // What tells rows apart, as a look at the request's own texts...
  struct KeyView {
    std::string_view protocol;
    std::string_view method;
    std::string_view route;
    std::uint16_t status = 0;
    Role role = Role::Server;
    ProtocolFamily family = ProtocolFamily::Unknown;
    bool open_ended = false;
    std::string_view status_text{};
    bool by_pattern = false;
    bool operator==(const KeyView& other) const;
  };
  // ... and as a row keeps it. Protocol names are static text.
  struct Key {
    std::string_view protocol;
    std::string method;
    std::string route;
    std::uint16_t status = 0;
    Role role = Role::Server;
    ProtocolFamily family = ProtocolFamily::Unknown;
    bool open_ended = false;
    std::string status_text{};
    bool by_pattern = false;    // the user named the route
    operator KeyView() const {  // NOLINT(google-explicit-constructor)
      return {protocol, method, route, status, role, family, open_ended, status_text, by_pattern};
    }
  };
  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(const KeyView& key) const noexcept;
  };
  struct KeyEqual {
    using is_transparent = void;
    bool operator()(const KeyView& a, const KeyView& b) const noexcept { return a == b; }
  };
  struct Counts {
    std::uint64_t count = 0;
    std::uint64_t errors = 0;
    std::uint64_t client_errors = 0;
    std::uint64_t request_bytes = 0;
    std::uint64_t response_bytes = 0;
    LatencyParts latency;
    BudgetSums budget;
    PartHistograms parts;
    [[nodiscard]] std::size_t memory_bytes() const;
    void add_to(Counts& other) const;
  };
  // A request is counted in one place only, so its interval has the buckets of the sums over all.
  struct Row {
    Counts interval;
    Counts total{.latency = {}, .budget = BudgetSums(kRouteBudgetScale), .parts = {}};
  };
  using Rows = std::unordered_map<Key, Row, KeyHash, KeyEqual>;
  using Entry = Rows::value_type;

  void move(const Key& from, Key to);
  Entry& find_or_insert(const KeyView& key);
  Entry& other_of(const KeyView& key);
  static RouteStats row_of(const Key& key, Counts counts);
  void fold_small_rows();

  RouteLimits limits_;
  Rows rows_;
  Entry* last_ = nullptr;        // found: requests of one row often come one after another
  std::vector<Entry*> touched_;  // rows with requests in this interval; entries of a map stay put
};

}  // namespace tailwhy
