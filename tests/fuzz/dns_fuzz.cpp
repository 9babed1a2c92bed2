// Any calls with any bytes to a DNS parser.
#include "proto/dns.h"

#include "parser_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tailwhy::test::fuzz_parser(tailwhy::kDns, {data, size});
  return 0;
}
