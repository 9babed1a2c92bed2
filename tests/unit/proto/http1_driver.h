// The driver of an HTTP/1 parser.
#pragma once

#include "parser_driver.h"
#include "proto/http1.h"

namespace tailwhy::test {

class Driver : public ParserDriver {
 public:
  explicit Driver(bool want_secrets = false) : ParserDriver(kHttp1, want_secrets) {}
};

}  // namespace tailwhy::test
