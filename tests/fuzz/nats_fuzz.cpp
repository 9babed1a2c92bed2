// Any calls with any bytes to a NATS parser.
#include "proto/nats.h"

#include "parser_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tailwhy::test::fuzz_parser(tailwhy::kNats, {data, size}, {.every_request_has_a_head = true});
  return 0;
}
