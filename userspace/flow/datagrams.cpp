#include "flow/datagrams.h"

#include "flow/ledger.h"

#include <algorithm>
#include <utility>

namespace tailwhy {
namespace {

// Above all cookies, below those of sockets that have none, and exact in a JSON number.
constexpr std::uint64_t kFirstId = std::uint64_t{1} << 52;
constexpr std::uint64_t kStream = 1;

Endpoint endpoint_of(const tw_ev_datagram& event,
                     const std::uint8_t (&address)[16],
                     std::uint16_t port) {
  Endpoint endpoint;
  endpoint.family = event.family == TW_AF_INET6 ? Family::Inet6 : Family::Inet;
  endpoint.datagrams = true;
  endpoint.port = port;
  std::copy(std::begin(address), std::end(address), endpoint.address.begin());
  return endpoint;
}

bool has_remote(const DatagramView& view) {
  return (view->flags & TW_DATAGRAM_REMOTE) != 0;
}

bool same_end(const Endpoint& a, const Endpoint& b) {
  return a.family == b.family && a.port == b.port && a.address == b.address;
}

}  // namespace

struct Datagrams::Exchange {
  Exchange(ConnFacts the_facts,
           const Key& the_key,
           std::uint32_t the_subject,
           FlowListener& listener,
           FlowLosses& losses,
           PendingBudget& budget,
           Ledger& ledger,
           RouteNames& routes)
      : facts(std::move(the_facts)),
        key(the_key),
        subject(the_subject),
        work{.conn_id = facts.conn_id, .role = facts.role},
        assembler(facts, listener, losses, budget, ledger, routes, work) {}

  // A call moved the datagram: `told` speaks of it.
  void move(Stream& stream, const DatagramView& view, const ParseOutput& told) {
    stream.add_arrival(0, view->arrived_ns);
    Call& call = stream.add_call();
    call.begin = 0;
    call.end = view->len_bytes;
    call.at_ns = view->hdr.ts_ns;
    call.pid = view->pid;
    call.tid = view->tid;
    call.account = work.account;
    stream.set_next(view->len_bytes);
    (void)assembler.apply(told, requests, answers);
  }

