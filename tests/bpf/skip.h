// Skipping a test case with a reason, which Catch2 v2 cannot: the case ends, `SKIP name: why` is
// printed, and the counts are the last line of the output.
#pragma once

#include <string_view>

namespace tailwhy::test {

/// Prints and counts the current test case as skipped; return from it after this. In a case with
/// several variants only the first reason counts.
void skip_case(std::string_view why);

}  // namespace tailwhy::test
