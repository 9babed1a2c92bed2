#include "proto/http2_huffman.h"

#include <array>
#include <cstddef>

namespace tailwhy::http2 {
namespace {

constexpr std::size_t kSymbols = 257;  // the last one is EOS

// RFC 7541, appendix B: bits of each symbol's code. The code is canonical, so that is all of it.
constexpr std::array<std::uint8_t, kSymbols> kBits = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,  //
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,  //
    6,  10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,   //
    5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8,  15, 6,  12, 10,  //
    13, 6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,   //
    7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8,  13, 19, 13, 14, 6,   //
    15, 5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,   //
    6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7,  15, 11, 14, 13, 28,  //
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,  //
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,  //
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,  //
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,  //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,  //
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,  //
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,  //
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,  //
    30};

// Symbols by code; for each length the first code and where its symbols begin.
struct Tables {
  std::array<std::uint16_t, kSymbols> symbols{};
  std::array<std::uint32_t, Huffman::kLongestBits + 2> first{};
  std::array<std::uint16_t, Huffman::kLongestBits + 2> begin{};
};

constexpr Tables make_tables() {
  Tables t;
  std::uint32_t code = 0;
  std::uint16_t at = 0;
  for (unsigned bits = 1; bits <= Huffman::kLongestBits; ++bits) {
    code <<= 1;
    t.first[bits] = code;
    t.begin[bits] = at;
    for (std::size_t s = 0; s < kSymbols; ++s) {
      if (kBits[s] != bits) continue;
      t.symbols[at++] = static_cast<std::uint16_t>(s);
      ++code;
    }
  }
  t.begin[Huffman::kLongestBits + 1] = at;
  return t;
}
constexpr Tables kTables = make_tables();

}  // namespace

int Huffman::symbol() const {
  if (bits_ < kShortestBits) return kNone;
  const std::uint32_t nth = code_ - kTables.first[bits_];
  const std::size_t at = kTables.begin[bits_] + std::size_t{nth};
  if (code_ < kTables.first[bits_] || at >= kTables.begin[bits_ + 1]) {
    return bits_ < kLongestBits ? kNone : kError;
  }
  const int symbol = kTables.symbols[at];
  return symbol == kSymbols - 1 ? kError : symbol;
}

}  // namespace tailwhy::http2
