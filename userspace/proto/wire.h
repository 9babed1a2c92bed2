// Numbers as binary protocols write them. Callers see to it that the bytes are there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tailwhy::wire {

inline std::uint8_t u8(std::span<const std::byte> bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}
/// Big-endian, as the network has it.
inline std::uint16_t be16(std::span<const std::byte> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(u8(bytes, at) << 8 | u8(bytes, at + 1));
}
inline std::uint32_t be32(std::span<const std::byte> bytes, std::size_t at) {
  return static_cast<std::uint32_t>(be16(bytes, at)) << 16 | be16(bytes, at + 2);
}

/// Little-endian.
inline std::uint16_t le16(std::span<const std::byte> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(u8(bytes, at) | u8(bytes, at + 1) << 8);
}
inline std::uint32_t le24(std::span<const std::byte> bytes, std::size_t at) {
  return le16(bytes, at) | static_cast<std::uint32_t>(u8(bytes, at + 2)) << 16;
}
inline std::uint32_t le32(std::span<const std::byte> bytes, std::size_t at) {
  return le16(bytes, at) | static_cast<std::uint32_t>(le16(bytes, at + 2)) << 16;
}

inline bool is_printable(std::byte byte) {
  return byte >= std::byte{0x20} && byte < std::byte{0x7f};
}

}  // namespace tailwhy::wire
