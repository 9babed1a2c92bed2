// What each parser costs, of what peers say and of what they should not: nanoseconds a byte of its
// recorded conversations, and the worst of bytes made to hurt, at two lengths. What takes longer a
// byte the longer it is fed is not linear.
//
//   tw_bench_parsers [NAME...]
//
// The conversations are the seeds of the fuzz targets (TW_CORPUS). CPU time, the best of the
// rounds.
#include "fuzz/parser_script.h"
#include "proto/parser.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <malloc.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace tailwhy;
using test::Call;

constexpr std::size_t kShort = std::size_t{32} << 10;
constexpr std::size_t kLong = std::size_t{512} << 10;
constexpr int kRounds = 3;
// Between the two lengths; more says that something is looked at again and again.
constexpr double kMostGrowth = 2.0;

double cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Without blocks of less than a kilobyte that are used again.
std::size_t heap_bytes() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

struct Seed {
  std::string name;
  std::vector<Call> calls;
};

// A fuzz target's seeds have the name of its parser's file.
std::string_view folder_of(std::string_view protocol) {
  if (protocol == "http") return "http1";
  return protocol == "postgresql" ? "postgres" : protocol;
}

std::vector<Seed> seeds_of(std::string_view protocol) {
  std::vector<Seed> seeds;
  std::error_code error;
  const std::filesystem::path dir = std::filesystem::path(TW_CORPUS) / folder_of(protocol);
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const std::span input(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    seeds.push_back({entry.path().filename().string(), test::read_script(input)});
  }
  std::sort(seeds.begin(), seeds.end(),
            [](const Seed& a, const Seed& b) { return a.name < b.name; });
  return seeds;
}

// One connection, as the flow layer feeds its parser.
class Feeder {
 public:
  explicit Feeder(const ParserSpec& spec) : parser_(spec.make()) {}

  // False: no more bytes would be fed.
  bool feed(Side side, std::string_view bytes) {
    std::uint64_t& at = offsets_[side == Side::Response];
    parser_->feed(side, at, std::as_bytes(std::span(bytes.data(), bytes.size())), out_);
    at += bytes.size();
    fed_ += bytes.size();
    return take();
  }
  bool make(const Call& call) {
    std::uint64_t& at = offsets_[call.side == Side::Response];
    switch (call.kind) {
      case Call::Kind::Feed:
        return feed(call.side, call.bytes);
      case Call::Kind::Skip:
        parser_->skip(call.side, at, call.size, {}, out_);
        at += call.size;
        break;
      case Call::Kind::Finish:
        parser_->finish(call.side, at, out_);
        break;
      case Call::Kind::Turn:
        parser_->turn(call.side, at, out_);
        break;
      case Call::Kind::Unsynchronised:
        break;  // only before anything is fed
    }
    return take();
  }
  // What is left allocated is the parser's.
  void forget_output() { out_ = {}; }
  [[nodiscard]] std::size_t fed() const { return fed_; }
  [[nodiscard]] std::size_t requests() const { return requests_; }

 private:
  bool take() {
    bool goes_on = true;
    for (const Message& message : out_.messages) {
      requests_ += message.kind == Message::Kind::RequestEnd ? 1 : 0;
      goes_on = goes_on && message.kind != Message::Kind::Switch &&
                message.kind != Message::Kind::Mistaken && message.kind != Message::Kind::Tunnel;
    }
    out_.clear();
    return goes_on;
  }

  std::unique_ptr<Parser> parser_;
  ParseOutput out_;
  std::array<std::uint64_t, 2> offsets_{};
  std::size_t fed_ = 0;
  std::size_t requests_ = 0;
};

void measure_conversations(const ParserSpec& spec, const std::vector<Seed>& seeds) {
  double best = 0;
  std::size_t bytes = 0, requests = 0;
  for (int round = 0; round < 200; ++round) {
    bytes = requests = 0;
    double took = 0;
    for (const Seed& seed : seeds) {
      Feeder feeder(spec);
      const double begin = cpu_ns();
      for (const Call& call : seed.calls) {
        if (!feeder.make(call)) break;
      }
      took += cpu_ns() - begin;
      bytes += feeder.fed();
      requests += feeder.requests();
    }
    best = round == 0 ? took : std::min(best, took);
  }
  fmt::print(
      "{:<10} {:>3} conversations {:>7} bytes {:>4} requests {:7.2f} ns/byte {:7.0f} ns/request\n",
      spec.name, seeds.size(), bytes, requests, best / static_cast<double>(bytes),
      best / static_cast<double>(std::max<std::size_t>(requests, 1)));
}

struct Cost {
  double ns_per_byte = 0;
  std::size_t kept = 0;  // bytes of memory, afterwards
};

// What a peer might send for as long as it likes: what it said, or the beginning of it and then the
// same byte. It is cut into pieces of `piece` bytes.
struct Attack {
  const Seed* seed;
  Side side;
  std::size_t kept;  // of the seed's bytes, before the filling
  int fill;          // -1: the seed again and again
  std::size_t piece;
};

