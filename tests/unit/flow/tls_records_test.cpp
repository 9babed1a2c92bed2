// Which bytes of the wire a piece of plaintext came in.
#include "flow/tls_records.h"

#include <catch2/catch.hpp>

#include <string>
#include <utility>

using namespace tailwhy;

namespace {

constexpr std::uint64_t kTag = 17;  // of TLS 1.3

std::string record(std::size_t plaintext, char type = 23, std::size_t overhead = kTag) {
  const std::size_t size = plaintext + overhead;
  std::string made{type, 3, 3, static_cast<char>(size >> 8), static_cast<char>(size & 0xff)};
  return made + std::string(size, '\x17');
}

class Wire {
 public:
  Wire& feed(const std::string& bytes) {
    out.clear();
    out.want_secrets = true;
    records.feed(end, std::as_bytes(std::span(bytes)), out);
    end += bytes.size();
    return *this;
  }
  Wire& skip(std::size_t size) {
    records.skip(end, size);
    end += size;
    return *this;
  }
  std::pair<std::uint64_t, std::uint64_t> take(std::uint64_t size) {
    const auto range = records.take(size, end);
    return range ? std::pair(range->begin, range->end) : std::pair<std::uint64_t, std::uint64_t>();
  }

  TlsRecords records;
  ParseOutput out;
  std::uint64_t end = 0;
};

using Range = std::pair<std::uint64_t, std::uint64_t>;

}  // namespace

TEST_CASE("tls records: each piece of plaintext has its record, however they come", "[tls]") {
  const std::string bytes = record(100) + record(30) + record(100);
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    Wire wire;
    wire.feed(bytes.substr(0, cut)).feed(bytes.substr(cut));
    CHECK(wire.take(100) == Range{0, 122});
    CHECK(wire.take(30) == Range{122, 174});
    CHECK(wire.take(100) == Range{174, 296});
    CHECK(wire.take(1) == Range{0, 0});
  }
}

TEST_CASE("tls records: a record that is read in pieces is one", "[tls]") {
  Wire wire;
  wire.feed(record(100) + record(1000) + record(50));
  CHECK(wire.take(100) == Range{0, 122});
  CHECK(wire.take(600) == Range{122, 1144});
  CHECK(wire.take(400) == Range{122, 1144});
  CHECK(wire.take(50) == Range{1144, 1216});
}

TEST_CASE("tls records: what holds no plaintext is gone over", "[tls]") {
  Wire wire;
  wire.feed(record(1, 20) + record(36) + record(2, 22) + record(90));  // and a Finished of 1.3
  const std::uint64_t begin = 23 + 58 + 24;
  CHECK(wire.take(90) == Range{begin, begin + 112});
}

TEST_CASE("tls records: a record that has not come whole gave nothing", "[tls]") {
  Wire wire;
  wire.feed(record(100).substr(0, 50));
  CHECK(wire.take(100) == Range{0, 0});
}

TEST_CASE("tls records: bodies that were not captured lose nothing, headers the place", "[tls]") {
  Wire wire;
  wire.feed(record(5000).substr(0, 100)).skip(5022 - 100).feed(record(70));
  CHECK(wire.take(5000) == Range{0, 5022});
  CHECK(wire.take(70) == Range{5022, 5114});
  wire.skip(10).feed(record(70));
  CHECK(wire.take(70) == Range{0, 0});
  wire.records.turn();
  const std::uint64_t begin = wire.end;
  wire.feed(record(70));
  CHECK(wire.take(70) == Range{begin, begin + 92});
}

TEST_CASE("tls records: what is none is never taken for one, and memory is bounded", "[tls]") {
  Wire wire;
  wire.feed("GET / HTTP/1.1\r\n");
  CHECK(wire.take(10) == Range{0, 0});
  Wire many;
  for (int i = 0; i < 1000; ++i)
    many.feed(record(10));
  CHECK(many.take(10) == Range{936 * 32, 937 * 32});  // the oldest of the last 64
}

TEST_CASE("tls records: a recording keeps headers only", "[tls]") {
  Wire wire;
  wire.feed(record(10) + record(20));
  REQUIRE(wire.out.secrets.size() == 2);
  CHECK(wire.out.secrets[0].offset == 5);
  CHECK(wire.out.secrets[0].size == 27);
  CHECK(wire.out.secrets[1].offset == 37);
  CHECK(wire.out.secrets[1].size == 37);
}
