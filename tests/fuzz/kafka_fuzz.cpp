// Any calls with any bytes to a Kafka parser.
#include "proto/kafka.h"

#include "parser_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tailwhy::test::fuzz_parser(tailwhy::kKafka, {data, size});
  return 0;
}
