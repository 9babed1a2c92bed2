#include "flow/conn_table.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace tailwhy {

namespace {

constexpr std::size_t kClosedRemembered = 4096;

// How long a connection that its peer reset may still tell what it was sending meanwhile, and how
// many may wait for that. A tick ends them all.
constexpr Ns kResetWaitNs = 100'000'000;
constexpr std::size_t kResetWaiting = 256;

Role role_of(std::uint8_t role) {
  switch (role) {
    case TW_ROLE_SERVER:
      return Role::Server;
    case TW_ROLE_CLIENT:
      return Role::Client;
    default:
      return Role::Unknown;
  }
}

Endpoint inet_endpoint(std::uint8_t family, const std::uint8_t (&address)[16], std::uint16_t port) {
  Endpoint endpoint;
  endpoint.family = family == TW_AF_INET6 ? Family::Inet6 : Family::Inet;
  endpoint.port = port;
  std::copy(std::begin(address), std::end(address), endpoint.address.begin());
  return endpoint;
}

// An abstract name starts with a NUL byte and goes on; a path ends at its first NUL.
Endpoint unix_endpoint(const char (&path)[TW_UNIX_PATH_BYTES]) {
  const std::string_view whole(path, sizeof(path));
  const std::size_t end = whole.find('\0', 1);
  Endpoint endpoint;
  endpoint.family = Family::Unix;
  const std::string_view name = whole.substr(0, end);
  if (name != std::string_view("\0", 1)) endpoint.path.assign(name);
  return endpoint;
}

ConnFacts facts_of(const tw_ev_conn_open& open) {
  ConnFacts facts;
  facts.conn_id = open.conn_id;
  facts.role = role_of(open.role);
  facts.established = open.established_ns;
  if (open.family == TW_AF_UNIX) {
    facts.local = unix_endpoint(open.addr.unix_path);
    facts.peer = facts.local;
  } else {
    facts.local = inet_endpoint(open.family, open.addr.ip.local, open.local_port);
    facts.peer = inet_endpoint(open.family, open.addr.ip.remote, open.remote_port);
  }
  return facts;
}

}  // namespace

ConnTable::ConnTable(FlowConfig config, FlowListener& listener)
    : config_(std::move(config)),
      listener_(listener),
      ledger_([this](std::uint64_t id) { return work_of(id); }),
      datagrams_(listener, losses_, ledger_, routes_) {
  budget_.limit = config_.pending_requests;
  if (!config_.routes.empty()) out_.routes = &config_.routes;
}

void ConnTable::make_room() {
  while (conns_.size() >= config_.connections && !by_use_.empty()) {
    const auto oldest = conns_.find(by_use_.back());
    oldest->second.conn->evict();
    ledger_.on_conn_end(oldest->second.conn->work());
    ++losses_.connections_evicted;
    by_use_.pop_back();
    conns_.erase(oldest);
    last_ = nullptr;
  }
}

const ParserSpec* ConnTable::pinned(const ConnFacts& facts) const {
  const Endpoint& server = facts.role == Role::Client ? facts.peer : facts.local;
  if (server.family == Family::Unix) return nullptr;
  for (const ProtocolPin& pin : config_.pins) {
    if (pin.port == server.port) return pin.protocol;
  }
  return nullptr;
}

Conn& ConnTable::add(ConnFacts facts, FirstSeen first_seen) {
  make_room();
  const std::uint64_t conn_id = facts.conn_id;
  Entry& entry = conns_[conn_id];
  if (entry.conn == nullptr) {
    by_use_.push_front(conn_id);
    entry.place = by_use_.begin();
  } else {
    ledger_.on_conn_end(entry.conn->work());
  }
  const ParserSpec* protocol = pinned(facts);
  entry.conn = std::make_unique<Conn>(std::move(facts), first_seen, protocol, listener_, losses_,
                                      budget_, ledger_, routes_);
  if (want_acks_) entry.conn->want_acks();
  last_ = entry.conn.get();
  last_id_ = conn_id;
  return *last_;
}

Conn* ConnTable::find(std::uint64_t conn_id) {
  if (last_ != nullptr && last_id_ == conn_id) return last_;
  const auto found = conns_.find(conn_id);
  if (found == conns_.end()) return nullptr;
  by_use_.splice(by_use_.begin(), by_use_, found->second.place);
  last_ = found->second.conn.get();
  last_id_ = conn_id;
  return last_;
}

