// Any calls with any bytes to the parser of a web socket.
#include "proto/websocket.h"

#include "parser_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tailwhy::test::fuzz_parser(tailwhy::kWebSocket, {data, size}, {.may_go_on = true});
  return 0;
}
