// Any calls with any bytes to an AMQP parser.
#include "proto/amqp.h"

#include "parser_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tailwhy::test::fuzz_parser(tailwhy::kAmqp, {data, size});
  return 0;
}
