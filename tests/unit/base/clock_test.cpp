// Clocks: the bracketed offset and RFC 3339, held against libc's calendar.
#include "base/clock.h"

#include <catch2/catch.hpp>

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace tailwhy;

namespace {

std::string rfc3339(Ns ns) {
  std::string text(kRfc3339Size, '#');
  const char* end = format_rfc3339(ns, text.data());
  CHECK(end == text.data() + text.size());
  return text;
}

std::string libc_rfc3339(Ns ns) {
  const auto seconds = static_cast<std::time_t>(ns / kNsPerSec);
  std::tm tm{};
  REQUIRE(::gmtime_r(&seconds, &tm) != nullptr);
  char date[32];
  REQUIRE(std::strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) > 0);
  char text[64];
  (void)std::snprintf(text, sizeof(text), "%s.%09uZ", date, static_cast<unsigned>(ns % kNsPerSec));
  return text;
}

// Clocks that return scripted values, one a call.
struct Script {
  std::vector<Ns> values;
  std::size_t next = 0;
  Ns operator()() { return values.at(next++); }
};

}  // namespace

TEST_CASE("clock: monotonic time does not go back and wall time is in this century",
          "[base][clock]") {
  const Ns a = mono_now();
  const Ns b = mono_now();
  CHECK(b >= a);
  CHECK(real_now() > Ns{1'700'000'000} * kNsPerSec);
}

TEST_CASE("clock: the tightest bracket gives the offset and its uncertainty", "[base][clock]") {
  Script mono{{1000, 9000, 2000, 2011, 3000, 3400}};
  Script real{{500'000, 502'005, 503'399}};
  const ClockOffset offset = sample_clock_offset([&] { return mono(); }, [&] { return real(); }, 3);
  CHECK(offset.realtime_minus_mono_ns == 500'000);  // 502005 - (2000 + 5)
  CHECK(offset.uncertainty_ns == 6);
  CHECK(mono.next == 6);
}

TEST_CASE("clock: the true offset lies within the uncertainty wherever in the bracket it was read",
          "[base][clock]") {
  for (Ns width : {Ns{0}, Ns{1}, Ns{2}, Ns{7}, Ns{100}}) {
    for (Ns at = 0; at <= width; ++at) {
      const std::int64_t truth = 77'000;
      Script mono{{5000, 5000 + width}};
      Script real{{5000 + at + static_cast<Ns>(truth)}};
      const ClockOffset offset =
          sample_clock_offset([&] { return mono(); }, [&] { return real(); }, 1);
      const std::int64_t wrong_by = offset.realtime_minus_mono_ns - truth;
      CHECK(static_cast<std::uint64_t>(wrong_by < 0 ? -wrong_by : wrong_by) <=
            offset.uncertainty_ns);
    }
  }
}

TEST_CASE("clock: the system's offset turns monotonic stamps into wall time", "[base][clock]") {
  const ClockOffset offset = sample_clock_offset();
  CHECK(offset.uncertainty_ns < kNsPerSec);
  const Ns before = real_now();
  const Ns converted = offset.to_real(mono_now());
  const Ns after = real_now();
  const Ns slack = offset.uncertainty_ns + 1'000'000;  // NTP may slew in between
  CHECK(converted + slack >= before);
  CHECK(converted <= after + slack);
}

TEST_CASE("clock: a wall clock behind the monotonic one works and never wraps", "[base][clock]") {
  const ClockOffset behind{-1000, 0};
  CHECK(behind.to_real(5000) == 4000);
  CHECK(behind.to_real(1000) == 0);
  CHECK(behind.to_real(999) == 0);
}

TEST_CASE("clock: RFC 3339 with nine digits and Z", "[base][clock]") {
  CHECK(rfc3339(0) == "1970-01-01T00:00:00.000000000Z");
  CHECK(rfc3339(Ns{951'782'400} * kNsPerSec + 1) == "2000-02-29T00:00:00.000000001Z");
  CHECK(rfc3339(Ns{1'789'389'296} * kNsPerSec + 123'456'789) == "2026-09-14T12:34:56.123456789Z");
  CHECK(rfc3339(Ns{4'107'542'399} * kNsPerSec + 999'999'999) == "2100-02-28T23:59:59.999999999Z");
  CHECK(rfc3339(Ns{4'107'542'400} * kNsPerSec) == "2100-03-01T00:00:00.000000000Z");
  CHECK(rfc3339(std::numeric_limits<Ns>::max()) == "2554-07-21T23:34:33.709551615Z");
}

TEST_CASE("clock: RFC 3339 equals libc on every day and at random times", "[base][clock]") {
  std::size_t different = 0;
  for (Ns day = 0; day < 213'000; ++day) {
    const Ns ns = day * 86400 * kNsPerSec;
    char text[kRfc3339Size];
    format_rfc3339(ns, text);
    if (std::string(text, sizeof(text)) != libc_rfc3339(ns)) ++different;
  }
  CHECK(different == 0);
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    const Ns ns = random();
    CHECK(rfc3339(ns) == libc_rfc3339(ns));
  }
}
