// Any calls with any bytes to a PostgreSQL parser.
#include "proto/postgres.h"

#include "parser_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tailwhy::test::fuzz_parser(tailwhy::kPostgreSql, {data, size});
  return 0;
}
