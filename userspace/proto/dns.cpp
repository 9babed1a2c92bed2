#include "proto/dns.h"

#include "proto/dns_message.h"
#include "proto/dns_questions.h"
#include "proto/dns_words.h"
#include "proto/frames.h"
#include "proto/wire.h"

namespace tailwhy {
namespace {

constexpr std::size_t kSizeField = 2;
// Of an answer, what a short one and the end of a small transfer fit into.
constexpr std::size_t kMostAnswer = 1024;

std::optional<std::uint64_t> frame_size(std::span<const std::byte> header) {
  const std::uint64_t size = wire::be16(header, 0);
  return size < dns::kHeader ? std::nullopt : std::optional<std::uint64_t>(kSizeField + size);
}

constexpr FrameSpec kRequests{.header_size = kSizeField,
                              .prefix_size = dns::kHeader + dns::kMostQuestion,
                              .frame_size = frame_size};
constexpr FrameSpec kAnswers{
    .header_size = kSizeField, .prefix_size = dns::kHeader + kMostAnswer, .frame_size = frame_size};

class DnsParser final : public Parser, private FrameHandler {
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
  void finish(Side side, std::uint64_t offset, ParseOutput& out) override {
    if (side == Side::Response && !mistaken_) end_begun(offset, EndRule::Close, out);
    reader(side).finish();
  }
  void turn(Side side, std::uint64_t offset, ParseOutput& out) override {
    reader(side).turn(offset);
    if (side == Side::Request && !answers_.inside() && !mistaken_) {
      end_begun(answered_to_, EndRule::DirectionReversal, out);
    }
  }
  void start_unsynchronised(Side /*side*/) override {}

 private:
  using Kind = Message::Kind;

  FrameReader& reader(Side side) { return side == Side::Request ? requests_ : answers_; }

  bool on_frame(Side side, const Frame& frame, ParseOutput& out) override {
    if (side == Side::Request) {
      asking_ = 0;
    } else {
      answering_ = {};
    }
    const auto message = frame.bytes.subspan(kSizeField);
    if (message.size() < dns::kHeader) return true;  // told, but not by name
    const dns::Header header = dns::read_header(message);
    if (dns::opcode_name(header.opcode).empty()) return refuse(side, frame.begin, out);
    if (side == Side::Response && !header.answer && header.opcode == dns::kStateful) return true;
    if (header.answer != (side == Side::Response)) return refuse(side, frame.begin, out);
    proven_ = true;
    if (side == Side::Request) {
      on_request(header, message, frame, out);
    } else {
      on_answer(header, message, frame, out);
    }
    return true;
  }

  void on_request(const dns::Header& header,
                  std::span<const std::byte> message,
                  const Frame& frame,
                  ParseOutput& out) {
    const auto question = dns::read_question(message);
    const bool one_way = header.opcode == dns::kStateful && header.id == 0;
    asking_ = questions_.ask(header.id, question);
    asked_from_ = frame.begin;
    out.tell(Kind::RequestBegin, Side::Request, frame.begin, asking_);
    if (!question && header.opcode == dns::kQuery && frame.cut) return;
    RequestHead& head = out.tell(Kind::RequestHead, Side::Request, frame.begin, asking_).request;
    if (header.opcode != dns::kQuery) {
      head.method.assign(dns::opcode_name(header.opcode));
    } else {
      head.method.assign(question ? dns::type_name(question->type) : "_OTHER");
    }
    head.one_way = one_way;
  }

  void on_answer(const dns::Header& header,
                 std::span<const std::byte> message,
                 const Frame& frame,
                 ParseOutput& out) {
    const dns::Answer answer = dns::read_answer(message);
    answering_ =
        questions_.answer(header.id, dns::read_question(message), answer, frame.end - frame.begin);
    if (answering_.first) {
      out.tell(Kind::ResponseBegin, Side::Response, frame.begin, answering_.stream);
    } else if (answer.code == 0) {
      return;
    }
    ResponseHead& head =
        out.tell(Kind::ResponseHead, Side::Response, frame.begin, answering_.stream).response;
    head.verdict = ResponseHead::Verdict::Unknown;
    if (!answer.code) return;
    head.verdict = dns::verdict_of(*answer.code);
    head.status_text.assign(dns::code_name(*answer.code));
  }

  void on_frame_end(Side side, std::uint64_t offset, ParseOutput& out) override {
    if (side == Side::Request) {
      if (asking_ == 0) return;
      Message& end = out.tell(Kind::RequestEnd, side, offset, asking_);
      end.end_rule = EndRule::Framing;
      end.size = offset - asked_from_;
      asking_ = 0;
      return;
    }
    answered_to_ = offset;
    if (answering_.stream != 0 && answering_.last) {
      end_answer(answering_.stream, answering_.size, offset, EndRule::Framing, out);
    }
    answering_ = {};
  }

  static void end_answer(std::uint64_t stream,
                         std::uint64_t size,
                         std::uint64_t offset,
                         EndRule rule,
                         ParseOutput& out) {
    Message& end = out.tell(Kind::ResponseEnd, Side::Response, offset, stream);
    end.end_rule = rule;
    end.size = size;
  }

  // Transfers whose end could not be read.
  void end_begun(std::uint64_t offset, EndRule rule, ParseOutput& out) {
    questions_.end_begun([&](std::uint64_t stream, std::uint64_t size) {
      end_answer(stream, size, offset, rule, out);
    });
  }

  void on_lost(Side side, std::uint64_t offset, ParseOutput& out) override {
    if (side == Side::Request) {
      asking_ = 0;
    } else {
      answering_ = {};
      answered_to_ = offset;
    }
    if (!mistaken_) out.tell(Kind::Lost, side, offset);
  }

  void find_secrets(Side /*side*/,
                    std::span<const std::byte> known,
                    std::vector<SecretSpan>& secrets) const override {
    if (known.size() > kSizeField) {
      dns::find_secrets(known.subspan(kSizeField), kSizeField, secrets);
    }
  }

  // Before the first message it was only a guess that this is DNS.
  bool refuse(Side side, std::uint64_t offset, ParseOutput& out) {
    if (!proven_) {
      mistaken_ = true;
      out.tell(Kind::Mistaken, side, offset);
    }
    return false;
  }

  FrameReader requests_{Side::Request, kRequests, *this};
  FrameReader answers_{Side::Response, kAnswers, *this};
  dns::Questions questions_;
  std::uint64_t asking_ = 0;         // stream of the request that is being read; 0: not known
  std::uint64_t asked_from_ = 0;     // where that begins
  dns::Questions::Reply answering_;  // of the answer that is being read; stream 0: not known
  std::uint64_t answered_to_ = 0;    // offset after the last message of the server
  bool proven_ = false;
  bool mistaken_ = false;
};

Confidence detect(Side side, std::span<const std::byte> bytes) {
  if (side == Side::Response) return Confidence::No;
  if (bytes.size() < kSizeField) return Confidence::NeedMore;
  return dns::detect_request(bytes.subspan(kSizeField), wire::be16(bytes, 0));
}

std::unique_ptr<Parser> make() {
  return std::make_unique<DnsParser>();
}

}  // namespace

const ParserSpec kDns{.name = "dns",
                      .family = ProtocolFamily::Dns,
                      .detect = detect,
                      .make = make,
                      .datagrams = &kDnsDatagrams};

}  // namespace tailwhy
