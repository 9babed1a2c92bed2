// Which protocol a connection speaks: by its first bytes, by what answers them, and again where a
// guess was wrong.
#include "flow/conn.h"
#include "proto/turn_parser.h"

#include <algorithm>
#include <utility>

namespace tailwhy {

void Conn::use(const ParserSpec* spec, bool from_its_beginning) {
  protocol_ = spec;
  parser_ = spec->make();
  mode_ = Mode::Parsed;
  assembler_.set_protocol(spec->name, spec->family);
  if (spec->finds_its_place && !from_its_beginning) {
    parser_->start_unsynchronised(Side::Request);
    parser_->start_unsynchronised(Side::Response);
  }
}

void Conn::use_unknown() {
  protocol_ = nullptr;
  parser_ = std::make_unique<TurnParser>();
  mode_ = Mode::Parsed;
  assembler_.set_protocol(kUnknownProtocol, ProtocolFamily::Unknown);
}

// The parser met what its protocol cannot say. The next turn of requests may tell what it is.
void Conn::admit_mistake() {
  ++mistakes_;
  if (mistakes_ >= kMostMistakes) pinned_ = nullptr;
  protocol_ = nullptr;
  auto parser = std::make_unique<TurnParser>();
  if (assembler_.pending() > 0) parser->resume_request(stream(Side::Request).next());
  parser_ = std::move(parser);
}

// Picks the parser by the first bytes of a request. False: too few of them yet.
bool Conn::decide(std::uint64_t offset, std::span<const std::byte> bytes, ParseOutput& out) {
  bool need_more = false;
  const std::span<const ParserSpec* const> all = parser_specs();
  const std::span<const ParserSpec* const> asked = pinned_ != nullptr ? std::span(&pinned_, 1)
                                                   : mistakes_ < kMostMistakes ? all
                                                                               : all.first(0);
  for (const ParserSpec* spec : asked) {
    const Confidence confidence =
        pinned_ != nullptr ? Confidence::Yes : spec->detect(Side::Request, bytes);
    if (confidence == Confidence::Yes) {
      if (mode_ == Mode::Parsed) {  // it was taken for unknown before
        parser_->turn(Side::Request, offset, out);
        apply(out);
      }
      use(spec, first_seen_ == FirstSeen::Opening && mode_ == Mode::Undecided && offset == 0);
      return true;
    }
    need_more = need_more || confidence == Confidence::NeedMore;
  }
  if (need_more && !bytes.empty() && bytes.size() < kHeldBytes) {
    if (mode_ == Mode::Parsed) {  // a target that reads its requests piece by piece
      parser_->turn(Side::Request, offset, out);
      apply(out);
      mode_ = Mode::Undecided;
    }
    return false;
  }
  if (mode_ == Mode::Undecided) use_unknown();
  return true;
}

// A request that no protocol knows may still get an answer that one does: what a web server says to
// garbage, or to bytes that could not be read.
void Conn::learn_from_answer(std::span<const std::byte> bytes) {
  if (mode_ != Mode::Parsed || protocol_ != nullptr || assembler_.pending() == 0) return;
  if (mistakes_ >= kMostMistakes) return;
  for (const ParserSpec* spec : parser_specs()) {
    if (spec->detect(Side::Response, bytes) != Confidence::Yes) continue;
    use(spec, false);
    assembler_.adopt_protocol(stream(Side::Request));
    return;
  }
}

// A new connection on which the server speaks first: what it says may tell the protocol.
void Conn::learn_from_greeting(std::span<const std::byte> bytes) {
  if (mode_ != Mode::Undecided || first_seen_ != FirstSeen::Opening || held_ != nullptr) return;
  if (pinned_ != nullptr) return use(pinned_, true);
  for (const ParserSpec* spec : parser_specs()) {
    if (!spec->server_speaks_first) continue;
    if (spec->detect(Side::Response, bytes) == Confidence::Yes) return use(spec, true);
  }
}

// Bytes of a request that were too few to tell its protocol: now it is told, or nothing more comes.
void Conn::release_held(ParseOutput& out) {
  if (held_ == nullptr) return;
  const std::unique_ptr<Held> held = std::move(held_);
  if (mode_ == Mode::Undecided) use_unknown();
  const Stream now = std::exchange(stream(Side::Request), held->stream);
  feed(Side::Request, held->offset, std::span(held->bytes).first(held->size), out);
  out.secrets.clear();  // they speak of bytes that are not in this record
  stream(Side::Request) = now;
}

void Conn::first_request_bytes(std::uint64_t offset,
                               std::span<const std::byte> payload,
                               ParseOutput& out) {
  if (held_ == nullptr) {
    if (decide(offset, payload, out)) return;
    held_ = std::make_unique<Held>();
    held_->offset = offset;
    held_->size = payload.size();
    held_->stream = stream(Side::Request);
    std::copy(payload.begin(), payload.end(), held_->bytes.begin());
    return;
  }
  const std::size_t take = std::min(payload.size(), kHeldBytes - held_->size);
  std::copy_n(payload.begin(), take, held_->bytes.data() + held_->size);
  const std::span<const std::byte> first(held_->bytes.data(), held_->size + take);
  if (decide(held_->offset, first, out)) {
    release_held(out);
  } else {
    held_->size += take;
  }
}

// Are these the later bytes of a request that began before the attach? Its answer will be the
// first.
bool Conn::cut_by_attach(Side side, std::span<const std::byte> bytes) const {
  if (first_seen_ != FirstSeen::Asked || !untouched_ || side != Side::Request) return false;
  return std::none_of(parser_specs().begin(), parser_specs().end(),
                      [bytes](const ParserSpec* spec) {
                        return spec->detect(Side::Request, bytes) == Confidence::Yes;
                      });
}

}  // namespace tailwhy