  ConnFacts facts;
  Key key;
  std::uint32_t subject;
  Ns asked_ns = 0;
  Work work;
  Assembler assembler;
  Stream requests;
  Stream answers;
  Exchanges::iterator place;
};

Datagrams::Datagrams(FlowListener& listener, FlowLosses& losses, Ledger& ledger, RouteNames& routes)
    : listener_(listener), losses_(losses), ledger_(ledger), routes_(routes) {}

Datagrams::~Datagrams() = default;

std::size_t Datagrams::KeyHash::operator()(const Key& key) const noexcept {
  return (key.socket * 0x9e3779b97f4a7c15U ^ key.id << 1U) + static_cast<std::size_t>(key.role);
}

Work* Datagrams::work_of(std::uint64_t conn_id) {
  const auto found = by_id_.find(conn_id);
  return found == by_id_.end() ? nullptr : &found->second->work;
}

// The oldest of those that ask for the same.
Datagrams::Exchange* Datagrams::find(const Key& key, std::uint32_t subject) const {
  Exchange* oldest = nullptr;
  const auto [from, to] = by_key_.equal_range(key);
  for (auto it = from; it != to; ++it) {
    Exchange* exchange = it->second;
    if (subject != 0 && exchange->subject != 0 && subject != exchange->subject) continue;
    if (oldest == nullptr || exchange->facts.conn_id < oldest->facts.conn_id) oldest = exchange;
  }
  return oldest;
}

void Datagrams::on_datagram(const DatagramView& view, ParseOutput& out) {
  out.clear();
  const std::uint64_t bytes = view->len_bytes;
  const bool in = view->dir == TW_DIR_IN;
  listener_.on_bytes(in ? bytes : 0, in ? 0 : bytes);
  const DatagramSpec* spec = datagram_protocol().datagrams;
  Datagram told;
  if (!spec->read(view.payload, bytes, told, out.want_secrets ? &out.secrets : nullptr)) {
    out.hide_all(view.payload.size());
    return;
  }
  const bool asked = told.side == Side::Request;
  const Key key{view->socket_id, told.id, asked == in ? Role::Server : Role::Client};
  if (asked) {
    on_request(view, told, key, out);
  } else {
    on_answer(view, told, key, out);
  }
  out.messages.clear();
}

void Datagrams::on_request(const DatagramView& view,
                           const Datagram& told,
                           const Key& key,
                           ParseOutput& out) {
  ConnFacts facts;
  facts.role = key.role;
  facts.local = endpoint_of(*view.record, view->local, view->local_port);
  facts.peer.datagrams = true;
  if (has_remote(view)) facts.peer = endpoint_of(*view.record, view->remote, view->remote_port);
  if (key.role == Role::Client) {
    Exchange* before = find(key, told.subject);
    if (before != nullptr && same_end(before->facts.peer, facts.peer)) {
      ++before->work.account.retransmits;  // the same question, asked again
      ledger_.on_call(before->work, view->tid, view->hdr.ts_ns, false);
      ledger_.after_call(before->work, view->tid, true, false);
      return;
    }
  }
  if (exchanges_.size() >= kMost) {
    ++losses_.pending_full;
    give_up(*exchanges_.front(), Failure::None);
  }
  facts.conn_id = kFirstId + ++last_id_;
  auto& exchange = *exchanges_.emplace_back(std::make_unique<Exchange>(
      std::move(facts), key, told.subject, listener_, losses_, budget_, ledger_, routes_));
  exchange.place = std::prev(exchanges_.end());
  exchange.asked_ns = view->hdr.ts_ns;
  by_key_.emplace(key, &exchange);
  by_id_.emplace(exchange.facts.conn_id, &exchange);
  const ParserSpec& protocol = datagram_protocol();
  exchange.assembler.set_protocol(protocol.name, protocol.family);
  ledger_.on_conn_begin(exchange.work);
  ledger_.on_call(exchange.work, view->tid, view->hdr.ts_ns, true);
  out.tell(Message::Kind::RequestBegin, Side::Request, 0, kStream);
  out.tell(Message::Kind::RequestHead, Side::Request, 0, kStream).request = told.request;
  Message& end = out.tell(Message::Kind::RequestEnd, Side::Request, view->len_bytes, kStream);
  end.end_rule = EndRule::Framing;
  end.size = view->len_bytes;
  exchange.move(exchange.requests, view, out);
  ledger_.after_call(exchange.work, view->tid, true, false);
}

void Datagrams::on_answer(const DatagramView& view,
                          const Datagram& told,
                          const Key& key,
                          ParseOutput& out) {
  Exchange* exchange = find(key, told.subject);
  if (exchange == nullptr) {
    ++losses_.unsolicited;
    return;
  }
  // Of a server's socket only the answer says who asked.
  if (has_remote(view) && exchange->facts.peer.family == Family::Unknown) {
    exchange->facts.peer = endpoint_of(*view.record, view->remote, view->remote_port);
  }
  ledger_.on_call(exchange->work, view->tid, view->hdr.ts_ns, false);
  out.tell(Message::Kind::ResponseBegin, Side::Response, 0, kStream);
  out.tell(Message::Kind::ResponseHead, Side::Response, 0, kStream).response = told.response;
  Message& end = out.tell(Message::Kind::ResponseEnd, Side::Response, view->len_bytes, kStream);
  end.end_rule = EndRule::Framing;
  end.size = view->len_bytes;
  exchange->move(exchange->answers, view, out);
  ledger_.after_call(exchange->work, view->tid, false, false);
  forget(*exchange);
}

void Datagrams::forget(Exchange& exchange) {
  ledger_.on_conn_end(exchange.work);
  by_id_.erase(exchange.facts.conn_id);
  const auto [from, to] = by_key_.equal_range(exchange.key);
  by_key_.erase(std::find_if(from, to, [&](const auto& row) { return row.second == &exchange; }));
  exchanges_.erase(exchange.place);
}

void Datagrams::give_up(Exchange& exchange, Failure failure) {
  exchange.assembler.close(failure, exchange.requests, exchange.answers);
  forget(exchange);
}

void Datagrams::on_tick(Ns now_ns) {
  while (!exchanges_.empty()) {
    Exchange& oldest = *exchanges_.front();
    if (now_ns < oldest.asked_ns + kAnswerNs) break;
    give_up(oldest, oldest.facts.role == Role::Client ? Failure::Timeout : Failure::NoResponse);
  }
}

void Datagrams::finish() {
  for (const auto& exchange : exchanges_)
    exchange->assembler.finish();
}

}  // namespace tailwhy
