// Conversations in any protocol and what its parser must say about them, and the ways in which each
// of them is fed: whole, in pieces, with holes, and as a recording would hold it. A '|' in the
// bytes is not sent: it marks a place, and "@2" in an expected line is the stream offset of the
// third mark of that side. '\v' stands for a '|' that is sent.
#pragma once

#include "fuzz/parser_script.h"
#include "parser_driver.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace tailwhy::test {

struct Golden {
  std::string name;
  std::vector<Turn> turns;
  std::vector<Side> closes;  // sides that end after the last turn
  Lines expected;
};

// Takes the marks out of the bytes and puts their offsets into the expected lines.
inline Golden resolve(Golden golden) {
  std::array<std::vector<std::size_t>, 2> marks;
  std::array<std::size_t, 2> offsets{};
  for (auto& [side, bytes] : golden.turns) {
    std::string plain;
    for (const char c : bytes) {
      if (c == '|') {
        marks[side == Side::Response].push_back(offsets[side == Side::Response] + plain.size());
      } else {
        plain += c == '\v' ? '|' : c;
      }
    }
    bytes = plain;
    offsets[side == Side::Response] += plain.size();
  }
  for (std::string& line : golden.expected) {
    const std::size_t at = line.find('@');
    if (at == std::string::npos) continue;
    std::size_t digits = 0;
    const std::size_t mark = std::stoul(line.substr(at + 1), &digits);
    const auto& of_side = marks[!line.starts_with("request")];
    line.replace(at, digits + 1, std::to_string(of_side.at(mark)));
  }
  return golden;
}

inline std::vector<Golden> resolve_all(std::vector<Golden> all) {
  for (Golden& golden : all)
    golden = resolve(golden);
  return all;
}

inline void close_sides(ParserDriver& driver, const Golden& golden) {
  for (const Side side : golden.closes)
    driver.finish(side);
}

inline void feed_whole(ParserDriver& driver, const Golden& golden) {
  for (const Turn& turn : golden.turns)
    driver.turn(turn.side).feed(turn.side, turn.bytes);
  close_sides(driver, golden);
}

/// What the parser says of it whole, and of what a recording would hold.
inline void check_whole(const ParserSpec& spec, const Golden& golden) {
  INFO(golden.name);
  ParserDriver driver(spec);
  feed_whole(driver, golden);
  CHECK(driver.take() == golden.expected);
  ParserDriver recording(spec, true);
  feed_whole(recording, golden);
  CHECK(recording.log() == golden.expected);
  CHECK(recording.spans_inside());
  ParserDriver replay(spec);
  std::array<std::size_t, 2> at{};
  for (const auto& [side, bytes] : golden.turns) {
    std::size_t& from = at[side == Side::Response];
    replay.turn(side).feed(side,
                           std::string_view(recording.masked(side)).substr(from, bytes.size()));
    from += bytes.size();
  }
  close_sides(replay, golden);
  INFO(recording.masked(Side::Request) + recording.masked(Side::Response));
  CHECK(replay.log() == golden.expected);
}

/// Cut in two at every place, and into single bytes.
inline void check_splits(const ParserSpec& spec, const Golden& golden) {
  INFO(golden.name);
  for (std::size_t which = 0; which < golden.turns.size(); ++which) {
    for (std::size_t cut = 1; cut < golden.turns[which].bytes.size(); ++cut) {
      ParserDriver driver(spec);
      for (std::size_t i = 0; i < golden.turns.size(); ++i) {
        const auto& [side, bytes] = golden.turns[i];
        const std::string_view text(bytes);
        driver.turn(side);
        if (i == which) {
          driver.feed(side, text.substr(0, cut)).feed(side, text.substr(cut));
        } else {
          driver.feed(side, text);
        }
      }
      close_sides(driver, golden);
      INFO("turn " << which << " cut at " << cut);
      REQUIRE(driver.log() == golden.expected);
    }
  }
  ParserDriver bytewise(spec, true);
  for (const auto& [side, bytes] : golden.turns) {
    bytewise.turn(side);
    for (const char& c : bytes)
      bytewise.feed(side, {&c, 1});
  }
  close_sides(bytewise, golden);
  CHECK(bytewise.log() == golden.expected);
}

