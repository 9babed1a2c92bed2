// One connection: its two byte streams, its protocol, its outstanding exchanges. Turns data events
// into calls of a parser and the parser's messages into exchanges. Knows nothing of other
// connections.
#pragma once

#include "events/event_view.h"
#include "flow/assembler.h"
#include "flow/listener.h"
#include "flow/stream.h"
#include "flow/tls_wire.h"
#include "proto/parser.h"

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace tailwhy {

/// What a connection was doing when it was first seen.
enum class FirstSeen : std::uint8_t {
  Opening,
  Open,   ///< before the attach, and nothing is known of it
  Asked,  ///< before the attach, and a request of it has no answer yet
};

class Conn {
 public:
  /// `pinned`: what it speaks, whatever it looks like; null: nobody said.
  Conn(ConnFacts facts,
       FirstSeen first_seen,
       const ParserSpec* pinned,
       FlowListener& listener,
       FlowLosses& losses,
       PendingBudget& budget,
       Ledger& ledger,
       RouteNames& routes);
  Conn(const Conn&) = delete;
  Conn& operator=(const Conn&) = delete;

  /// Bytes moved. `out` is scratch, cleared here; its secrets tell what of the payload a recording
  /// must not keep.
  void on_data(const DataView& data, ParseOutput& out);
  void on_arrival(std::uint64_t offset, Ns at_ns);
  void on_retransmit() { ++work_.account.retransmits; }
  /// The peer acknowledged all before an offset, or moved its window.
  void on_ack(const tw_ev_ack& ack);
  void want_acks() { assembler_.want_acks(); }
  /// One side sent its FIN.
  void on_shut(tw_dir dir, ParseOutput& out);
  /// It is over: what is outstanding ends, unanswered if need be.
  void on_close(const tw_ev_conn_close& close, ParseOutput& out);
  /// Time passes: ends what has been quiet for long enough.
  void on_tick(Ns now_ns);
  /// The run ends: what only direction reversal could end, ends.
  void finish(ParseOutput& out);
  /// Given up to make room; what is outstanding ends unanswered.
  void evict();

  [[nodiscard]] const ConnFacts& facts() const { return facts_; }
  [[nodiscard]] std::size_t pending() const { return assembler_.pending(); }
  /// Whether a tick could have something to do.
  [[nodiscard]] bool wants_tick() const {
    return (protocol_ == nullptr && assembler_.pending() > 0) || assembler_.has_doubtful();
  }
  [[nodiscard]] std::uint64_t bytes(tw_dir dir) const;
  [[nodiscard]] Work& work() { return work_; }

 private:
  enum class Mode : std::uint8_t {
    Undecided,  // no request byte yet, or too few to tell the protocol
    Parsed,     // parser_ knows the protocol, or is the TurnParser
    Ignored,    // a tunnel, or given up
  };
  static constexpr std::size_t kHeldBytes = 32;
  // After so many wrong guesses nobody guesses any more.
  static constexpr unsigned kMostMistakes = 3;
  // First bytes of a request that are too few to tell its protocol, and when they came.
  struct Held {
    std::uint64_t offset = 0;
    std::size_t size = 0;
    std::array<std::byte, kHeldBytes> bytes{};
    Stream stream;
  };

  Side side_of(tw_dir dir) const;
  void take(const DataView& data, ParseOutput& out);
  void begin_tls(const DataView& data, ParseOutput& out);
  void take_wire(const DataView& data, ParseOutput& out);
  void end_tls();
  void hold(std::uint64_t begin, std::uint64_t end);
  bool hold_back(ParseOutput& out);
  void on_sent(ParseOutput& out);
  void tell_sent(ParseOutput& out);
  void tell_all(ParseOutput& out);
  void feed(Side side, std::uint64_t offset, std::span<const std::byte> bytes, ParseOutput& out);
  Stream& stream(Side side) { return streams_[static_cast<std::size_t>(side)]; }
  bool begin_call(Side side, std::uint64_t begin, const DataView& data, ParseOutput& out);
  void first_request_bytes(std::uint64_t offset,
                           std::span<const std::byte> payload,
                           ParseOutput& out);
  void release_held(ParseOutput& out);
  void on_turn(Side side, std::uint64_t offset, std::span<const std::byte> bytes, ParseOutput& out);
  bool decide(std::uint64_t offset, std::span<const std::byte> bytes, ParseOutput& out);
  void learn_from_answer(std::span<const std::byte> bytes);
  void learn_from_greeting(std::span<const std::byte> bytes);
  bool cut_by_attach(Side side, std::span<const std::byte> bytes) const;
  void use(const ParserSpec* spec, bool from_its_beginning);
  void use_unknown();
  void admit_mistake();
  void apply(ParseOutput& out);
  void ignore();
  void give_up();
  void lose_place(Side side, std::uint64_t offset);
  void find_place(Side side, std::uint64_t offset);
  Failure close_failure(const tw_ev_conn_close& close) const;

  ConnFacts facts_;
  FlowLosses& losses_;
  Ledger& ledger_;
  Work work_;
  Assembler assembler_;
  std::array<Stream, 2> streams_;
  std::unique_ptr<Parser> parser_;
  const ParserSpec* protocol_ = nullptr;  // null: unknown
  const ParserSpec* pinned_;              // by its port; null: to be told by its content
  unsigned mistakes_ = 0;
  // The parser was replaced: its successor reads from here on what was fed last.
  std::optional<std::uint64_t> fed_again_from_;
  Mode mode_ = Mode::Undecided;
  FirstSeen first_seen_;
  bool untouched_ = true;  // nothing was seen of it since then
  bool turn_known_ = false;
  Side turn_ = Side::Request;
  bool peer_shut_first_ = false;
  bool target_shut_first_ = false;
  std::unique_ptr<Held> held_;
  // Set while a TLS library tells the plaintext: the streams are those of that.
  std::unique_ptr<TlsWire> tls_;
  bool tls_ended_ = false;  // it was thought to, and did not
  // Plaintext that a library took and that is on no wire yet, and what the parser said of it.
  struct Unsent {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t wire_from = 0;  // where its ciphertext begins at the earliest
    std::uint64_t wire_size = 0;  // and what it has at least
    bool begun = false;
  };
  static constexpr std::size_t kMostUnsent = 64;
  static constexpr std::size_t kMostUntold = 1024;
  struct SentLater {
    std::deque<Unsent> unsent;
    std::deque<Message> untold;
    std::deque<GenAi> gen_ai;  // that these messages are about
  };
  std::unique_ptr<SentLater> later_;  // where the program moves the ciphertext itself
  bool holding_ = false;              // what the parser says belongs to later_
  // Of each side: bytes from here on are not parsed and not counted as such yet.
  std::array<std::optional<std::uint64_t>, 2> lost_from_;
};

}  // namespace tailwhy
