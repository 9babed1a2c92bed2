// See the header.
#include "model/budget_stats.h"

namespace tailwhy {
namespace {

void add(PeerUse& sum, const PeerUse& more) {
  if (sum.address.empty()) {
    sum.address = more.address;
    sum.port = more.port;
    sum.protocol = more.protocol;
  }
  sum.requests += more.requests;
  sum.calls += more.calls;
  sum.ns += more.ns;
}

void add(CallUse& sum, const CallUse& more) {
  if (sum.call.empty()) sum.call = more.call;
  sum.requests += more.requests;
  sum.ns += more.ns;
}

void add(FailureUse& sum, const FailureUse& more) {
  if (sum.call.empty()) {
    sum.call = more.call;
    sum.error = more.error;
  }
  sum.requests += more.requests;
  sum.calls += more.calls;
}

template <class T>
void add_each(std::array<T, kNames>& sums, const std::array<T, kNames>& more) {
  for (std::size_t i = 0; i < kNames; ++i) {
    if (more[i].requests > 0) add(sums[i], more[i]);
  }
}

}  // namespace

void BudgetStats::merge(const BudgetStats& other) {
  sums.merge(other.sums);
  parts.merge(other.parts);
  add_each(names.peers, other.names.peers);
  add_each(names.calls, other.names.calls);
  add_each(names.failures, other.names.failures);
}

double BudgetStats::unattributed_share() const {
  const BudgetTotals all = sums.all();
  if (all.duration == 0) return 0;
  return static_cast<double>(all.of(Part::Unattributed)) / static_cast<double>(all.duration);
}

}  // namespace tailwhy
