// What each command does, from parsed options to an exit status. The last place where an exception
// of a library can arrive.
#pragma once

namespace tailwhy {

/// The whole program: parses, runs, prints errors to stderr with their hint; gives the exit status
/// (0 done, 1 failed, 2 usage, 3 no target, 4 not permitted or unsupported, 5 --fail-if, 6
/// --max-loss).
int run_cli(int argc, const char* const* argv) noexcept;

}  // namespace tailwhy
