// What others write is parsed: maps of processes, lists of compiled functions, the kernel's names.
#include "symbols/kernel_symbols.h"
#include "symbols/perf_map.h"
#include "symbols/process_maps.h"

#include <catch2/catch.hpp>

#include <random>
#include <string>

using namespace tailwhy;

TEST_CASE("maps: executable mappings, by address", "[symbols]") {
  const auto mappings = parse_maps(
      "7f0000002000-7f0000003000 r-xp 00001000 fe:01 1234   /usr/lib/lib foo.so (deleted)\n"
      "55d0c0400000-55d0c0500000 r--p 00000000 fe:01 77     /usr/bin/shop\n"
      "55d0c0500000-55d0c0600000 r-xp 00100000 fe:01 77     /usr/bin/shop\n"
      "7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0      [vdso]\n"
      "7f1000000000-7f1000001000 rwxp 00000000 00:00 0 \n");
  REQUIRE(mappings.size() == 4);
  CHECK(mappings[0].path == "/usr/bin/shop");
  CHECK(mappings[0].offset == 0x100000);
  CHECK(mappings[0].inode == 77);
  CHECK(mappings[1].path == "/usr/lib/lib foo.so (deleted)");
  CHECK(mappings[2].path.empty());
  CHECK_FALSE(mappings[2].is_file());
  CHECK(mappings[3].is_vdso());
  CHECK(find_mapping(mappings, 0x55d0c0500000) == &mappings[0]);
  CHECK(find_mapping(mappings, 0x55d0c05fffff) == &mappings[0]);
  CHECK(find_mapping(mappings, 0x55d0c0600000) == nullptr);
  CHECK(find_mapping(mappings, 0) == nullptr);
}

TEST_CASE("maps: lines that are none are left out", "[symbols]") {
  CHECK(parse_maps("").empty());
  CHECK(parse_maps("\n\n-\nxyz\n55-44 r-xp 0 0 0\n1-2\n1-2 r-xp\n1-2 r-xp 0 0:0\n").empty());
  CHECK(parse_maps("1-2 r-xp 0 0:0 99999999999999999999999 /x\n").empty());
  CHECK(parse_maps("1-2 r-xp 0 0:0 5 /x").size() == 1);
}

TEST_CASE("perf map: functions by address", "[symbols]") {
  const PerfMap map = PerfMap::parse(
      "3ef414c0 398 RegExp:[{(]\n"
      "3ef418a0 0x20 LazyCompile:~handle /srv/shop.js:12:9\n");
  CHECK(map.size() == 2);
  CHECK(map.find(0x3ef414c0) == "RegExp:[{(]");
  CHECK(map.find(0x3ef414c0 + 0x397) == "RegExp:[{(]");
  CHECK(map.find(0x3ef414c0 + 0x398).empty());
  CHECK(map.find(0x3ef418b0) == "LazyCompile:~handle /srv/shop.js:12:9");
  CHECK(map.find(0).empty());
  CHECK(map.find(~0ULL).empty());
}

TEST_CASE("perf map: of two functions at one place the later one counts", "[symbols]") {
  const PerfMap map = PerfMap::parse("1000 100 old\n2000 10 other\n1000 100 new\n");
  CHECK(map.find(0x1010) == "new");
  const PerfMap within = PerfMap::parse("1000 100 outer\n1020 10 inner\n");
  CHECK(within.find(0x1025) == "inner");
  CHECK(within.find(0x1040) == "outer");
}

TEST_CASE("perf map: nothing in it is believed", "[symbols]") {
  CHECK(PerfMap::parse("").size() == 0);
  CHECK(PerfMap::parse("\n\n \n  \nabc\n1 2\n1 2 \nx y z\n-1 5 f\n1 -5 f\n1 0 f\n").size() == 0);
  CHECK(PerfMap::parse("ffffffffffffffff ffffffffffffffff f\n").size() == 0);  // wraps around
  CHECK(PerfMap::parse("fffffffffffffffff 1 f\n").size() == 0);                // 17 digits
  const PerfMap longest = PerfMap::parse("1000 10 " + std::string(100'000, 'n'));
  CHECK(longest.find(0x1000).size() == PerfMap::kLongestName);
  std::string many;
  for (std::size_t i = 0; i < PerfMap::kMostFunctions + 10; ++i)
    many += "1 1 f\n";
  CHECK(PerfMap::parse(std::move(many)).size() == PerfMap::kMostFunctions);
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::string noise;
    for (int i = 0; i < 2000; ++i)
      noise += " 0123456789abcdefx\n\xff"[random() % 20];
    const PerfMap map = PerfMap::parse(std::move(noise));
    for (int i = 0; i < 100; ++i)
      static_cast<void>(map.find(random() % 4096));
  }
}

TEST_CASE("kernel: functions by address, without data", "[symbols]") {
  const KernelSymbols symbols = KernelSymbols::parse(
      "ffffffff81000000 T _text\n"
      "ffffffff81000100 t futex_wait\n"
      "ffffffff81000180 d some_data\n"
      "ffffffffc0000000 t nf_hook\t[nf_tables]\n");
  CHECK(symbols.find(0xffffffff81000150) == "futex_wait");
  CHECK(symbols.find(0xffffffff81000190) == "futex_wait");
  CHECK(symbols.find(0xffffffffc0000001) == "nf_hook");
  CHECK(symbols.find(1).empty());
}

TEST_CASE("kernel: hidden addresses are no addresses", "[symbols]") {
  const KernelSymbols symbols = KernelSymbols::parse("0000000000000000 T _text\nxyz\n\n1\n");
  CHECK(symbols.find(0xffffffff81000150).empty());
}
