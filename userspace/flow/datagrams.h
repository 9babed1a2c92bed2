// Exchanges of one datagram and its answer. There are no connections to follow: each exchange is
// one of its own, known by the socket and by what its two messages have in common, and gone with
// its answer. Bounded: when too many wait the oldest is given up, and counted.
#pragma once

#include "events/event_view.h"
#include "flow/assembler.h"
#include "flow/listener.h"
#include "flow/stream.h"
#include "proto/datagram.h"

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

namespace tailwhy {

class Datagrams {
 public:
  /// Requests that wait for an answer.
  static constexpr std::size_t kMost = 8192;
  /// So long: nobody waits longer for a name.
  static constexpr Ns kAnswerNs = 10 * kNsPerSec;

  Datagrams(FlowListener& listener, FlowLosses& losses, Ledger& ledger, RouteNames& routes);
  ~Datagrams();
  Datagrams(const Datagrams&) = delete;
  Datagrams& operator=(const Datagrams&) = delete;

  /// `out` is scratch, cleared here; its secrets tell what of the payload a recording must not
  /// keep.
  void on_datagram(const DatagramView& view, ParseOutput& out);
  /// Gives up what has waited too long.
  void on_tick(Ns now_ns);
  /// The run ends. What is still outstanding stays in flight.
  void finish();
  /// Of an exchange; null: none such.
  [[nodiscard]] Work* work_of(std::uint64_t conn_id);
  [[nodiscard]] std::size_t size() const { return exchanges_.size(); }

 private:
  struct Exchange;
  using Exchanges = std::list<std::unique_ptr<Exchange>>;  // in the order in which they began
  struct Key {
    std::uint64_t socket;
    std::uint64_t id;
    Role role;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept;
  };

  void on_request(const DatagramView& view, const Datagram& told, const Key& key, ParseOutput& out);
  void on_answer(const DatagramView& view, const Datagram& told, const Key& key, ParseOutput& out);
  [[nodiscard]] Exchange* find(const Key& key, std::uint32_t subject) const;
  void forget(Exchange& exchange);
  void give_up(Exchange& exchange, Failure failure);

  FlowListener& listener_;
  FlowLosses& losses_;
  Ledger& ledger_;
  RouteNames& routes_;
  PendingBudget budget_;
  std::uint64_t last_id_ = 0;
  Exchanges exchanges_;
  std::unordered_multimap<Key, Exchange*, KeyHash> by_key_;
  std::unordered_map<std::uint64_t, Exchange*> by_id_;
};

}  // namespace tailwhy
