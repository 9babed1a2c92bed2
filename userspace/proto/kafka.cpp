#include "proto/kafka.h"

#include "proto/frames.h"
#include "proto/wire.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace tailwhy {
namespace {

constexpr std::size_t kSizeField = 4;
// After the size: api_key, api_version, correlation_id; then the length of the client's name.
constexpr std::size_t kRequestHead = 8;
constexpr std::size_t kRequestDetect = kSizeField + kRequestHead + 2;
constexpr std::uint64_t kMostFrame = 1U << 30U;
constexpr std::uint16_t kMostVersion = 30;

// By api_key.
constexpr std::array<std::string_view, 93> kApis = {
    "Produce",
    "Fetch",
    "ListOffsets",
    "Metadata",
    "LeaderAndIsr",
    "StopReplica",
    "UpdateMetadata",
    "ControlledShutdown",
    "OffsetCommit",
    "OffsetFetch",
    "FindCoordinator",
    "JoinGroup",
    "Heartbeat",
    "LeaveGroup",
    "SyncGroup",
    "DescribeGroups",
    "ListGroups",
    "SaslHandshake",
    "ApiVersions",
    "CreateTopics",
    "DeleteTopics",
    "DeleteRecords",
    "InitProducerId",
    "OffsetForLeaderEpoch",
    "AddPartitionsToTxn",
    "AddOffsetsToTxn",
    "EndTxn",
    "WriteTxnMarkers",
    "TxnOffsetCommit",
    "DescribeAcls",
    "CreateAcls",
    "DeleteAcls",
    "DescribeConfigs",
    "AlterConfigs",
    "AlterReplicaLogDirs",
    "DescribeLogDirs",
    "SaslAuthenticate",
    "CreatePartitions",
    "CreateDelegationToken",
    "RenewDelegationToken",
    "ExpireDelegationToken",
    "DescribeDelegationToken",
    "DeleteGroups",
    "ElectLeaders",
    "IncrementalAlterConfigs",
    "AlterPartitionReassignments",
    "ListPartitionReassignments",
    "OffsetDelete",
    "DescribeClientQuotas",
    "AlterClientQuotas",
    "DescribeUserScramCredentials",
    "AlterUserScramCredentials",
    "Vote",
    "BeginQuorumEpoch",
    "EndQuorumEpoch",
    "DescribeQuorum",
    "AlterPartition",
    "UpdateFeatures",
    "Envelope",
    "FetchSnapshot",
    "DescribeCluster",
    "DescribeProducers",
    "BrokerRegistration",
    "BrokerHeartbeat",
    "UnregisterBroker",
    "DescribeTransactions",
    "ListTransactions",
    "AllocateProducerIds",
    "ConsumerGroupHeartbeat",
    "ConsumerGroupDescribe",
    "ControllerRegistration",
    "GetTelemetrySubscriptions",
    "PushTelemetry",
    "AssignReplicasToDirs",
    "ListConfigResources",
    "DescribeTopicPartitions",
    "ShareGroupHeartbeat",
    "ShareGroupDescribe",
    "ShareFetch",
    "ShareAcknowledge",
    "AddRaftVoter",
    "RemoveRaftVoter",
    "UpdateRaftVoter",
    "InitializeShareGroupState",
    "ReadShareGroupState",
    "WriteShareGroupState",
    "DeleteShareGroupState",
    "ReadShareGroupStateSummary",
    "StreamsGroupHeartbeat",
    "StreamsGroupDescribe",
    "DescribeShareGroupOffsets",
    "AlterShareGroupOffsets",
    "DeleteShareGroupOffsets",
};

constexpr std::uint16_t kProduce = 0;

bool waits(std::uint16_t api) {
  return api == 1 || api == 11 || api == 14 ||
         api == 78;  // Fetch, JoinGroup, SyncGroup, ShareFetch
}

std::optional<std::uint64_t> frame_size(std::span<const std::byte> header) {
  const std::uint64_t body = wire::be32(header, 0);
  if (body < kSizeField || body > kMostFrame) return std::nullopt;
  return kSizeField + body;
}

// Names that are looked past to find what Produce asks for; longer ones are not.
constexpr std::size_t kNames = 600;
constexpr FrameSpec kRequests{
    .header_size = kSizeField, .prefix_size = kRequestHead + kNames, .frame_size = frame_size};
constexpr FrameSpec kResponses{
    .header_size = kSizeField, .prefix_size = kSizeField, .frame_size = frame_size};

// The first fields of a request's body, one after the other. A field that does not end in the bytes
// that are known, or cannot be, is the last.
class Fields {
 public:
  explicit Fields(std::span<const std::byte> bytes) : bytes_(bytes) {}

