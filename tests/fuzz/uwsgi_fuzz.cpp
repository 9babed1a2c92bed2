// Any calls with any bytes to a uwsgi parser.
#include "proto/uwsgi.h"

#include "parser_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tailwhy::test::fuzz_parser(tailwhy::kUwsgi, {data, size});
  return 0;
}
