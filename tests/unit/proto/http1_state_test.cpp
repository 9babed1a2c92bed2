// What the HTTP/1 parser remembers, against the plainest way to say the same.
#include "proto/http1_state.h"

#include <catch2/catch.hpp>

#include <deque>
#include <random>
#include <string>

using namespace tailwhy::http1;

TEST_CASE("http1: the last chunk is found however the bytes are cut", "[proto][http1]") {
  const std::string pattern = "\r\n0\r\n\r\n";
  std::mt19937 random(3);
  for (int round = 0; round < 20'000; ++round) {
    LastChunk last_chunk;
    last_chunk.after_unseen();
    std::string stream = "\r\n";  // what was not seen may have ended so
    for (int piece = 0; piece < 4; ++piece) {
      std::string text;
      const std::size_t size = random() % 10;
      // mostly the pattern's own bytes: its prefixes are what makes it hard
      while (text.size() < size) {
        text += random() % 3 == 0 ? pattern.substr(0, random() % 8)
                                  : std::string(1, "\r\n0x"[random() % 4]);
      }
      stream += text;
      std::size_t longest = 0;
      for (std::size_t n = 1; n <= pattern.size(); ++n) {
        if (stream.ends_with(pattern.substr(0, n))) longest = n;
      }
      CHECK(last_chunk.match(text) == std::min(longest, text.size()));
      CHECK(last_chunk.complete() == (longest == pattern.size()));
    }
  }
}

TEST_CASE("http1: outstanding requests are a queue", "[proto][http1]") {
  Outstanding outstanding;
  std::deque<bool> model;
  std::mt19937 random(5);
  for (int step = 0; step < 100'000; ++step) {
    const bool grow = step / 5000 % 2 == 0;
    CHECK(outstanding.size() == model.size());
    CHECK(outstanding.full() == (model.size() == Outstanding::kCapacity));
    if (random() % 10 < (grow ? 7U : 3U) && !outstanding.full()) {
      outstanding.push();
      model.push_back(false);
      if (random() % 2 == 0) {
        outstanding.set_last(true);
        model.back() = true;
      }
      if (random() % 10 == 0) {
        outstanding.drop_last();
        model.pop_back();
      }
    } else if (!model.empty()) {
      const bool expected = model.front();
      model.pop_front();
      CHECK(outstanding.pop() == expected);
    }
  }
}
