#include "proto/mongodb.h"

#include "proto/frames.h"
#include "proto/mongodb_read.h"
#include "proto/wire.h"

#include <algorithm>
#include <array>
#include <deque>

namespace tailwhy {
namespace mongodb {
namespace {

constexpr std::size_t kPrefix = 1024;
constexpr std::uint32_t kMostMessage = 64U << 20U;  // servers take 48 MB

bool is_request(std::uint32_t opcode) {
  return opcode == kMessage || opcode == kCompressed ||
         (opcode >= kUpdate && opcode <= kKillCursors && opcode != 2003);
}
bool is_answer(std::uint32_t opcode) {
  return opcode == kMessage || opcode == kCompressed || opcode == kReply;
}

template <bool (*is)(std::uint32_t)>
std::optional<std::uint64_t> message_size(std::span<const std::byte> header) {
  const std::uint32_t size = wire::le32(header, 0);
  const bool fits = size > kHeader && size <= kMostMessage;
  return fits && is(wire::le32(header, kHeader - 4)) ? std::optional<std::uint64_t>(size)
                                                     : std::nullopt;
}

constexpr FrameSpec kRequests{
    .header_size = kHeader, .prefix_size = kPrefix, .frame_size = message_size<is_request>};
constexpr FrameSpec kAnswers{
    .header_size = kHeader, .prefix_size = kPrefix, .frame_size = message_size<is_answer>};

// A stream id of a message's id, which may be any 32 bits.
std::uint64_t stream_of(std::span<const std::byte> header, std::size_t at) {
  return std::uint64_t{1} << 32 | wire::le32(header, at);
}
constexpr std::size_t kId = 4, kAnswersTo = 8, kOpcode = 12;

class MongoDbParser final : public Parser, private FrameHandler {
 public:
  void feed(Side side,
            std::uint64_t offset,
            std::span<const std::byte> bytes,
            ParseOutput& out) override {
    if (mistaken_) return out.hide_all(bytes.size());
    reader(side).feed(offset, bytes, out);
  }
  void skip(Side side,
            std::uint64_t offset,
            std::uint64_t size,
            std::span<const std::byte> /*tail*/,
            ParseOutput& out) override {
    if (!mistaken_) reader(side).skip(offset, size, out);
  }
  void finish(Side side, std::uint64_t /*offset*/, ParseOutput& /*out*/) override {
    reader(side).finish();
  }
  void turn(Side side, std::uint64_t offset, ParseOutput& /*out*/) override {
    reader(side).turn(offset);
  }
  void start_unsynchronised(Side /*side*/) override {}

 private:
  using Kind = Message::Kind;

  // What was asked and not answered, in order.
  struct Waiting {
    std::uint64_t stream = 0;
    bool compressed = false;  // whether it will be answered is not known
  };
  static constexpr std::size_t kMostWaiting = 256;

  FrameReader& reader(Side side) { return side == Side::Request ? requests_ : answers_; }

  bool on_frame(Side side, const Frame& frame, ParseOutput& out) override {
    if (side == Side::Response) {
      on_answer(frame, out);
      return true;
    }
    asking_ = 0;
    asked_from_ = frame.begin;
    const Asked asked = read_request(frame.bytes, nullptr);
    proven_ = proven_ || asked.one_way.has_value();
    if (!asked.one_way) return true;  // told, but not by name
    asking_ = stream_of(frame.bytes, kId);
    out.tell(Kind::RequestBegin, side, frame.begin, asking_);
    RequestHead& head = out.tell(Kind::RequestHead, side, frame.begin, asking_).request;
    head.method.assign(asked.command);
    head.route = asked.collection;
    head.one_way = *asked.one_way;
    head.open_ended = asked.open_ended;
    if (head.one_way) return true;
    if (waiting_.size() == kMostWaiting) waiting_.pop_front();
    waiting_.push_back({asking_, wire::le32(frame.bytes, kOpcode) == kCompressed});
    return true;
  }

  void on_answer(const Frame& frame, ParseOutput& out) {
    const std::uint64_t answers = stream_of(frame.bytes, kAnswersTo);
    const bool goes_on = more_of_ != 0 && (answers == more_after_ || answers == more_of_);
    answered_from_ = frame.begin;
    answering_ = goes_on ? more_of_ : answers;
    if (!goes_on) {
      answer_size_ = 0;
      end_waiting(answering_, frame.begin, out);
      out.tell(Kind::ResponseBegin, Side::Response, frame.begin, answering_);
    }
    const Told told = read_answer(frame.bytes, nullptr);
    ResponseHead& head =
        out.tell(Kind::ResponseHead, Side::Response, frame.begin, answering_).response;
    head.verdict = told.verdict;
    head.status_text = told.status;
    if (!goes_on && told.more_to_come) give_up_stream(frame.begin, out);
    if (told.more_to_come) {
      more_of_ = answering_;
      more_after_ = stream_of(frame.bytes, kId);
    } else if (goes_on) {
      more_of_ = 0;
    }
    more_to_come_ = told.more_to_come;
  }

