#include "bpf/settings.h"

#include "model/syscall_names.h"

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace tailwhy {

void fill_expected_failures(__u64 (&bits)[TW_SYSCALLS][TW_ERRNO_WORDS]) {
  std::vector<std::string> calls;
  for (std::uint32_t nr = 0; nr < TW_SYSCALLS; ++nr)
    calls.push_back(syscall_name(nr));
  for (std::uint32_t error = 1; error < TW_ERRNO_WORDS * 64; ++error) {
    const std::string name = errno_name(error);
    for (std::uint32_t nr = 0; nr < TW_SYSCALLS; ++nr) {
      if (expected_failure(calls[nr], name)) bits[nr][error / 64] |= __u64{1} << error % 64;
    }
  }
}

tw_config kernel_settings(const TracerConfig& config,
                          const AttachPlan& plan,
                          std::uint32_t pidns_above) {
  tw_config cfg{};
  cfg.ring_wake_bytes = config.ring_wake_bytes;
  cfg.request_capture_bytes = config.request_capture_bytes;
  cfg.response_capture_bytes = config.response_capture_bytes;
  std::size_t at = 0;
  for (const std::string_view text : config.framed_signatures) {
    if (at == TW_SIGNATURES_MAX || text.size() < sizeof(cfg.framed_signatures[0])) continue;
    constexpr std::size_t kFirst = sizeof(cfg.framed_signatures[0]);
    std::memcpy(&cfg.framed_signatures[at], text.data(), kFirst);
    cfg.framed_ninth[at++] = text.size() > kFirst ? static_cast<std::uint8_t>(text[kFirst]) : 0;
  }
  cfg.datagram_mask = config.datagram_mask;
  cfg.datagram_value = config.datagram_value;
  cfg.pidns_above = pidns_above;
  cfg.want_payload = config.want_payload;
  cfg.want_accept = plan.accept_seen;
  cfg.conns_by_address = plan.conns_by_address;
  cfg.io_by_syscall = plan.io_by_syscall;
  cfg.want_acks = plan.find("ack") != nullptr;
  cfg.want_sched = plan.find("sched") != nullptr;
  cfg.want_stacks = config.want_stacks;
  cfg.want_tls = plan.find("tls") != nullptr;
  return cfg;
}

}  // namespace tailwhy
