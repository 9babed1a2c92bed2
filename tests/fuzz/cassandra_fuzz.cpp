// Any calls with any bytes to a Cassandra parser.
#include "proto/cassandra.h"

#include "parser_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tailwhy::test::fuzz_parser(tailwhy::kCassandra, {data, size});
  return 0;
}
