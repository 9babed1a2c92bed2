// Whole outputs kept in files. TW_ACCEPT=1 in the environment writes them anew: read the diff.
#pragma once

#include "unit/base/temp_dir.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fmt/format.h>
#include <string>

namespace tailwhy::test {

inline void check_golden(const std::string& name, const std::string& text) {
  const std::string path = fmt::format("{}/{}", TW_GOLDEN_DIR, name);
  if (std::getenv("TW_ACCEPT") != nullptr) write_file(path, text);
  INFO(name);
  CHECK(text == read_file(path));
}

}  // namespace tailwhy::test