std::string describe(const Attack& attack) {
  const std::string what =
      attack.fill < 0 ? "again and again"
                      : fmt::format("{} bytes of it, then 0x{:02x}", attack.kept, attack.fill);
  return fmt::format("{} of '{}', {}, {} at once",
                     attack.side == Side::Request ? "requests" : "responses", attack.seed->name,
                     what, attack.piece);
}

std::string said(const Seed& seed, Side side) {
  std::string bytes;
  for (const Call& call : seed.calls) {
    if (call.side == side && call.kind == Call::Kind::Feed) bytes += call.bytes;
  }
  return bytes;
}

Cost cost_of(const ParserSpec& spec, const Attack& attack, std::size_t size) {
  const std::string own = said(*attack.seed, attack.side);
  std::string bytes = attack.fill < 0 ? std::string() : own.substr(0, attack.kept);
  while (attack.fill < 0 && bytes.size() < size)
    bytes += own;
  bytes.resize(size, static_cast<char>(std::max(attack.fill, 0)));
  Cost cost;
  for (int round = 0; round < kRounds; ++round) {
    const std::size_t heap = heap_bytes();
    Feeder feeder(spec);
    // What the other side said first is part of what it can be brought to.
    if (attack.side == Side::Response)
      feeder.feed(Side::Request, said(*attack.seed, Side::Request));
    const std::size_t before = feeder.fed();
    const double begin = cpu_ns();
    for (std::size_t at = 0; at < bytes.size(); at += attack.piece) {
      if (!feeder.feed(attack.side, std::string_view(bytes).substr(at, attack.piece))) break;
    }
    const double took = cpu_ns() - begin;
    const std::size_t fed = feeder.fed() - before;
    if (fed < size) return {};  // the flow layer stops asking
    const double per_byte = took / static_cast<double>(fed);
    cost.ns_per_byte = round == 0 ? per_byte : std::min(cost.ns_per_byte, per_byte);
    feeder.forget_output();
    cost.kept = std::max(cost.kept, heap_bytes() - std::min(heap_bytes(), heap));
  }
  return cost;
}

// True: as linear as can be measured.
bool measure_attacks(const ParserSpec& spec, const std::vector<Seed>& seeds) {
  double worst_ns = 0, worst_growth = 0;
  std::size_t most_kept = 0;
  std::string slowest, grows, keeps;
  const auto look = [&](const Attack& attack) {
    const Cost few = cost_of(spec, attack, kShort);
    Cost many = cost_of(spec, attack, kLong);
    if (many.ns_per_byte == 0) return;
    // Other work on the machine only ever adds: what looks bad is looked at again.
    for (int again = 0; again < 3 && many.ns_per_byte > few.ns_per_byte * kMostGrowth; ++again)
      many.ns_per_byte = std::min(many.ns_per_byte, cost_of(spec, attack, kLong).ns_per_byte);
    const double growth = many.ns_per_byte / few.ns_per_byte;
    if (many.ns_per_byte > worst_ns) slowest = describe(attack);
    worst_ns = std::max(worst_ns, many.ns_per_byte);
    if (growth > worst_growth) grows = describe(attack);
    worst_growth = std::max(worst_growth, growth);
    if (many.kept > most_kept) keeps = describe(attack);
    most_kept = std::max(most_kept, many.kept);
  };
  for (const Seed& seed : seeds) {
    for (const Side side : {Side::Request, Side::Response}) {
      const std::size_t size = said(seed, side).size();
      if (size == 0) continue;
      for (const std::size_t piece : {std::size_t{1}, std::size_t{16384}}) {
        look({&seed, side, size, -1, piece});
        for (const int fill : {0x00, 0xff, int{'A'}, int{'1'}, int{'\n'}, int{' '}})
          look({&seed, side, size / 2 + 1, fill, piece});
      }
    }
  }
  const bool linear = worst_growth <= kMostGrowth;
  fmt::print("           worst {:7.2f} ns/byte: {}\n", worst_ns, slowest);
  fmt::print("           {} times as long: {:.2f} times the ns/byte{}\n", kLong / kShort,
             worst_growth, linear ? "" : ": " + grows);
  fmt::print("           keeps {} bytes at most{}\n", most_kept, most_kept > 0 ? ": " + keeps : "");
  return linear;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> only(argv + 1, argv + argc);
  bool linear = true;
  for (const ParserSpec* spec : parser_specs()) {
    if (!only.empty() && std::find(only.begin(), only.end(), spec->name) == only.end()) continue;
    const std::vector<Seed> seeds = seeds_of(spec->name);
    if (seeds.empty()) {
      fmt::print("{:<10} no conversations\n", spec->name);
      continue;
    }
    measure_conversations(*spec, seeds);
    linear = measure_attacks(*spec, seeds) && linear;
  }
  return linear ? 0 : 1;
}
