// Calls to a parser as bytes: what the fuzz target makes of its input, and how its seeds are
// written. Knows nothing of the protocol.
#pragma once

#include "proto/parser.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy::test {

/// One call: an op byte (kind, side, shift), a length byte where there are bytes, two of the size
/// for a skip.
struct Call {
  enum class Kind : std::uint8_t { Feed, Skip, Finish, Turn, Unsynchronised };
  Kind kind = Kind::Feed;
  Side side = Side::Request;
  std::string bytes;       // fed, or the tail of a skip
  std::uint64_t size = 0;  // skipped
};

/// Calls from arbitrary bytes. Every input is a script; at most `kMostCalls` of it are used.
inline std::vector<Call> read_script(std::span<const std::uint8_t> input) {
  constexpr std::size_t kMostCalls = 200;
  std::vector<Call> calls;
  std::size_t at = 0;
  const auto next = [&]() -> std::uint8_t { return at < input.size() ? input[at++] : 0; };
  const auto text = [&](std::size_t size) {
    const std::size_t taken = std::min(size, input.size() - at);
    const std::string bytes(reinterpret_cast<const char*>(input.data() + at), taken);
    at += taken;
    return bytes;
  };
  while (at < input.size() && calls.size() < kMostCalls) {
    const std::uint8_t op = next();
    Call call;
    call.kind = static_cast<Call::Kind>((op & 7) % 5);
    call.side = (op & 8) != 0 ? Side::Response : Side::Request;
    if (call.kind == Call::Kind::Feed) {
      call.bytes = text(next());
    } else if (call.kind == Call::Kind::Skip) {
      const std::uint64_t low = next();
      call.size = (low | std::uint64_t{next()} << 8) << (op >> 4) * 2;
      call.bytes = text(next() % 16);
    }
    calls.push_back(call);
  }
  return calls;
}

/// The bytes that read_script() reads back as `calls`; sizes of skips below 65536.
inline std::string write_script(std::span<const Call> calls) {
  std::string script;
  const auto put = [&](std::size_t byte) { script += static_cast<char>(byte); };
  for (const Call& call : calls) {
    const std::size_t op =
        static_cast<std::size_t>(call.kind) | (call.side == Side::Response ? 8 : 0);
    if (call.kind == Call::Kind::Feed) {
      for (std::size_t from = 0; from < call.bytes.size(); from += 255) {
        const std::string_view piece = std::string_view(call.bytes).substr(from, 255);
        put(op);
        put(piece.size());
        script += piece;
      }
      continue;
    }
    put(op);
    if (call.kind == Call::Kind::Skip) {
      put(call.size & 255);
      put(call.size >> 8 & 255);
      put(call.bytes.size());
      script += call.bytes;
    }
  }
  return script;
}

}  // namespace tailwhy::test
