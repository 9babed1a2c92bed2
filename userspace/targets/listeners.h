// Which sockets listen in a network namespace, and which processes hold them.
// Reads /proc/PID/net of any process of the namespace: must not enter it.
#pragma once

#include "base/result.h"
#include "targets/proc_fs.h"

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace tailwhy {

/// What to look for; either list may be empty.
struct ListenQuery {
  std::vector<std::uint16_t> tcp_ports;
  std::vector<std::string> unix_paths;  ///< "/run/x.sock", "@name" for an abstract one
  bool empty() const noexcept { return tcp_ports.empty() && unix_paths.empty(); }
};

/// Inodes of the sockets in the network namespace of process `via` that listen on one of the TCP
/// ports (IPv4 or IPv6, any address) or Unix paths. NotFound when the process is gone.
Result<std::set<std::uint64_t>> listening_sockets(const ProcFs& proc,
                                                  pid_t via,
                                                  const ListenQuery& query);

/// The sockets of `inodes` that the process has a descriptor for. Gone: none. Permission: not
/// allowed to look.
Result<std::set<std::uint64_t>> held_sockets(const ProcFs& proc,
                                             pid_t pid,
                                             const std::set<std::uint64_t>& inodes);

}  // namespace tailwhy
