#include "bpf/skip.h"

#define CATCH_CONFIG_EXTERNAL_INTERFACES  // listeners; the precompiled header has none
#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <unistd.h>

namespace tailwhy::test {
namespace {

struct Counts {
  std::string running;
  bool skipped_now = false;
  std::size_t passed = 0;
  std::size_t failed = 0;
  std::size_t skipped = 0;
};

// Catch2 makes its listeners itself; the counts must outlive them, to be the last line.
Counts& counts() {
  static Counts counts;
  return counts;
}

void print_counts() {
  std::printf("%zu passed, %zu failed, %zu skipped\n", counts().passed, counts().failed,
              counts().skipped);
}

class Listener : public Catch::TestEventListenerBase {
 public:
  using TestEventListenerBase::TestEventListenerBase;

  void testRunStarting(const Catch::TestRunInfo& info) override {
    TestEventListenerBase::testRunStarting(info);
    if (geteuid() != 0) {
      std::puts("needs root");
      std::exit(77);
    }
    counts();
    std::atexit(print_counts);
  }
  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    TestEventListenerBase::testCaseStarting(info);
    counts().running = info.name;
    counts().skipped_now = false;
  }
  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    if (stats.totals.assertions.failed > 0) {
      ++counts().failed;
    } else if (counts().skipped_now) {
      ++counts().skipped;
    } else {
      ++counts().passed;
    }
    TestEventListenerBase::testCaseEnded(stats);
  }
};
CATCH_REGISTER_LISTENER(Listener)

}  // namespace

void skip_case(std::string_view why) {
  if (!counts().skipped_now) {
    std::printf("SKIP %s: %.*s\n", counts().running.c_str(), static_cast<int>(why.size()),
                why.data());
  }
  counts().skipped_now = true;
}

}  // namespace tailwhy::test
