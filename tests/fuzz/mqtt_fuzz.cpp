// Any calls with any bytes to an MQTT parser.
#include "proto/mqtt.h"

#include "parser_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tailwhy::test::fuzz_parser(tailwhy::kMqtt, {data, size});
  return 0;
}
