// TCP counters of a target's network namespace: the losses that no socket of the target can show.
// They are of the *namespace*: whatever else lives in it is counted too, and outputs must say so.
#pragma once

#include "base/result.h"
#include "targets/proc_fs.h"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace tailwhy {

// X(member, file of /proc/PID/net, group, the kernel's name, what it says)
#define TW_NET_COUNTERS(X)                                                                        \
  X(listen_overflows, "netstat", "TcpExt", "ListenOverflows",                                     \
    "connections refused or delayed: the accept queue of a listener was full")                    \
  X(listen_drops, "netstat", "TcpExt", "ListenDrops",                                             \
    "connections that a listener dropped for any reason, overflows included")                     \
  X(syn_queue_full, "netstat", "TcpExt", "TCPReqQFullDrop",                                       \
    "SYNs dropped: the queue of half-open connections was full and no cookies were sent")         \
  X(attempt_fails, "snmp", "Tcp", "AttemptFails", "connections that failed during the handshake") \
  X(established_resets, "snmp", "Tcp", "EstabResets", "established connections that were reset")  \
  X(retransmitted_segments, "snmp", "Tcp", "RetransSegs", "segments sent again")                  \
  X(resets_sent, "snmp", "Tcp", "OutRsts", "segments sent with RST")

/// Since the namespace was made, or the difference of two readings.
struct NetCounters {
  std::uint64_t net_ns = 0;  ///< inode of the namespace; 0: not permitted to know
#define TW_ROW(name, file, group, key, doc) std::uint64_t name = 0;
  TW_NET_COUNTERS(TW_ROW)
#undef TW_ROW
  friend bool operator==(const NetCounters&, const NetCounters&) = default;
};

/// For outputs that list them all.
struct NetCounterRow {
  std::string_view name;
  std::string_view file;
  std::string_view group;
  std::string_view key;
  std::string_view doc;
  std::uint64_t NetCounters::*member;
};
inline constexpr NetCounterRow kNetCounters[] = {
#define TW_ROW(name, file, group, key, doc) {#name, file, group, key, doc, &NetCounters::name},
    TW_NET_COUNTERS(TW_ROW)
#undef TW_ROW
};

/// Reads the counters of the network namespace of process `via`. NotFound: it has ended. A counter
/// that this kernel does not have stays 0.
Result<NetCounters> read_net_counters(const ProcFs& proc, pid_t via);

/// What was added from `before` to `after`; nothing if the two are not of the same namespace.
std::optional<NetCounters> difference(const NetCounters& before, const NetCounters& after);

}  // namespace tailwhy
