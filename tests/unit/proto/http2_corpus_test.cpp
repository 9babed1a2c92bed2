// The seeds of the fuzz target are the golden conversations. To write them again:
//   TW_CORPUS_DIR=tests/fuzz/corpus/http2 tw_test_proto '[http2-corpus]'
#include "fuzz/parser_script.h"
#include "http2_bodies.h"
#include "http2_goldens.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>

using namespace tailwhy;
using namespace tailwhy::test;

TEST_CASE("http2: write the fuzz corpus", "[.][http2-corpus]") {
  const char* directory = std::getenv("TW_CORPUS_DIR");  // NOLINT(concurrency-mt-unsafe)
  REQUIRE(directory != nullptr);
  const auto write = [&](std::string name, const std::vector<Call>& calls) {
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == ' ' || c == ','; }, '_');
    std::ofstream(std::string(directory) + "/" + name, std::ios::binary) << write_script(calls);
  };
  std::vector<Http2Golden> all = http2_goldens();
  all.push_back({"messages of calls", calls(), {}});
  all.push_back({"streams of events", events(), {}});
  for (const Http2Golden& golden : all) {
    std::vector<Call> calls;
    for (const auto& [side, bytes] : golden.turns)
      calls.push_back({Call::Kind::Feed, side, bytes, 0});
    write(golden.name, calls);
    // with a hole, and met in the middle
    const std::size_t last = calls.size() - 1;
    std::vector<Call> holed = calls;
    holed.insert(holed.begin() + static_cast<std::ptrdiff_t>(last),
                 {Call::Kind::Skip, calls[last].side, "xx", 30});
    write(golden.name + " with a hole", holed);
    std::vector<Call> late(calls.begin() + 2, calls.end());
    late.insert(late.begin(), {Call::Kind::Unsynchronised, Side::Response, {}, 0});
    late.insert(late.begin(), {Call::Kind::Unsynchronised, Side::Request, {}, 0});
    write(golden.name + " met in the middle", late);
  }
}
