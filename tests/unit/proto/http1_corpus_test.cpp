// The seeds of the fuzz target are the golden conversations. To write them again:
//   TW_CORPUS_DIR=tests/fuzz/corpus/http1 tw_test_proto '[corpus]'
#include "http1_goldens.h"
#include "stream_goldens.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>

using namespace tailwhy;
using namespace tailwhy::test;

namespace {

// Conversations with holes, which goldens do not have.
std::vector<Golden> partial() {
  std::vector<Golden> all;
  all.push_back({"gap in a chunk",
                 {request("GET / HTTP/1.1\r\n\r\n"),
                  response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nabc")},
                 {},
                 {}});
  all.push_back({"gap in a body",
                 {request("GET / HTTP/1.1\r\n\r\n"),
                  response("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")},
                 {},
                 {}});
  return all;
}

}  // namespace

TEST_CASE("http1: fuzz scripts are read back as they were written", "[proto][http1]") {
  std::vector<Call> calls = calls_of(goldens().front());
  calls.push_back({Call::Kind::Skip, Side::Response, "tail", 4660});
  calls.push_back({Call::Kind::Unsynchronised, Side::Request, {}, 0});
  const std::string script = write_script(calls);
  const std::vector<Call> read =
      read_script({reinterpret_cast<const std::uint8_t*>(script.data()), script.size()});
  REQUIRE(read.size() == calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    CHECK(read[i].kind == calls[i].kind);
    CHECK(read[i].side == calls[i].side);
    CHECK(read[i].bytes == calls[i].bytes);
    CHECK(read[i].size == calls[i].size);
  }
}

TEST_CASE("http1: write the fuzz corpus", "[.][corpus]") {
  const char* directory = std::getenv("TW_CORPUS_DIR");  // NOLINT(concurrency-mt-unsafe)
  REQUIRE(directory != nullptr);
  const auto write = [&](std::string name, const std::vector<Call>& calls) {
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == ' ' || c == '/' || c == '.'; }, '_');
    std::ofstream(std::string(directory) + "/" + name, std::ios::binary) << write_script(calls);
  };
  for (const Golden& golden : goldens())
    write(golden.name, calls_of(golden));
  for (const Golden& golden : stream_goldens())
    write("stream " + golden.name, calls_of(golden));
  for (const Golden& golden : partial()) {
    std::vector<Call> calls = calls_of(golden);
    calls.push_back({Call::Kind::Skip, Side::Response, "d\r\n0\r\n\r\n", 104});
    for (const Call& call : calls_of(goldens().front()))
      calls.push_back(call);
    write(golden.name, calls);
    calls.insert(calls.begin(), {Call::Kind::Unsynchronised, Side::Request, {}, 0});
    write(golden.name + " of a connection met in the middle", calls);
  }
}
