#include "proto/mqtt_packet.h"

#include <array>

namespace tailwhy::mqtt {

std::string_view reason_word(std::uint8_t code) {
  // MQTT 5.0, table 2-6; what is longer than 24 characters there is shortened.
  constexpr std::array<std::string_view, 35> kErrors = {
      "unspecified_error",
      "malformed_packet",
      "protocol_error",
      "implementation_specific",
      "unsupported_version",
      "client_id_not_valid",
      "bad_user_or_password",
      "not_authorized",
      "server_unavailable",
      "server_busy",
      "banned",
      "server_shutting_down",
      "bad_auth_method",
      "keep_alive_timeout",
      "session_taken_over",
      "topic_filter_invalid",
      "topic_name_invalid",
      "packet_id_in_use",
      "packet_id_not_found",
      "receive_max_exceeded",
      "topic_alias_invalid",
      "packet_too_large",
      "message_rate_too_high",
      "quota_exceeded",
      "administrative_action",
      "payload_format_invalid",
      "retain_not_supported",
      "qos_not_supported",
      "use_another_server",
      "server_moved",
      "shared_sub_unsupported",
      "connection_rate_exceeded",
      "maximum_connect_time",
      "sub_ids_not_supported",
      "wildcards_not_supported",
  };
  constexpr std::uint8_t kFirstError = 0x80;
  if (code >= kFirstError) {
    const std::size_t index = code - kFirstError;
    return index < kErrors.size() ? kErrors[index] : "_OTHER";
  }
  switch (code) {
    case 0x01:
      return "granted_qos_1";
    case 0x02:
      return "granted_qos_2";
    case 0x04:
      return "disconnect_with_will";
    case 0x10:
      return "no_matching_subscribers";
    case 0x11:
      return "no_subscription_existed";
    case 0x18:
      return "continue_authentication";
    case 0x19:
      return "re_authenticate";
    default:
      return "_OTHER";
  }
}

std::uint8_t reason_of_return_code(std::uint8_t code) {
  // MQTT 3.1.1, table 3.1.
  constexpr std::array<std::uint8_t, 6> kReasons = {0, 0x84, 0x85, 0x88, 0x86, 0x87};
  return code < kReasons.size() ? kReasons[code] : 0xff;
}

}  // namespace tailwhy::mqtt