  [[nodiscard]] std::optional<std::uint16_t> int16() {
    if (bytes_.size() - at_ < 2) {
      at_ = bytes_.size();
      return std::nullopt;
    }
    at_ += 2;
    return wire::be16(bytes_, at_ - 2);
  }
  [[nodiscard]] std::optional<std::uint32_t> varint() {
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift < 35 && at_ < bytes_.size(); shift += 7) {
      const std::uint8_t byte = wire::u8(bytes_, at_++);
      value |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }
  // A text of `size` bytes: where it is, as far as it is known. False: it goes on, or has no size.
  [[nodiscard]] bool text(std::optional<std::uint32_t> size, std::vector<SecretSpan>* spans) {
    if (!size) return false;
    const std::size_t there = std::min<std::size_t>(*size, bytes_.size() - at_);
    if (spans != nullptr && there > 0) spans->push_back({at_, there});
    at_ += there;
    return there == *size;
  }
  [[nodiscard]] std::size_t at() const { return at_; }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

// Lengths of nullable texts, as sizes.
std::optional<std::uint32_t> old_size(std::optional<std::uint16_t> length) {
  if (!length) return std::nullopt;
  return *length == 0xffff ? 0 : *length;
}
std::optional<std::uint32_t> compact_size(std::optional<std::uint32_t> length) {
  if (!length) return std::nullopt;
  return *length == 0 ? 0 : *length - 1;
}

// The acks field of Produce, whose value 0 asks for no answer; tells the names before it to
// `names`. Nothing: not known, because it lies beyond the bytes that are.
std::optional<std::uint16_t> acks_of(std::span<const std::byte> frame,
                                     std::vector<SecretSpan>* names,
                                     std::size_t& end) {
  constexpr std::uint16_t kWithTransactions = 3, kFlexible = 9;
  if (frame.size() < kSizeField + kRequestHead) return std::nullopt;
  const std::uint16_t version = wire::be16(frame, kSizeField + 2);
  Fields fields(frame);
  (void)fields.text(kSizeField + kRequestHead, nullptr);
  const auto read = [&]() -> std::optional<std::uint16_t> {
    if (!fields.text(old_size(fields.int16()), names)) return std::nullopt;
    if (version >= kFlexible) {
      if (fields.varint() != 0) return std::nullopt;  // no tags in any known header
      if (!fields.text(compact_size(fields.varint()), names)) return std::nullopt;
    } else if (version >= kWithTransactions) {
      if (!fields.text(old_size(fields.int16()), names)) return std::nullopt;
    }
    return fields.int16();
  };
  const auto acks = read();
  end = fields.at();
  return acks;
}

// A stream id of a correlation id, which may be any 32 bits.
std::uint64_t stream_of(std::span<const std::byte> bytes, std::size_t at) {
  return std::uint64_t{1} << 32 | wire::be32(bytes, at);
}

class KafkaParser final : public Parser, private FrameHandler {
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

  FrameReader& reader(Side side) { return side == Side::Request ? requests_ : responses_; }
  std::uint64_t& current(Side side) { return current_[side == Side::Response]; }

  Message& emit(Kind kind, Side side, std::uint64_t offset, ParseOutput& out) {
    return out.tell(kind, side, offset, current(side));
  }

