// Any calls with any bytes to an HTTP/2 parser.
#include "proto/http2.h"

#include "parser_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tailwhy::test::fuzz_parser(tailwhy::kHttp2, {data, size});
  return 0;
}
