// See the header.
#include "stats/budget_tally.h"

#include "model/syscall_names.h"

#include <algorithm>
#include <utility>

namespace tailwhy {
namespace {

// The place of a name among those that are kept; kOtherName when they are enough already.
template <class T>
std::uint8_t number_of(std::vector<T>& kept, const T& name) {
  const auto found = std::find(kept.begin(), kept.end(), name);
  if (found == kept.end() && kept.size() >= kMostNames) return kOtherName;
  const auto number = static_cast<std::uint8_t>(found - kept.begin());
  if (found == kept.end()) kept.push_back(name);
  return number;
}

}  // namespace

bool BudgetTally::Peer::operator==(const Peer& other) const {
  return endpoint.port == other.endpoint.port && endpoint.address == other.endpoint.address &&
         endpoint.family == other.endpoint.family && protocol == other.protocol &&
         endpoint.path == other.endpoint.path;
}

std::uint8_t BudgetTally::add_peer(BudgetNames& names, const Request& request) {
  if (request.downstream_peer == nullptr) return kNoName;
  const std::uint8_t number =
      number_of(peers_, Peer{*request.downstream_peer, request.downstream_protocol});
  PeerUse& use = names.peers[number];
  if (number != kOtherName && use.requests == 0) {
    use.address = address_text(*request.downstream_peer);
    use.port = request.downstream_peer->port;
    use.protocol = request.downstream_protocol;
  }
  ++use.requests;
  use.calls += request.downstream_calls;
  use.ns += request.budget.of(Part::Downstream);
  return number;
}

std::uint8_t BudgetTally::add_call(BudgetNames& names, const Request& request) {
  const Ns ns = request.budget.of(Part::Other);
  if (ns == 0 || request.other_call == 0xffff) return kNoName;
  const std::uint8_t number = number_of(calls_, request.other_call);
  CallUse& use = names.calls[number];
  if (number != kOtherName && use.requests == 0) use.call = syscall_name(request.other_call);
  ++use.requests;
  use.ns += ns;
  return number;
}

void BudgetTally::add_failure(BudgetNames& names, const Request& request) {
  if (request.failed_calls == 0) return;
  const Failure failure{request.failed_call, request.failed_error};
  const std::uint8_t number = number_of(failures_, failure);
  FailureUse& use = names.failures[number];
  if (number != kOtherName && use.requests == 0) {
    use.call = syscall_name(failure.call);
    use.error = errno_name(failure.error);
  }
  ++use.requests;
  use.calls += request.failed_calls;
}

NameIds BudgetTally::add(BudgetNames& names, const Request& request) {
  add_failure(names, request);
  return {.peer = add_peer(names, request), .call = add_call(names, request)};
}

}  // namespace tailwhy
