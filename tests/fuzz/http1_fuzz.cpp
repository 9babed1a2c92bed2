// Any calls with any bytes to an HTTP/1 parser.
#include "proto/http1.h"

#include "parser_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tailwhy::test::fuzz_parser(tailwhy::kHttp1, {data, size}, {.every_request_has_a_head = true});
  return 0;
}
