// What must hold of any parser for any conversation: where bytes are cut does not matter, what a
// recording keeps says the same, and after a gap nothing is told that was not said.
#pragma once

#include "parser_driver.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy::test {

/// What a parser says of a conversation that it sees whole.
inline Lines lines_of(const ParserSpec& spec, const std::vector<Turn>& turns) {
  ParserDriver driver(spec);
  for (const auto& [side, bytes] : turns)
    driver.turn(side).feed(side, bytes);
  return driver.take();
}

/// Each turn cut at each of its bytes, and into single bytes, gives the same.
inline void check_every_split(const ParserSpec& spec, const std::vector<Turn>& turns) {
  const Lines whole = lines_of(spec, turns);
  for (std::size_t cut_turn = 0; cut_turn < turns.size(); ++cut_turn) {
    const std::size_t size = turns[cut_turn].bytes.size();
    for (std::size_t cut = 1; cut <= size; ++cut) {
      ParserDriver driver(spec);
      for (std::size_t i = 0; i < turns.size(); ++i) {
        const auto& [side, bytes] = turns[i];
        const std::string_view text = bytes;
        driver.turn(side);
        if (i != cut_turn) {
          driver.feed(side, text);
        } else if (cut < size) {
          driver.feed(side, text.substr(0, cut)).feed(side, text.substr(cut));
        } else {
          for (std::size_t at = 0; at < size; ++at)
            driver.feed(side, text.substr(at, 1));
        }
      }
      if (driver.log() == whole) continue;
      INFO("turn " << cut_turn << " cut at " << cut);
      REQUIRE(driver.log() == whole);
    }
  }
}

/// What a recording keeps has none of `canaries`, and replays to the same, however it came.
inline void check_masked(const ParserSpec& spec,
                         const std::vector<Turn>& turns,
                         const std::vector<std::string>& canaries) {
  const Lines whole = lines_of(spec, turns);
  for (const bool bytewise : {false, true}) {
    ParserDriver driver(spec, true);
    std::vector<Turn> kept;
    for (const auto& [side, bytes] : turns) {
      const std::size_t before = driver.masked(side).size();
      driver.turn(side);
      if (bytewise) {
        for (const char& c : bytes)
          driver.feed(side, {&c, 1});
      } else {
        driver.feed(side, bytes);
      }
      kept.push_back({side, driver.masked(side).substr(before)});
    }
    CHECK(driver.spans_inside());
    CHECK(driver.log() == whole);
    CHECK(lines_of(spec, kept) == whole);
    for (const auto& turn : kept) {
      INFO("turn " << &turn - kept.data());
      for (const std::string& canary : canaries)
        CHECK(turn.bytes.find(canary) == std::string::npos);
    }
  }
}

/// Of gaps at each byte and of many lengths: no head is told that was not said, but those of
/// `unknown`, and the exchange `next`, a request and its answer, is told as if nothing had been.
inline void check_every_gap(const ParserSpec& spec,
                            const std::vector<Turn>& turns,
                            const std::vector<Turn>& next,
                            const Lines& unknown = {}) {
  const auto heads = [](const Lines& lines) {
    std::set<std::string> found;
    std::copy_if(lines.begin(), lines.end(), std::inserter(found, found.end()),
                 [](const std::string& line) { return line.find(" head ") != std::string::npos; });
    return found;
  };
  const auto without_offsets = [](Lines lines) {
    for (std::string& line : lines) {
      for (const std::string_view word : {"begin ", "end "}) {
        const std::size_t at = line.find(word);
        if (at == std::string::npos) continue;
        const std::size_t digits = at + word.size();
        line.erase(digits, line.find_first_not_of("0123456789", digits) - digits);
      }
    }
    return lines;
  };
  std::set<std::string> said = heads(lines_of(spec, turns));
  said.insert(unknown.begin(), unknown.end());
  const Lines expected = without_offsets(lines_of(spec, next));
  for (std::size_t gap_turn = 0; gap_turn < turns.size(); ++gap_turn) {
    const std::string_view text = turns[gap_turn].bytes;
    for (std::size_t at = 0; at < text.size(); ++at) {
      for (const std::size_t length :
           {std::size_t{1}, std::size_t{7}, std::size_t{100}, text.size()}) {
        ParserDriver driver(spec);
        for (std::size_t i = 0; i < turns.size(); ++i) {
          const auto& [side, bytes] = turns[i];
          driver.turn(side);
          if (i != gap_turn) {
            driver.feed(side, bytes);
            continue;
          }
          const std::size_t size = std::min(length, text.size() - at);
          driver.feed(side, text.substr(0, at)).skip(side, size).feed(side, text.substr(at + size));
        }
        const Lines damaged = driver.take();
        for (const auto& [side, bytes] : next)
          driver.turn(side).feed(side, bytes);
        const Lines after = without_offsets(driver.take());
        const std::set<std::string> told = heads(damaged);
        const bool invented = !std::includes(said.begin(), said.end(), told.begin(), told.end());
        // Who takes his guess back is asked no more: the next turn gets a parser of its own.
        const bool over = !damaged.empty() && damaged.back().find("mistaken") != std::string::npos;
        if (over && !invented && after.empty()) continue;
        if (!invented && after.size() >= expected.size() &&
            std::equal(expected.rbegin(), expected.rend(), after.rbegin())) {
          continue;
        }
        INFO("turn " << gap_turn << ", " << length << " bytes from " << at);
        CHECK(damaged == lines_of(spec, turns));
        REQUIRE(after == expected);
      }
    }
  }
}

}  // namespace tailwhy::test