  bool on_frame(Side side, const Frame& frame, ParseOutput& out) override {
    begin_[side == Side::Response] = frame.begin;
    current(side) = 0;
    const std::size_t head = side == Side::Request ? kRequestHead : kSizeField;
    if (frame.bytes.size() < kSizeField + head) return frame.cut;  // told, but not by name
    if (side == Side::Response) {
      current(side) = stream_of(frame.bytes, kSizeField);
      emit(Kind::ResponseBegin, side, frame.begin, out);
      // Its error, if it is one, is in the body.
      emit(Kind::ResponseHead, side, frame.begin, out).response.verdict =
          ResponseHead::Verdict::Unknown;
      return true;
    }
    const std::uint16_t api = wire::be16(frame.bytes, kSizeField);
    const std::uint16_t version = wire::be16(frame.bytes, kSizeField + 2);
    if (version > kMostVersion || (api >= kApis.size() && api < 1000) || api >= 1100) {
      return refuse(side, frame.begin, out);
    }
    std::size_t end = 0;
    const auto acks = api == kProduce ? acks_of(frame.bytes, nullptr, end) : 1;
    // Whether it will be answered is not known.
    if (!acks && frame.cut) return true;
    current(side) = stream_of(frame.bytes, kSizeField + 4);
    emit(Kind::RequestBegin, side, frame.begin, out);
    RequestHead& request = emit(Kind::RequestHead, side, frame.begin, out).request;
    request.method.assign(api < kApis.size() ? kApis[api] : "_OTHER");
    request.open_ended = waits(api);
    request.one_way = acks == 0;
    proven_ = true;
    return true;
  }

  void on_frame_end(Side side, std::uint64_t offset, ParseOutput& out) override {
    if (current(side) == 0) return;
    Message& end =
        emit(side == Side::Request ? Kind::RequestEnd : Kind::ResponseEnd, side, offset, out);
    end.end_rule = EndRule::Framing;
    end.size = offset - begin_[side == Side::Response];
    current(side) = 0;
  }

  void on_lost(Side side, std::uint64_t offset, ParseOutput& out) override {
    current(side) = 0;
    if (!mistaken_) emit(Kind::Lost, side, offset, out);
  }

  void find_secrets(Side side,
                    std::span<const std::byte> known,
                    std::vector<SecretSpan>& secrets) const override {
    std::size_t end = kSizeField + (side == Side::Request ? kRequestHead : kSizeField);
    if (known.size() < end) return;
    if (side == Side::Request && wire::be16(known, kSizeField) == kProduce) {
      (void)acks_of(known, &secrets, end);
    }
    if (known.size() > end) secrets.push_back({end, known.size() - end});
  }

  // Before the first request it was only a guess that this is Kafka.
  bool refuse(Side side, std::uint64_t offset, ParseOutput& out) {
    if (!proven_) {
      mistaken_ = true;
      emit(Kind::Mistaken, side, offset, out);
    }
    return false;
  }

  FrameReader requests_{Side::Request, kRequests, *this};
  FrameReader responses_{Side::Response, kResponses, *this};
  std::array<std::uint64_t, 2> begin_{};    // of each side's frame
  std::array<std::uint64_t, 2> current_{};  // its stream; 0: not known
  bool proven_ = false;
  bool mistaken_ = false;
};

// A request of a known API whose client has a printable name. Without a name only ApiVersions, with
// which connections begin.
Confidence detect(Side side, std::span<const std::byte> bytes) {
  if (side == Side::Response) return Confidence::No;
  if (bytes.size() < kRequestDetect) {
    // A size below 16 MiB begins with 0, as hardly any text does.
    return bytes.empty() || bytes[0] == std::byte{0} ? Confidence::NeedMore : Confidence::No;
  }
  const std::uint64_t size = wire::be32(bytes, 0);
  const std::uint16_t api = wire::be16(bytes, kSizeField);
  const std::uint16_t version = wire::be16(bytes, kSizeField + 2);
  const std::uint16_t name_size = wire::be16(bytes, kSizeField + kRequestHead);
  constexpr std::uint16_t kNone = 0xffff, kApiVersions = 18;
  if (size > kMostFrame || api >= kApis.size() || version > kMostVersion) return Confidence::No;
  if (name_size == kNone) return api == kApiVersions ? Confidence::Yes : Confidence::No;
  if (name_size == 0 || name_size > 255 || kRequestHead + 2 + name_size > size)
    return Confidence::No;
  const auto name = bytes.subspan(kRequestDetect);
  const auto seen = name.first(std::min<std::size_t>(name.size(), name_size));
  return std::all_of(seen.begin(), seen.end(), wire::is_printable) ? Confidence::Yes
                                                                   : Confidence::No;
}

std::unique_ptr<Parser> make() {
  return std::make_unique<KafkaParser>();
}

}  // namespace

const ParserSpec kKafka{
    .name = "kafka", .family = ProtocolFamily::Messaging, .detect = detect, .make = make};

}  // namespace tailwhy
