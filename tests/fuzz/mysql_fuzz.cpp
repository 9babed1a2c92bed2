// Any calls with any bytes to a MySQL parser.
#include "proto/mysql.h"

#include "parser_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tailwhy::test::fuzz_parser(tailwhy::kMySql, {data, size});
  return 0;
}
