// Any calls with any bytes to a MongoDB parser.
#include "proto/mongodb.h"

#include "parser_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tailwhy::test::fuzz_parser(tailwhy::kMongoDb, {data, size});
  return 0;
}
