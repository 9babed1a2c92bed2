// Durations, sizes, units and splitting.
#include "base/text.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace tailwhy;

namespace {

constexpr std::uint64_t kMax63 = std::numeric_limits<std::int64_t>::max();

Ns duration(std::string_view text) {
  return parse_duration(text).value();
}
std::uint64_t size(std::string_view text) {
  return parse_size(text).value();
}

using Views = std::vector<std::string_view>;

}  // namespace

TEST_CASE("text: durations are read exactly", "[base][text]") {
  CHECK(duration("10") == 10 * kNsPerSec);
  CHECK(duration("10s") == 10 * kNsPerSec);
  CHECK(duration("0") == 0);
  CHECK(duration("2m") == 120 * kNsPerSec);
  CHECK(duration("2min") == 120 * kNsPerSec);
  CHECK(duration("100ms") == 100'000'000);
  CHECK(duration("250us") == 250'000);
  CHECK(duration("250µs") == 250'000);
  CHECK(duration("250μs") == 250'000);
  CHECK(duration("7ns") == 7);
  CHECK(duration("1.5s") == 1'500'000'000);
  CHECK(duration("0.1") == 100'000'000);
  CHECK(duration("1.000000001s") == 1'000'000'001);
  CHECK(duration("0.1234567890000000000000000000000s") == 123'456'789);
  CHECK(duration("1.5h") == 5400 * kNsPerSec);
  CHECK(duration("1d") == 86400 * kNsPerSec);
  CHECK(duration("0.0000125m") == 750'000);
  CHECK(duration("9223372036854775807ns") == kMax63);
}

TEST_CASE("text: nonsense is not a duration", "[base][text]") {
  for (const char* text : {"",    " ",     "s",    "ms",  ".",   ".5",  "1.",     "1.s",
                           "-1",  "+1",    "1 s",  " 1",  "1s ", "1e3", "0x10",   "1.5.2s",
                           "10S", "10sec", "1,5s", "nan", "inf", "1ks", "1\xC2s", "1m30s"}) {
    INFO(text);
    const auto parsed = parse_duration(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code() == ErrorCode::Usage);
    CHECK_FALSE(parsed.error().hint().empty());
  }
  CHECK_FALSE(parse_duration(std::string_view("1\0s", 3)));
}

TEST_CASE("text: a duration that does not fit or is no whole nanosecond is refused",
          "[base][text]") {
  for (const char* text : {"9223372036854775808ns", "9223372037s", "106752d", "2562048h",
                           "99999999999999999999999999999999999999999999999999s"}) {
    INFO(text);
    const auto parsed = parse_duration(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message().find("too long") != std::string::npos);
  }
  for (const char* text : {"0.5ns", "1.0001us", "0.0000000001s", "0.00000000000000000000001d"}) {
    INFO(text);
    const auto parsed = parse_duration(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message().find("finer than 1 ns") != std::string::npos);
  }
}

TEST_CASE("text: an error about a hostile argument is safe to print", "[base][text]") {
  const auto parsed = parse_duration("\x1b[2J\xff" + std::string(1000, 'x'));
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().message().find('\x1b') == std::string::npos);
  CHECK(parsed.error().message().size() < 120);
}

TEST_CASE("text: sizes follow coreutils' letters", "[base][text]") {
  CHECK(size("0") == 0);
  CHECK(size("4096") == 4096);
  CHECK(size("4096B") == 4096);
  CHECK(size("64K") == 65536);
  CHECK(size("64k") == 65536);
  CHECK(size("64KiB") == 65536);
  CHECK(size("64kb") == 64000);
  CHECK(size("1MiB") == 1048576);
  CHECK(size("1MB") == 1000000);
  CHECK(size("1.5M") == 1572864);
  CHECK(size("1.25K") == 1280);
  CHECK(size("2G") == 2147483648);
  CHECK(size("1T") == 1099511627776);
  CHECK(size("1.1G") == 1181116006);
  CHECK(size("9223372036854775807") == kMax63);
  CHECK(size("8388607T") == 8388607ULL << 40);
}

TEST_CASE("text: nonsense is not a size", "[base][text]") {
  for (const char* text :
       {"", "K", "-1", "1 K", "1KK", "1P", "1.K", "0x10", "1e6", "1KiBs", "８"}) {
    INFO(text);
    CHECK_FALSE(parse_size(text));
  }
  for (const char* text : {"9223372036854775808", "8388608T", "99999999999999999999K"}) {
    INFO(text);
    const auto parsed = parse_size(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message().find("too large") != std::string::npos);
  }
}

TEST_CASE("text: whole numbers only", "[base][text]") {
  CHECK(parse_number<int>("12") == 12);
  CHECK(parse_number<int>("-3") == -3);
  CHECK(parse_number<std::uint16_t>("65535") == 65535);
  CHECK_FALSE(parse_number<std::uint16_t>("65536"));
  CHECK_FALSE(parse_number<unsigned>("-3"));
  CHECK_FALSE(parse_number<int>(""));
  CHECK_FALSE(parse_number<int>("12x"));
  CHECK_FALSE(parse_number<int>(" 12"));
}

TEST_CASE("text: durations show three significant digits", "[base][text]") {
  CHECK(format_duration_ns(0) == "0 ns");
  CHECK(format_duration_ns(999) == "999 ns");
  CHECK(format_duration_ns(1000) == "1.00 µs");
  CHECK(format_duration_ns(45'600) == "45.6 µs");
  CHECK(format_duration_ns(45'600, Charset::Ascii) == "45.6 us");
  CHECK(format_duration_ns(1'234'567) == "1.23 ms");
  CHECK(format_duration_ns(1'235'000) == "1.24 ms");
  CHECK(format_duration_ns(9'994'999) == "9.99 ms");
  CHECK(format_duration_ns(9'995'000) == "10.0 ms");
  CHECK(format_duration_ns(99'950'000) == "100 ms");
  CHECK(format_duration_ns(999'499'999) == "999 ms");
  CHECK(format_duration_ns(999'500'000) == "1.00 s");
  CHECK(format_duration_ns(12'345'678'901) == "12.3 s");
  CHECK(format_duration_ns(1000 * kNsPerSec) == "16.7 min");
  CHECK(format_duration_ns(3 * 86400 * kNsPerSec) == "72.0 h");
  CHECK(format_duration_ns(std::numeric_limits<Ns>::max()) == "5124096 h");
}

TEST_CASE("text: a shown duration is within half a digit of the true one", "[base][text]") {
  std::mt19937_64 random(2);
  for (int i = 0; i < 20000; ++i) {
    const Ns ns = random() >> (random() % 63 + 1);
    const std::string shown = format_duration_ns(ns, Charset::Ascii);
    const auto [number, unit] = split_first(shown, ' ');
    const double factor = unit == "ns"    ? 1
                          : unit == "us"  ? 1e3
                          : unit == "ms"  ? 1e6
                          : unit == "s"   ? 1e9
                          : unit == "min" ? 60e9
                                          : 3600e9;
    const double back = std::stod(std::string(number)) * factor;
    INFO(ns << " " << shown);
    CHECK(std::abs(back - static_cast<double>(ns)) <= static_cast<double>(ns) * 0.00501);
    CHECK((number.size() <= 4 || unit == "h"));
  }
}

TEST_CASE("text: bytes in IEC units, counts short and long", "[base][text]") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1024) == "1.00 KiB");
  CHECK(format_bytes(1536) == "1.50 KiB");
  CHECK(format_bytes(64 << 20) == "64.0 MiB");
  CHECK(format_bytes(1'047'500) == "1023 KiB");
  CHECK(format_bytes(1'048'064) == "1.00 MiB");
  CHECK(format_bytes(std::numeric_limits<std::uint64_t>::max()) == "16384 PiB");
  CHECK(format_count(12345) == "12345");
  CHECK(format_count_short(0) == "0");
  CHECK(format_count_short(999) == "999");
  CHECK(format_count_short(1234) == "1.23k");
  CHECK(format_count_short(99'950) == "100k");
  CHECK(format_count_short(999'500) == "1.00M");
  CHECK(format_count_short(1'234'567) == "1.23M");
  CHECK(format_count_short(std::numeric_limits<std::uint64_t>::max()) == "18446744T");
}

TEST_CASE("text: splitting keeps empty parts, words do not", "[base][text]") {
  CHECK(split("a,b,,c", ',') == Views{"a", "b", "", "c"});
  CHECK(split("", ',') == Views{""});
  CHECK(split(",", ',') == Views{"", ""});
  CHECK(split_words("  a \t bc\nd ") == Views{"a", "bc", "d"});
  CHECK(split_words(" \t ").empty());
  CHECK(split_first("key=a=b", '=') == std::pair<std::string_view, std::string_view>("key", "a=b"));
  CHECK(split_first("key", '=') == std::pair<std::string_view, std::string_view>("key", ""));
  CHECK(trim(" \t a b\r\n") == "a b");
  CHECK(trim(" ").empty());
  CHECK(trim("").empty());
}
