// Any bytes as one datagram: what is secret lies in it, and what a recording keeps says the same.
#include "proto/datagram.h"
#include "proto/dns.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>

using namespace tailwhy;

namespace {

void require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // exactly sized, so that the sanitizer sees one byte too many
  const auto copy = std::make_unique<std::byte[]>(size);
  if (size > 0) std::memcpy(copy.get(), data, size);
  const std::span<std::byte> bytes(copy.get(), size);
  Datagram told;
  std::vector<SecretSpan> secrets;
  if (!kDnsDatagrams.read(bytes, size, told, &secrets)) return 0;
  require(size >= 12);
  std::uint64_t first = 0;
  std::memcpy(&first, data, sizeof(first));
  require((first & kDnsDatagrams.mask) == kDnsDatagrams.value);
  std::size_t end = 0;
  for (const SecretSpan& span : secrets) {
    require(span.size > 0 && span.offset >= end && span.offset + span.size <= size);
    end = span.offset + span.size;
    std::fill_n(bytes.begin() + static_cast<long>(span.offset), span.size, std::byte{'x'});
  }
  Datagram again;
  require(kDnsDatagrams.read(bytes, size, again, nullptr));
  require(again.side == told.side && again.id == told.id && again.subject == told.subject);
  require(again.request.method == told.request.method);
  require(again.response.status_text == told.response.status_text);
  require(again.response.verdict == told.response.verdict);
  return 0;
}
