// Reading the clocks and writing RFC 3339 without tables of time zones or locales.
// Must not know why somebody wants the time.
#include "base/clock.h"

#include <ctime>

namespace tailwhy {
namespace {

Ns read_clock(clockid_t id) noexcept {
  timespec ts{};
  ::clock_gettime(id, &ts);
  return static_cast<Ns>(ts.tv_sec) * kNsPerSec + static_cast<Ns>(ts.tv_nsec);
}

// Two digits at a time: half the divisions, and each by a constant.
char* put_pair(char* out, std::uint32_t below_100) noexcept {
  out[0] = static_cast<char>('0' + below_100 / 10);
  out[1] = static_cast<char>('0' + below_100 % 10);
  return out + 2;
}

char* put_nanos(char* out, std::uint32_t nanos) noexcept {
  *out++ = static_cast<char>('0' + nanos / 100'000'000);
  out = put_pair(out, nanos / 1'000'000 % 100);
  out = put_pair(out, nanos / 10'000 % 100);
  out = put_pair(out, nanos / 100 % 100);
  return put_pair(out, nanos % 100);
}

struct Date {
  std::uint32_t year;
  std::uint32_t month;
  std::uint32_t day;
};

// Days since 1970 to the proleptic Gregorian calendar: years begin in March so that the leap day
// is the last one (the algorithm of Howard Hinnant's "chrono-compatible low-level date
// algorithms").
Date civil_from_days(std::uint32_t days_since_1970) noexcept {
  const std::uint32_t days = days_since_1970 + 719468;  // since 0000-03-01
  const std::uint32_t era = days / 146097;
  const std::uint32_t day_of_era = days % 146097;
  const std::uint32_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::uint32_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::uint32_t month_from_march = (5 * day_of_year + 2) / 153;
  const std::uint32_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const std::uint32_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

}  // namespace

Ns mono_now() noexcept {
  return read_clock(CLOCK_MONOTONIC);
}

Ns real_now() noexcept {
  return read_clock(CLOCK_REALTIME);
}

ClockOffset sample_clock_offset() {
  return sample_clock_offset(mono_now, real_now);
}

char* format_rfc3339(Ns real_ns, char* out) noexcept {
  constexpr std::uint32_t kSecPerDay = 86400;
  const Ns seconds = real_ns / kNsPerSec;
  const auto nanos = static_cast<std::uint32_t>(real_ns % kNsPerSec);
  const auto second_of_day = static_cast<std::uint32_t>(seconds % kSecPerDay);
  const Date date = civil_from_days(static_cast<std::uint32_t>(seconds / kSecPerDay));
  out = put_pair(out, date.year / 100);
  out = put_pair(out, date.year % 100);
  *out++ = '-';
  out = put_pair(out, date.month);
  *out++ = '-';
  out = put_pair(out, date.day);
  *out++ = 'T';
  out = put_pair(out, second_of_day / 3600);
  *out++ = ':';
  out = put_pair(out, second_of_day / 60 % 60);
  *out++ = ':';
  out = put_pair(out, second_of_day % 60);
  *out++ = '.';
  out = put_nanos(out, nanos);
  *out++ = 'Z';
  return out;
}

}  // namespace tailwhy
