#include "proto/websocket.h"

#include "proto/frames.h"
#include "proto/websocket_frame.h"

#include <array>
#include <memory>
#include <utility>

namespace tailwhy {
namespace {

using websocket::Header;
using websocket::Opcode;
using Kind = Message::Kind;

// What a side that lost its place takes for a frame must not be longer: it may be none, and would
// hide all that follows.
constexpr std::uint64_t kMostDoubtful = 64 * 1024;

class WebSocketParser final : public Parser, private FrameHandler {
 public:
  void feed(Side side,
            std::uint64_t offset,
            std::span<const std::byte> bytes,
            ParseOutput& out) override {
    if (mistaken_) return out.hide_all(bytes.size());
    Half& h = half(side);
    // What was not captured is the end of a call, and frames seldom begin in the middle of one.
    if (h.skipped && h.reader.lost()) h.reader.jump(offset);
    h.skipped = false;
    h.reader.feed(offset, bytes, out);
  }
  void skip(Side side,
            std::uint64_t offset,
            std::uint64_t size,
            std::span<const std::byte> /*tail*/,
            ParseOutput& out) override {
    if (mistaken_) return;
    half(side).skipped = true;
    skipping_ = true;
    half(side).reader.skip(offset, size, out);
    skipping_ = false;
  }
  void finish(Side side, std::uint64_t offset, ParseOutput& out) override {
    half(side).reader.finish();
    if (side == Side::Response && (halves_[0].closed || halves_[1].closed)) {
      end(offset, EndRule::Close, out);
    }
  }
  void turn(Side side, std::uint64_t offset, ParseOutput& /*out*/) override {
    Half& h = half(side);
    if (!std::exchange(h.doubtful, false)) return;
    h.reader.jump(offset);  // out of what may be no frame
    h.bytes = 0;
  }
  void start_unsynchronised(Side /*side*/) override { met_ = Met::InTheMiddle; }

 private:
  // How much of an exchange there is to tell of.
  enum class Met : std::uint8_t {
    AtItsBeginning,  // HTTP told it
    InTheMiddle,     // nobody did
    Asked,           // this parser told what there is of the request
    Answered,        // and that there is an answer: the guess was right
  };
  struct Half {
    FrameReader reader;
    Header header{};          // of the frame that is being read
    std::uint64_t bytes = 0;  // of the message that is being read, so far
    std::uint16_t code = 0;   // of the Close frame that is being read
    bool closed = false;      // its Close frame was read
    bool doubtful = false;    // its place was lost in this turn
    bool skipped = false;     // the last bytes were not captured
  };

  Half& half(Side side) { return halves_[side == Side::Response]; }

  bool on_frame(Side side, const Frame& frame, ParseOutput& out) override {
    Half& h = half(side);
    if (h.doubtful && frame.end - frame.begin > kMostDoubtful) return false;
    if (met_ != Met::AtItsBeginning && !introduce(side, frame, out)) return false;
    h.header = websocket::read_header(frame.bytes);
    const bool tells = h.header.opcode == Opcode::Close && !frame.cut;
    h.code = tells ? websocket::close_code(frame.bytes) : 0;
    return true;
  }

  // False: a server that speaks of what nobody asked for.
  bool introduce(Side side, const Frame& frame, ParseOutput& out) {
    if (side == Side::Request && met_ == Met::InTheMiddle) {
      met_ = Met::Asked;
      out.tell(Kind::RequestBegin, side, frame.begin);
      RequestHead& head = out.tell(Kind::RequestHead, side, frame.begin).request;
      head.open_ended = true;
      head.carries_messages = true;
      out.tell(Kind::RequestEnd, side, frame.begin + frame.bytes.size()).end_rule =
          EndRule::Framing;
    } else if (side == Side::Response && met_ == Met::Asked) {
      met_ = Met::Answered;
      out.tell(Kind::ResponseBegin, side, frame.begin);
    }
    return met_ != Met::InTheMiddle;
  }

  void on_frame_end(Side side, std::uint64_t offset, ParseOutput& out) override {
    Half& h = half(side);
    if (over_ || h.closed) return;  // nothing may follow
    const Opcode opcode = h.header.opcode;
    if (opcode == Opcode::Close) {
      h.closed = true;
      ProgressHead& progress = out.tell(Kind::Progress, side, offset).progress;
      progress.closes = true;
      progress.close_code = h.code;
      if (half(Side::Request).closed && half(Side::Response).closed) {
        end(side == Side::Response ? offset : closed_at_, EndRule::Framing, out);
      }
      closed_at_ = offset;
    } else if (opcode <= Opcode::Binary) {
      h.bytes += h.header.payload;
      if (!h.header.last) return;
      Message& message = out.tell(Kind::Progress, side, offset);
      message.size = std::exchange(h.bytes, 0);
      message.progress.messages = 1;
    }
  }

  void end(std::uint64_t offset, EndRule rule, ParseOutput& out) {
    if (met_ == Met::InTheMiddle || met_ == Met::Asked) return;
    if (std::exchange(over_, true)) return;
    out.tell(Kind::ResponseEnd, Side::Response, offset).end_rule = rule;
  }

  void on_lost(Side side, std::uint64_t offset, ParseOutput& out) override {
    half(side).doubtful = true;
    half(side).bytes = 0;
    // Of bytes that were not captured nobody can say that they are no web socket's.
    const bool guess = met_ == Met::InTheMiddle || met_ == Met::Asked;
    mistaken_ = guess && !skipping_;
    out.tell(mistaken_ ? Kind::Mistaken : Kind::Lost, side, offset);
  }

  void find_secrets(Side /*side*/,
                    std::span<const std::byte> known,
                    std::vector<SecretSpan>& secrets) const override {
    websocket::find_secrets(known, secrets);
  }

  std::array<Half, 2> halves_{Half{.reader = {Side::Request, websocket::kFromClient, *this}},
                              Half{.reader = {Side::Response, websocket::kFromServer, *this}}};
  std::uint64_t closed_at_ = 0;  // of the side that closed first: the end of its Close frame
  Met met_ = Met::AtItsBeginning;
  bool over_ = false;  // the exchange has ended
  bool skipping_ = false;
  bool mistaken_ = false;
};

std::unique_ptr<Parser> make() {
  return std::make_unique<WebSocketParser>();
}

}  // namespace

const ParserSpec kWebSocket{.name = "websocket",
                            .family = ProtocolFamily::Http,
                            .detect = websocket::detect,
                            .make = make,
                            .finds_its_place = true};

}  // namespace tailwhy
