// Any calls with any bytes to a FastCGI parser.
#include "proto/fastcgi.h"

#include "parser_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tailwhy::test::fuzz_parser(tailwhy::kFastCgi, {data, size});
  return 0;
}
