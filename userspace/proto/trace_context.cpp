// Strict parsing of traceparent and x-request-id values (see trace_context.h).
#include "proto/trace_context.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tailwhy {
namespace {

constexpr std::size_t kSize = 55;  // 00-<32 hex>-<16 hex>-<2 hex>

// -1 for what is no lower-case hex digit.
int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool parse_hex(std::string_view text, std::span<std::uint8_t> bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return true;
}

bool all_zero(std::span<const std::uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

bool is_request_id_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._:/+=-").find(c) != std::string_view::npos;
}

}  // namespace

TraceContext parse_traceparent(std::string_view value) {
  if (value.size() < kSize || value[2] != '-' || value[35] != '-' || value[52] != '-') return {};
  TraceContext context;
  std::uint8_t version = 0;
  if (!parse_hex(value.substr(0, 2), {&version, 1}) ||
      !parse_hex(value.substr(3, 32), context.trace_id) ||
      !parse_hex(value.substr(36, 16), context.parent_span_id) ||
      !parse_hex(value.substr(53, 2), {&context.flags, 1})) {
    return {};
  }
  if (version == 0xff) return {};
  if (value.size() > kSize && (version == 0 || value[kSize] != '-')) return {};
  if (all_zero(context.trace_id) || all_zero(context.parent_span_id)) return {};
  context.valid = true;
  return context;
}

RequestId parse_request_id(std::string_view value) {
  if (value.size() > 64 || !std::all_of(value.begin(), value.end(), is_request_id_char)) return {};
  return value;
}

}  // namespace tailwhy
