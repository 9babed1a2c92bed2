// What a protocol says in datagrams: each is a whole message, a request or an answer, that is known
// by its first bytes. Which answer belongs to which request is told by what both repeat.
#pragma once

#include "proto/parser.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tailwhy {

/// What one datagram says.
struct Datagram {
  Side side = Side::Request;
  std::uint64_t id = 0;       ///< that a request and its answer have in common
  std::uint32_t subject = 0;  ///< the same, of what it is about; 0: it does not say
  RequestHead request;        ///< of a request,
  ResponseHead response;      ///< of an answer
};

struct DatagramSpec {
  /// Reads a datagram of `size` bytes, of which `bytes` are the first. False: it cannot be of this
  /// protocol; True must be rare for requests of any other. What a recording must not hold of
  /// `bytes` is added to `secrets`, unless that is null.
  bool (*read)(std::span<const std::byte> bytes,
               std::size_t size,
               Datagram& told,
               std::vector<SecretSpan>* secrets);
  /// What all of them have in their first eight bytes, so that others need not be looked at: these
  /// bits, the first byte the lowest, have this value.
  std::uint64_t mask = 0;
  std::uint64_t value = 0;
};

}  // namespace tailwhy
