#include "proto/amqp_methods.h"

#include "proto/wire.h"

#include <algorithm>
#include <array>
#include <optional>

namespace tailwhy::amqp {
namespace {

constexpr std::size_t kMethod = 4;
constexpr std::size_t kContentHeader = 12;  // class, weight, size of the body
// Arguments that are looked past to find whether an answer is wanted: three names and more.
constexpr std::size_t kArguments = 2 + 3 * 256 + 1;
constexpr std::uint64_t kMostFrame = std::uint64_t{1} << 31;

constexpr ClientMethod ask(std::uint16_t class_id, std::uint16_t method_id, std::string_view name) {
  return {method(class_id, method_id), name, Use::Ask,
          method(class_id, static_cast<std::uint16_t>(method_id + 1))};
}
constexpr ClientMethod other(std::uint16_t class_id,
                             std::uint16_t method_id,
                             std::string_view name,
                             Use use) {
  return {method(class_id, method_id), name, use};
}

// By class and method. connection.update-secret, exchange.bind, basic.nack and confirm.select are
// RabbitMQ's additions.
constexpr std::array<ClientMethod, 37> kMethods = {{
    {method(10, 11), "connection.start-ok", Use::Ask, method(10, 30), method(10, 20)},
    {method(10, 21), "connection.secure-ok", Use::Ask, method(10, 30), method(10, 20)},
    other(10, 31, "connection.tune-ok", Use::OneWay),
    ask(10, 40, "connection.open"),
    ask(10, 50, "connection.close"),
    other(10, 51, "connection.close-ok", Use::Silent),
    ask(10, 70, "connection.update-secret"),
    ask(20, 10, "channel.open"),
    ask(20, 20, "channel.flow"),
    other(20, 21, "channel.flow-ok", Use::Silent),
    ask(20, 40, "channel.close"),
    other(20, 41, "channel.close-ok", Use::Silent),
    ask(30, 10, "access.request"),
    ask(40, 10, "exchange.declare"),
    ask(40, 20, "exchange.delete"),
    ask(40, 30, "exchange.bind"),
    {method(40, 40), "exchange.unbind", Use::Ask, method(40, 51)},
    ask(50, 10, "queue.declare"),
    ask(50, 20, "queue.bind"),
    ask(50, 30, "queue.purge"),
    ask(50, 40, "queue.delete"),
    ask(50, 50, "queue.unbind"),
    ask(60, 10, "basic.qos"),
    ask(60, 20, "basic.consume"),
    ask(60, 30, "basic.cancel"),
    other(60, 31, "basic.cancel-ok", Use::Silent),
    other(60, 40, "basic.publish", Use::Publish),
    {method(60, 70), "basic.get", Use::Ask, kGetOk, kGetEmpty},
    other(60, 80, "basic.ack", Use::Silent),
    other(60, 90, "basic.reject", Use::Silent),
    other(60, 100, "basic.recover-async", Use::OneWay),
    ask(60, 110, "basic.recover"),
    other(60, 120, "basic.nack", Use::Silent),
    ask(85, 10, "confirm.select"),
    ask(90, 10, "tx.select"),
    ask(90, 20, "tx.commit"),
    ask(90, 30, "tx.rollback"),
}};

// Where a method says that it wants no answer: behind a number of 16 bits or none and so many
// names.
struct NoWait {
  std::uint32_t method;
  std::size_t skip;
  unsigned names;
  unsigned bit;
};
constexpr std::array<NoWait, 11> kNoWait = {{
    {method(40, 10), 2, 2, 4},
    {method(40, 20), 2, 1, 1},
    {method(40, 30), 2, 3, 0},
    {method(40, 40), 2, 3, 0},
    {method(50, 10), 2, 1, 4},
    {method(50, 20), 2, 3, 0},
    {method(50, 30), 2, 1, 0},
    {method(50, 40), 2, 1, 2},
    {method(60, 20), 2, 2, 3},
    {method(60, 30), 0, 1, 0},
    {kConfirmSelect, 0, 0, 0},
}};

const NoWait* no_wait_of(std::uint32_t method) {
  const auto* found = std::find_if(kNoWait.begin(), kNoWait.end(),
                                   [method](const NoWait& n) { return n.method == method; });
  return found == kNoWait.end() ? nullptr : found;
}

}  // namespace

bool is_known_class(std::uint16_t id) {
  constexpr std::array<std::uint16_t, 8> kClasses = {10, 20, 30, 40, 50, 60, 85, 90};
  return std::find(kClasses.begin(), kClasses.end(), id) != kClasses.end();
}

namespace {

// A protocol header is a frame without a size.
std::size_t header_of(std::span<const std::byte> known) {
  return known[0] == std::byte{'A'} ? kProtocolHeader.size() : kHeader;
}

std::optional<std::uint64_t> frame_size(std::span<const std::byte> header) {
  const auto type = static_cast<FrameType>(header[0]);
  if (type == FrameType::ProtocolHeader) {
    constexpr std::string_view kName = "AMQP";
    const bool named =
        std::equal(kName.begin(), kName.end(), header.begin(),
                   [](char c, std::byte b) { return static_cast<std::byte>(c) == b; });
    return named ? std::optional<std::uint64_t>(kProtocolHeader.size()) : std::nullopt;
  }
  const std::uint16_t channel = wire::be16(header, 1);
  const std::uint64_t size = wire::be32(header, 3);
  switch (type) {
    case FrameType::Method:
      if (size < kMethod) return std::nullopt;
      break;
    case FrameType::ContentHeader:
      if (size < kContentHeader + 2 || channel == 0) return std::nullopt;
      break;
    case FrameType::ContentBody:
      if (channel == 0) return std::nullopt;
      break;
    case FrameType::Heartbeat:
      if (size != 0 || channel != 0) return std::nullopt;
      break;
    default:
      return std::nullopt;
  }
  if (size > kMostFrame) return std::nullopt;
  return kHeader + size + 1;
}

std::size_t read_of(std::span<const std::byte> header) {
  switch (static_cast<FrameType>(header[0])) {
    case FrameType::Method:
      return kMethod + kArguments;
    case FrameType::ContentHeader:
      return kContentHeader;
    case FrameType::Heartbeat:
      return 1;  // its end
    default:
      return 0;
  }
}

// How many names have ended in the bytes that are known, and what follows them.
struct Names {
  std::size_t at;
  bool whole = true;
};

Names skip_names(std::span<const std::byte> payload,
                 const NoWait& no_wait,
                 std::size_t first,
                 std::size_t end,
                 std::vector<SecretSpan>* secrets) {
  Names names{.at = kMethod + no_wait.skip};
  for (unsigned i = 0; i < no_wait.names; ++i) {
    if (names.at >= end) return {.at = end, .whole = false};
    const std::size_t size = wire::u8(payload, names.at);
    const std::size_t there = std::min(size, end - names.at - 1);
    if (secrets != nullptr && there > 0) secrets->push_back({first + names.at + 1, there});
    if (there < size) return {.at = end, .whole = false};
    names.at += 1 + size;
  }
  return names;
}

// How many bytes of a server's method are read.
std::size_t arguments_of(std::uint32_t method) {
  if (method == kConnectionClose || method == kChannelClose) return 2;
  return method == kAck || method == kNack ? 9 : 0;
}

}  // namespace

constinit const FrameSpec kFrames{
    .header_size = 1, .frame_size = frame_size, .header_of = header_of, .prefix_of = read_of};
constinit const ClientMethod kStart{0, "connection.start", Use::Ask, kConnectionStart};

const ClientMethod* client_method(std::uint32_t method) {
  const auto* found = std::find_if(kMethods.begin(), kMethods.end(),
                                   [method](const ClientMethod& m) { return m.method == method; });
  return found == kMethods.end() ? nullptr : found;
}

View view_of(std::span<const std::byte> bytes) {
  View view;
  view.type = static_cast<FrameType>(bytes[0]);
  if (view.type == FrameType::ProtocolHeader) return view;
  view.channel = wire::be16(bytes, 1);
  view.size = wire::be32(bytes, 3);
  view.payload = bytes.subspan(kHeader);
  if (view.type == FrameType::Method && view.payload.size() >= kMethod) {
    view.method = wire::be32(view.payload, 0);
  }
  return view;
}

bool is_no_wait(const View& frame) {
  const NoWait* no_wait = no_wait_of(frame.method);
  if (no_wait == nullptr) return false;
  const std::size_t end = std::min<std::size_t>(frame.payload.size(), frame.size);
  const Names names = skip_names(frame.payload, *no_wait, 0, end, nullptr);
  if (!names.whole || names.at >= end) return false;
  return (wire::u8(frame.payload, names.at) >> no_wait->bit & 1) != 0;
}

std::string_view reply_word(std::uint16_t code) {
  switch (code) {  // AMQP 0-9-1, 1.2
    case 311:
      return "CONTENT_TOO_LARGE";
    case 312:
      return "NO_ROUTE";
    case 313:
      return "NO_CONSUMERS";
    case 320:
      return "CONNECTION_FORCED";
    case 402:
      return "INVALID_PATH";
    case 403:
      return "ACCESS_REFUSED";
    case 404:
      return "NOT_FOUND";
    case 405:
      return "RESOURCE_LOCKED";
    case 406:
      return "PRECONDITION_FAILED";
    case 501:
      return "FRAME_ERROR";
    case 502:
      return "SYNTAX_ERROR";
    case 503:
      return "COMMAND_INVALID";
    case 504:
      return "CHANNEL_ERROR";
    case 505:
      return "UNEXPECTED_FRAME";
    case 506:
      return "RESOURCE_ERROR";
    case 530:
      return "NOT_ALLOWED";
    case 540:
      return "NOT_IMPLEMENTED";
    case 541:
      return "INTERNAL_ERROR";
    default:
      return "_OTHER";
  }
}

void find_secrets(Side side, std::span<const std::byte> known, std::vector<SecretSpan>& secrets) {
  if (known.size() <= kHeader || known[0] != std::byte{1}) return;
  const View frame = view_of(known);
  if (frame.payload.size() < kMethod) return;
  // The frame's end stays: it is held against what it must be.
  const std::size_t end = std::min<std::size_t>(frame.payload.size(), frame.size);
  std::size_t open = kMethod;
  if (side == Side::Response) {
    open += arguments_of(frame.method);
  } else if (const NoWait* no_wait = no_wait_of(frame.method)) {
    const Names names = skip_names(frame.payload, *no_wait, kHeader, end, &secrets);
    open = names.at + 1;
  }
  if (open < end) secrets.push_back({kHeader + open, end - open});
}

// The header with which a connection begins; in the middle a client's method, with the class that
// its channel must have, or a heartbeat.
Confidence detect(Side side, std::span<const std::byte> bytes) {
  if (side == Side::Response) return Confidence::No;
  if (bytes.empty()) return Confidence::NeedMore;
  const auto type = static_cast<FrameType>(bytes[0]);
  if (type == FrameType::ProtocolHeader) {
    const std::size_t seen = std::min(bytes.size(), kProtocolHeader.size());
    const bool same =
        std::equal(bytes.begin(), bytes.begin() + static_cast<long>(seen), kProtocolHeader.begin(),
                   [](std::byte b, char c) { return static_cast<std::byte>(c) == b; });
    if (!same) return Confidence::No;
    return seen == kProtocolHeader.size() ? Confidence::Yes : Confidence::NeedMore;
  }
  if (type != FrameType::Method && type != FrameType::Heartbeat) return Confidence::No;
  if (bytes.size() < kHeader) return Confidence::NeedMore;
  const auto size = frame_size(bytes.first(kHeader));
  if (!size || *size > (1U << 20U)) return Confidence::No;
  if (*size <= bytes.size() && bytes[static_cast<std::size_t>(*size) - 1] != kFrameEnd)
    return Confidence::No;
  if (type == FrameType::Heartbeat) {
    return *size <= bytes.size() ? Confidence::Yes : Confidence::NeedMore;
  }
  const View frame = view_of(bytes);
  if (frame.payload.size() < kMethod) return Confidence::NeedMore;
  const bool of_connection = frame.method >> 16 == 10;
  return client_method(frame.method) != nullptr && of_connection == (frame.channel == 0)
             ? Confidence::Yes
             : Confidence::No;
}

}  // namespace tailwhy::amqp