Work* ConnTable::work_of(std::uint64_t conn_id) {
  if (last_ != nullptr && last_id_ == conn_id) return &last_->work();
  const auto found = conns_.find(conn_id);
  if (found == conns_.end()) return datagrams_.work_of(conn_id);
  return found->second.conn == nullptr ? nullptr : &found->second.conn->work();
}

FlowLosses ConnTable::losses() const {
  FlowLosses losses = losses_;
  losses.ledger_full = ledger_.forgotten();
  return losses;
}

void ConnTable::on_event(const tw_ev_conn_open& open) {
  end_reset_before(open.hdr.ts_ns);
  if ((open.flags & TW_OPEN_CONNECT_FAILED) != 0) {
    ledger_.on_connect_failed(open.conn_id);
    listener_.on_conn_start(open.error == ECONNREFUSED ? ConnStart::Refused
                                                       : ConnStart::ConnectFailed);
    return;
  }
  if (find(open.conn_id) != nullptr) return;  // told twice
  const bool existing = (open.flags & TW_OPEN_EXISTING) != 0;
  listener_.on_conn_start(existing ? ConnStart::Existing : ConnStart::Established);
  add(facts_of(open), !existing                           ? FirstSeen::Opening
                      : (open.flags & TW_OPEN_ASKED) != 0 ? FirstSeen::Asked
                                                          : FirstSeen::Open);
}

void ConnTable::on_event(const DataView& data) {
  if ((data->flags & (TW_DATA_CONT | TW_DATA_PLAIN)) == 0) {
    const std::uint64_t bytes = data->len_bytes;
    listener_.on_bytes(data->dir == TW_DIR_IN ? bytes : 0, data->dir == TW_DIR_OUT ? bytes : 0);
  }
  Conn* conn = find(data->conn_id);
  if (conn == nullptr) {
    if (closed_.contains(data->conn_id)) {
      if ((data->flags & (TW_DATA_CONT | TW_DATA_PLAIN)) == 0)
        losses_.bytes_not_parsed += data->len_bytes;
      out_.hide_all(data.payload.size());
      return;
    }
    // Its opening was lost: whatever it is, it is followed from here on.
    ++losses_.unannounced;
    listener_.on_conn_start(ConnStart::Existing);
    ConnFacts facts;
    facts.conn_id = data->conn_id;
    conn = &add(std::move(facts), FirstSeen::Open);
  }
  conn->on_data(data, out_);
}

void ConnTable::on_event(const tw_ev_arrival& arrival) {
  Conn* conn = find(arrival.conn_id);
  if (conn == nullptr) return;
  const bool known = (arrival.offset_bytes & TW_ARRIVAL_UNKNOWN) == 0;
  conn->on_arrival(arrival.offset_bytes & ~TW_ARRIVAL_UNKNOWN, known ? arrival.hdr.ts_ns : 0);
}

void ConnTable::on_event(const tw_ev_conn_shut& shut) {
  if (Conn* conn = find(shut.conn_id)) conn->on_shut(static_cast<tw_dir>(shut.dir), out_);
}

void ConnTable::on_event(const tw_ev_conn_close& close) {
  end_reset_before(close.hdr.ts_ns);
  if (find(close.conn_id) == nullptr) return;
  listener_.on_conn_end({.reset_by_peer = (close.flags & TW_CLOSE_RST_IN) != 0,
                         .reset_by_target = (close.flags & TW_CLOSE_RST_OUT) != 0,
                         .timed_out = (close.flags & TW_CLOSE_TIMEOUT) != 0});
  if ((close.flags & TW_CLOSE_RST_IN) != 0) {
    reset_.push_back(close);
    if (reset_.size() > kResetWaiting) end_first_reset();
  } else {
    end(close);
  }
}

void ConnTable::end_first_reset() {
  const tw_ev_conn_close close = reset_.front();
  reset_.pop_front();
  end(close);
}

void ConnTable::end_reset_before(Ns now_ns) {
  while (!reset_.empty() && now_ns > reset_.front().hdr.ts_ns + kResetWaitNs)
    end_first_reset();
}

void ConnTable::end_all_reset() {
  while (!reset_.empty())
    end_first_reset();
}