/// With a hole of every size at every place: until the hole nothing changes, and after it a plain
/// exchange is read as if nothing had been.
inline void check_gaps(const ParserSpec& spec, const Golden& golden, const Golden& plain) {
  INFO(golden.name);
  for (std::size_t which = 0; which < golden.turns.size(); ++which) {
    const std::string_view bytes(golden.turns[which].bytes);
    for (std::size_t from = 0; from < bytes.size(); ++from) {
      for (std::size_t size = 1; size <= bytes.size() - from; ++size) {
        INFO("turn " << which << " from " << from << " size " << size);
        ParserDriver driver(spec);
        Lines before;
        for (std::size_t i = 0; i < golden.turns.size(); ++i) {
          const Turn& turn = golden.turns[i];
          driver.turn(turn.side);
          if (i != which) {
            driver.feed(turn.side, turn.bytes);
            continue;
          }
          driver.feed(turn.side, bytes.substr(0, from));
          before = driver.log();
          const std::string_view seen = bytes.substr(from + size);
          driver.skip(turn.side, size).feed(turn.side, seen);
        }
        // whoever has not seen enough to be sure may give up: others are asked then
        if (!driver.log().empty() && driver.log().back().find("mistaken") != std::string::npos) {
          continue;
        }
        REQUIRE(before.size() <= driver.log().size());
        REQUIRE(std::equal(before.begin(), before.end(), golden.expected.begin()));
        // what is asked twice is answered as the first time
        for (int again = 0; again < 2; ++again) {
          driver.take();
          const std::uint64_t asked = driver.offset(Side::Request);
          const std::uint64_t answered = driver.offset(Side::Response);
          driver.request(plain.turns[0].bytes);
          driver.response(plain.turns[1].bytes);
          if (again == 0) continue;
          Lines expected;
          for (std::string line : plain.expected) {
            const std::size_t at = line.find_first_of("0123456789");
            if (at != std::string::npos && line.find("head") == std::string::npos) {
              std::size_t digits = 0;
              const std::uint64_t offset = std::stoull(line.substr(at), &digits) +
                                           (line.starts_with("request") ? asked : answered);
              line.replace(at, digits, std::to_string(offset));
            }
            expected.push_back(line);
          }
          CHECK(driver.take() == expected);
        }
      }
    }
  }
}

inline std::vector<Call> calls_of(const Golden& golden) {
  std::vector<Call> calls;
  for (const auto& [side, bytes] : golden.turns) {
    calls.push_back({Call::Kind::Turn, side, {}, 0});
    calls.push_back({Call::Kind::Feed, side, bytes, 0});
  }
  for (const Side side : golden.closes)
    calls.push_back({Call::Kind::Finish, side, {}, 0});
  return calls;
}

/// Writes goldens, and each with a hole in its last turn, as seeds of a fuzz target.
inline void write_corpus(const std::vector<Golden>& goldens) {
  const char* directory = std::getenv("TW_CORPUS_DIR");  // NOLINT(concurrency-mt-unsafe)
  REQUIRE(directory != nullptr);
  const auto write = [&](std::string name, const std::vector<Call>& calls) {
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == ' ' || c == '/' || c == '.'; }, '_');
    std::ofstream(std::string(directory) + "/" + name, std::ios::binary) << write_script(calls);
  };
  for (const Golden& golden : goldens) {
    std::vector<Call> calls = calls_of(golden);
    write(golden.name, calls);
    const Side last = golden.turns.back().side;
    calls.insert(calls.end() - 1, {Call::Kind::Skip, last, "\r\n", 20});
    for (const Call& call : calls_of(goldens.front()))
      calls.push_back(call);
    write(golden.name + " with a hole", calls);
  }
}

}  // namespace tailwhy::test
