// The one main() of the unit tests; Catch2 is slow to compile, so nothing else goes in here.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