void ConnTable::end(const tw_ev_conn_close& close) {
  Conn* conn = find(close.conn_id);
  if (conn == nullptr) return;
  conn->on_close(close, out_);
  ledger_.on_conn_end(conn->work());
  const auto found = conns_.find(close.conn_id);
  by_use_.erase(found->second.place);
  conns_.erase(found);
  last_ = nullptr;
  remember_closed(close.conn_id);
}

void ConnTable::remember_closed(std::uint64_t conn_id) {
  if (!closed_.insert(conn_id).second) return;
  closed_order_.push_back(conn_id);
  if (closed_order_.size() <= kClosedRemembered) return;
  closed_.erase(closed_order_.front());
  closed_order_.pop_front();
}

void ConnTable::on_event(const tw_ev_retransmit& retransmit) {
  if (Conn* conn = find(retransmit.conn_id)) conn->on_retransmit();
  listener_.on_retransmit();
}

void ConnTable::on_event(const tw_ev_ack& ack) {
  if (Conn* conn = find(ack.conn_id)) conn->on_ack(ack);
}

void ConnTable::on_event(const tw_ev_io_error& error) {
  listener_.on_socket_error(static_cast<int>(error.error));
}

void ConnTable::want_stacks(bool wanted) {
  want_stacks_ = wanted;
  ledger_.want_stays(wanted);
}

void ConnTable::on_event(const tw_ev_off_cpu& off) {
  const std::optional<Part> slept = ledger_.on_off_cpu(off);
  if (!want_stacks_ || !slept) return;
  stacks_.end_sleep(off.tid, off.off_ns, off.woken_ns != 0 ? off.woken_ns : off.hdr.ts_ns, *slept);
}

void ConnTable::on_event(const tw_ev_stack& stack) {
  if (!want_stacks_) return;
  find_owners(stack.tid, 0);  // while it is remembered
  stacks_.add(stack);
}

// What the thread did is remembered for some stretches only, and threads of pools have no owner.
void ConnTable::find_owners(std::uint32_t tid, Ns from) {
  int looked_at = 0;
  stacks_.for_each_since(tid, from, [&](StackSample& sample) {
    if (sample.owner_known || ++looked_at > 32) return false;
    sample.owner = ledger_.owner_at(tid, sample.begin);
    sample.owner_known = sample.owner != kUndecided;
    return true;
  });
}

bool ConnTable::for_each_stack(const Request& request, const StackVisitor& visit) {
  const Work* work = work_of(request.conn_id);
  if (work == nullptr) return true;
  // An event loop that was idle waited for whomever the request's budget names.
  const Part idle = request.budget.of(Part::Poll) > 0         ? Part::Poll
                    : request.budget.of(Part::Downstream) > 0 ? Part::Downstream
                                                              : Part::Client;
  bool whole = true;
  for (const Stay& stay : work->stays) {
    const Ns from = std::max(stay.from, request.at.read_first);
    const Ns until = std::min(stay.until, request.at.write_last);
    if (from >= until) continue;
    find_owners(stay.tid, from);
    whole &= stacks_.for_each_since(stay.tid, from, [&](const StackSample& sample) {
      if (sample.begin >= until || !sample.over) return true;
      const bool cpu = sample.stack.kind == TW_STACK_CPU;
      const Ns ns =
          cpu ? sample.stack.period_ns : std::min(sample.end, until) - std::max(sample.begin, from);
      const bool others =
          sample.owner_known && sample.owner != kNobody && sample.owner != request.conn_id;
      const Part own = sample.part == Part::Poll ? idle : sample.part;
      visit(sample, others ? Part::OtherRequests : own, ns);
      return true;
    });
  }
  return whole;
}

void ConnTable::on_tick(Ns now_ns) {
  end_all_reset();
  datagrams_.on_tick(now_ns);
  for (auto& [id, entry] : conns_) {
    if (entry.conn->wants_tick()) entry.conn->on_tick(now_ns);
  }
}

std::vector<std::uint64_t> ConnTable::unix_connections() const {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, entry] : conns_) {
    if (entry.conn->facts().peer.family == Family::Unix) ids.push_back(id);
  }
  return ids;
}

void ConnTable::finish() {
  end_all_reset();
  datagrams_.finish();
  for (auto& [id, entry] : conns_)
    entry.conn->finish(out_);
}

}  // namespace tailwhy