  // A server answers in order: what was compressed before what is answered now wanted no answer.
  void end_waiting(std::uint64_t stream, std::uint64_t offset, ParseOutput& out) {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                    [stream](const Waiting& w) { return w.stream == stream; });
    if (found == waiting_.end()) return;
    for (auto before = waiting_.begin(); before != found; ++before) {
      if (before->compressed && before->stream != more_of_)
        out.tell(Kind::NoAnswer, Side::Response, offset, before->stream);
    }
    waiting_.erase(waiting_.begin(), found + 1);
  }

  void give_up_stream(std::uint64_t offset, ParseOutput& out) {
    if (more_of_ != 0) out.tell(Kind::Abandoned, Side::Response, offset, more_of_);
    more_of_ = 0;
  }

  void on_frame_end(Side side, std::uint64_t offset, ParseOutput& out) override {
    if (side == Side::Request) {
      if (asking_ == 0) return;
      Message& end = out.tell(Kind::RequestEnd, side, offset, asking_);
      end.end_rule = EndRule::Framing;
      end.size = offset - asked_from_;
      return;
    }
    answer_size_ += offset - answered_from_;
    if (more_to_come_) return;
    Message& end = out.tell(Kind::ResponseEnd, side, offset, answering_);
    end.end_rule = EndRule::Framing;
    end.size = answer_size_;
  }

  void on_lost(Side side, std::uint64_t offset, ParseOutput& out) override {
    if (side == Side::Response) give_up_stream(offset, out);
    mistaken_ = !proven_;
    out.tell(proven_ ? Kind::Lost : Kind::Mistaken, side, offset);
  }

  void find_secrets(Side side,
                    std::span<const std::byte> known,
                    std::vector<SecretSpan>& secrets) const override {
    if (known.size() <= kHeader) return;
    std::vector<SecretSpan> shown;
    if (side == Side::Request) {
      (void)read_request(known, &shown);
    } else {
      (void)read_answer(known, &shown);
    }
    std::size_t at = 0;
    for (const SecretSpan& span : shown) {
      if (at < span.offset) secrets.push_back({at, span.offset - at});
      at = span.offset + span.size;
    }
    if (at < known.size()) secrets.push_back({at, known.size() - at});
  }

  FrameReader requests_{Side::Request, kRequests, *this};
  FrameReader answers_{Side::Response, kAnswers, *this};
  std::deque<Waiting> waiting_;
  std::uint64_t asking_ = 0;  // stream of the request that is read; 0: not told
  std::uint64_t asked_from_ = 0;
  std::uint64_t answering_ = 0;  // stream of the answer that is read
  std::uint64_t answered_from_ = 0;
  std::uint64_t answer_size_ = 0;  // of its messages before this one
  std::uint64_t more_of_ = 0;      // stream whose answer goes on; 0: none
  std::uint64_t more_after_ = 0;   // stream id of its last message
  bool more_to_come_ = false;      // after the answer that is read
  bool proven_ = false;
  bool mistaken_ = false;
};

// A header whose length and opcode fit what follows it.
Confidence detect(Side side, std::span<const std::byte> bytes) {
  if (side == Side::Response) return Confidence::No;
  if (bytes.size() < kHeader) {
    // A length below 16 MiB ends with a 0, as no text does.
    const bool fits = bytes.size() < 4 || wire::u8(bytes, 3) <= kMostMessage >> 24U;
    const bool text =
        bytes.size() > 1 && std::all_of(bytes.begin(), bytes.end(), wire::is_printable);
    return fits && !text ? Confidence::NeedMore : Confidence::No;
  }
  const std::uint32_t size = wire::le32(bytes, 0);
  const std::uint32_t opcode = wire::le32(bytes, kOpcode);
  constexpr std::size_t kFlags = 4, kShortest = kHeader + kFlags + 6;
  if (size < kShortest || size > kMostMessage) return Confidence::No;
  if (opcode != kMessage && opcode != kQuery && opcode != kCompressed) return Confidence::No;
  if (bytes.size() < kShortest) return Confidence::NeedMore;
  const std::uint32_t first =
      wire::le32(bytes, kHeader);  // flags, or the opcode that is compressed
  const auto yes = [](bool it_is) { return it_is ? Confidence::Yes : Confidence::No; };
  const Bytes rest = bytes.subspan(kHeader + kFlags);
  if (opcode == kCompressed) return yes(is_request(first) && wire::u8(rest, 4) < 4);
  if (opcode == kQuery) return yes(first < 0x100 && wire::is_printable(rest[0]));
  if ((first & kMustBeKnown & ~(kChecksum | kMoreToCome)) != 0 || wire::u8(rest, 0) > 1)
    return Confidence::No;
  const std::uint32_t section = wire::le32(rest, 1);
  if (section > size - kHeader - kFlags - 1) return Confidence::No;
  if (wire::u8(rest, 0) == 1) return yes(wire::is_printable(rest[5]));
  constexpr std::size_t kName = 6;  // of the first element
  return yes(rest.size() <= kName || wire::is_printable(rest[kName]));
}

std::unique_ptr<Parser> make() {
  return std::make_unique<MongoDbParser>();
}

}  // namespace
}  // namespace mongodb

const ParserSpec kMongoDb{.name = "mongodb",
                          .family = ProtocolFamily::Database,
                          .detect = mongodb::detect,
                          .make = mongodb::make};

}  // namespace tailwhy
