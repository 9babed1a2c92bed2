// NATS: the calls to its parser, who is answered, and where the place is lost and found. Knows
// nothing of times or sockets.
#include "proto/nats.h"

#include "proto/nats_detect.h"
#include "proto/nats_parser.h"

#include <algorithm>
#include <memory>

namespace tailwhy {
namespace nats {
namespace {

using Kind = Message::Kind;

// After so many requests the oldest is not waited for, if only an error would answer it.
constexpr std::size_t kMostDoubts = 64;
// So many are waited for at most.
constexpr std::size_t kMostExpected = 8192;

// Null: one that is not known.
ResponseHead head_of_error(const Error* error) {
  ResponseHead head;
  head.verdict = ResponseHead::Verdict::ServerError;
  head.status_text.assign(error == nullptr ? "ERR" : error->status);
  return head;
}

}  // namespace

void NatsParser::feed(Side side,
                      std::uint64_t offset,
                      std::span<const std::byte> bytes,
                      ParseOutput& out) {
  ByteCursor in(side, offset, bytes, out);
  if (!over_ && !done_[index(side)] && !(lost_[index(side)] && !find_place(in))) read(in);
  in.hide(in.rest().size());
  if (side == Side::Response) seen_ = offset + bytes.size();
}

void NatsParser::skip(Side side,
                      std::uint64_t offset,
                      std::uint64_t size,
                      std::span<const std::byte> tail,
                      ParseOutput& out) {
  if (tail.size() > size) tail = tail.last(static_cast<std::size_t>(size));
  const std::uint64_t unseen = size - tail.size();
  if (unseen > 0 && !over_ && !done_[index(side)] && !lost_[index(side)]) {
    ByteCursor in(side, offset, {}, out);
    skip_bytes(in, unseen);
  } else if (unseen > 0 && side == Side::Response && !over_ && !expected_.empty()) {
    doubt_answers(offset, out);
  }
  if (side == Side::Response) seen_ = offset + unseen;
  feed(side, offset + unseen, tail, out);
}

void NatsParser::finish(Side side, std::uint64_t offset, ParseOutput& out) {
  if (side == Side::Response && !over_ && !done_[1]) forget_errors(offset, out);
  done_[index(side)] = true;
}

void NatsParser::turn(Side side, std::uint64_t /*offset*/, ParseOutput& /*out*/) {
  if (side == Side::Response || !doubtful_) return;
  doubtful_ = false;
  clear_expected();  // all of it has been answered
}

void NatsParser::start_unsynchronised(Side side) {
  lost_[index(side)] = true;
  verbose_ = Verbose::Unknown;
}

// Goes over what comes before the first line that can be nothing else.
bool NatsParser::find_place(ByteCursor& in) {
  const bool response = in.side() == Side::Response;
  const std::size_t before = find_line(in.rest());
  const bool found = before < in.rest().size();
  // Answers may be among what is not read.
  if (response && before > 0 && !expected_.empty()) doubt_answers(in.position(), in.out);
  if (!found) return false;
  // The end of the line before stays in a recording, for the place to be found there, too.
  const std::size_t end = std::min<std::size_t>(before, 2);
  in.hide(before - end);
  in.keep(end);
  lost_[index(in.side())] = false;
  lines(in.side()) = {};
  // Answers to requests that nobody saw come before those of this one.
  if (!response && read_[0]) doubt_answers(answers_end(), in.out);
  return true;
}

void NatsParser::expect(Wait wait, ParseOutput& out) {
  expected_.push_back(wait);
  if (wait == Wait::Pong) ++pings_;
  if (expected_.size() <= kMostDoubts || begun_ || doubtful_ || done_[1]) return;
  if (answers_end() == seen_ && expected_.front() == Wait::Error) no_answer(seen_, out);
  if (expected_.size() <= kMostExpected) return;
  doubt_answers(answers_end(), out);
  clear_expected();
}

void NatsParser::pop_expected() {
  if (expected_.front() == Wait::Pong) --pings_;
  expected_.pop_front();
}

void NatsParser::clear_expected() {
  expected_.clear();
  pings_ = 0;
}

// Where what was read of answers ends.
std::uint64_t NatsParser::answers_end() const {
  const Lines& answers = lines_[1];
  const bool inside = answers.state != Lines::State::Begin && !lost_[1];
  return inside ? answers.begin : seen_;
}

// Nothing that comes before the next turn of requests is taken for an answer.
void NatsParser::doubt_answers(std::uint64_t offset, ParseOutput& out) {
  if (doubtful_ || done_[1]) return;
  doubtful_ = true;
  begun_ = false;
  out.tell(Kind::Lost, Side::Response, offset);
}

void NatsParser::no_answer(std::uint64_t offset, ParseOutput& out) {
  out.tell(Kind::NoAnswer, Side::Response, offset);
  pop_expected();
}

// What waited for an error did not get one.
void NatsParser::forget_errors(std::uint64_t offset, ParseOutput& out) {
  while (!begun_ && !doubtful_ && !expected_.empty() && expected_.front() == Wait::Error)
    no_answer(offset, out);
}

void NatsParser::begin_answer(std::uint64_t offset, const ResponseHead& head, ParseOutput& out) {
  begun_ = true;
  out.tell(Kind::ResponseBegin, Side::Response, offset);
  out.tell(Kind::ResponseHead, Side::Response, offset).response = head;
}

void NatsParser::end_answer(std::uint64_t offset, ParseOutput& out) {
  out.tell(Kind::ResponseEnd, Side::Response, offset).end_rule = EndRule::Framing;
  begun_ = false;
  if (!expected_.empty()) pop_expected();
}

void NatsParser::on_ok(ByteCursor& in) {
  const std::uint64_t begin = lines(Side::Response).begin;
  if (verbose_ == Verbose::Unknown) {
    // What was taken for one-way is being answered.
    verbose_ = Verbose::Yes;
    doubt_answers(begin, in.out);
  }
  if (doubtful_) return;
  forget_errors(begin, in.out);
  if (!expected_.empty() && expected_.front() != Wait::Ok) return;
  if (!begun_) begin_answer(begin, {}, in.out);
  end_answer(in.position(), in.out);
}

void NatsParser::on_pong(ByteCursor& in) {
  const std::uint64_t begin = lines(Side::Response).begin;
  if (doubtful_) return;
  if (begun_ && expected_.front() != Wait::Pong) end_answer(begin, in.out);
  while (pings_ > 0 && expected_.front() != Wait::Pong) {
    // Whoever got no +OK is not verbose.
    if (expected_.front() == Wait::Ok) verbose_ = Verbose::No;
    no_answer(begin, in.out);
  }
  if (!begun_) begin_answer(begin, {}, in.out);
  end_answer(in.position(), in.out);
}

void NatsParser::on_error(ByteCursor& in) {
  const Lines& h = lines(Side::Response);
  if (doubtful_) return;
  const Error* error = find_error(h.error.view());
  const bool fatal = error == nullptr || error->fatal;
  if (!fatal) forget_errors(h.begin, in.out);
  const bool waits_for_pong = !expected_.empty() && expected_.front() == Wait::Pong;
  if (!begun_) begin_answer(h.begin, head_of_error(error), in.out);
  // A PONG follows, for it is about something that was said before PING; and a +OK after this one.
  const bool more = waits_for_pong || (error != nullptr && error->before_ok && !expected_.empty());
  if (fatal || !more) end_answer(in.position(), in.out);
}

void NatsParser::lose(Side side, std::uint64_t offset, ParseOutput& out) {
  lost_[index(side)] = true;
  lines(side).state = Lines::State::Begin;
  lines(side).begun = false;
  // Where nothing waits, only what is pushed was lost.
  if (side == Side::Request || expected_.empty() || doubtful_) {
    out.tell(Kind::Lost, side, offset);
  } else {
    doubt_answers(offset, out);
  }
}

}  // namespace nats

namespace {

std::unique_ptr<Parser> make_nats() {
  return std::make_unique<nats::NatsParser>();
}

}  // namespace

const ParserSpec kNats{.name = "nats",
                       .family = ProtocolFamily::Messaging,
                       .detect = detect_nats,
                       .make = make_nats,
                       .server_speaks_first = true,
                       .finds_its_place = true,
                       .framed_signature = "CONNECT {"};

}  // namespace tailwhy
