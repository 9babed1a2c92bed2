// Tables of listening sockets and their holders. Must not enter a network namespace.
#include "targets/listeners.h"

#include "base/text.h"
#include "targets/process.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

namespace tailwhy {
namespace {

constexpr unsigned kAccepting = 0x10000;  // __SO_ACCEPTCON

// One line of /proc/net/tcp{,6}:
//   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//    0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41203
//    1 ...
struct TcpLine {
  bool listening = false;
  std::uint16_t port = 0;
  std::uint64_t inode = 0;
};

std::optional<std::uint16_t> parse_hex_port(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  address.remove_prefix(colon + 1);
  std::uint16_t port = 0;
  const auto [end, err] =
      std::from_chars(address.data(), address.data() + address.size(), port, 16);
  if (err != std::errc{} || end != address.data() + address.size()) return std::nullopt;
  return port;
}

std::optional<TcpLine> parse_tcp_line(std::string_view line) {
  std::array<std::string_view, 10> fields;
  for (std::string_view& field : fields) {
    field = next_field(line);
  }
  const auto port = parse_hex_port(fields[1]);
  const auto inode = parse_number<std::uint64_t>(fields[9]);
  if (!port || !inode) return std::nullopt;  // the title, or nothing that we know
  return TcpLine{.listening = fields[3] == "0A", .port = *port, .inode = *inode};
}

Result<> add_tcp(const ProcFs& proc,
                 pid_t via,
                 std::string_view table,
                 const ListenQuery& query,
                 std::set<std::uint64_t>& inodes) {
  return proc.for_each_line(via, table, [&](std::string_view text) {
    const auto line = parse_tcp_line(text);
    if (!line) return true;
    // tcp_get_idx() walks the table of listeners before that of connections: behind the first line
    // in another state there is nothing for us, and with 100,000 connections that saves 0.1 s.
    if (!line->listening) return false;
    const auto& ports = query.tcp_ports;
    if (std::find(ports.begin(), ports.end(), line->port) != ports.end()) {
      inodes.insert(line->inode);
    }
    return true;
  });
}

// One line of /proc/net/unix; the path is the rest of the line and may hold blanks:
//   Num       RefCount Protocol Flags    Type St Inode Path
//   ffff8881: 00000002 00000000 00010000 0001 01 19321 /run/x.sock
Result<> add_unix(const ProcFs& proc,
                  pid_t via,
                  const ListenQuery& query,
                  std::set<std::uint64_t>& inodes) {
  return proc.for_each_line(via, "net/unix", [&](std::string_view line) {
    std::array<std::string_view, 7> fields;
    for (std::string_view& field : fields) {
      field = next_field(line);
    }
    unsigned flags = 0;
    std::from_chars(fields[3].data(), fields[3].data() + fields[3].size(), flags, 16);
    const auto inode = parse_number<std::uint64_t>(fields[6]);
    if (!inode || (flags & kAccepting) == 0 || line.empty()) return true;
    const std::string_view path = line.substr(1);
    const auto& paths = query.unix_paths;
    if (std::find(paths.begin(), paths.end(), path) != paths.end()) inodes.insert(*inode);
    return true;
  });
}

// A kernel without IPv6 or Unix sockets has no such table; that is not an error, but a process
// that is gone is.
Result<> ignore_missing_table(const ProcFs& proc, pid_t via, Result<> result) {
  if (result || result.error().code() != ErrorCode::NotFound) return result;
  if (auto stat = read_stat(proc, via); !stat) return stat.error();
  return {};
}

// Returns the number of descriptors. Listing the directory and following its links need different
// privileges, so both can be refused.
Result<std::size_t> add_held(const ProcFs& proc,
                             pid_t pid,
                             const std::string& dir,
                             const std::set<std::uint64_t>& inodes,
                             std::set<std::uint64_t>& held) {
  const auto descriptors = proc.numbers(pid, dir);
  if (!descriptors) return descriptors.error();
  for (const int fd : *descriptors) {
    const auto link = proc.read_link(pid, dir + '/' + std::to_string(fd));
    if (!link && link.error().code() == ErrorCode::Permission) return link.error();
    if (!link) continue;  // closed meanwhile
    const auto inode = parse_link_inode(*link, "socket");
    if (inode && inodes.contains(*inode)) held.insert(*inode);
  }
  return descriptors->size();
}

}  // namespace

Result<std::set<std::uint64_t>> listening_sockets(const ProcFs& proc,
                                                  pid_t via,
                                                  const ListenQuery& query) {
  std::set<std::uint64_t> inodes;
  if (!query.tcp_ports.empty()) {
    for (const std::string_view table : {"net/tcp", "net/tcp6"}) {
      auto added = ignore_missing_table(proc, via, add_tcp(proc, via, table, query, inodes));
      if (!added) return added.error();
    }
  }
  if (!query.unix_paths.empty()) {
    auto added = ignore_missing_table(proc, via, add_unix(proc, via, query, inodes));
    if (!added) return added.error();
  }
  return inodes;
}

Result<std::set<std::uint64_t>> held_sockets(const ProcFs& proc,
                                             pid_t pid,
                                             const std::set<std::uint64_t>& inodes) {
  std::set<std::uint64_t> held;
  if (inodes.empty()) return held;
  auto added = add_held(proc, pid, "fd", inodes, held);
  if (added && *added == 0) {
    // Not one descriptor: its first thread may have ended and left them to the others.
    const auto tids = proc.numbers(pid, "task");
    if (tids && tids->size() > 1) {
      added = add_held(proc, pid, "task/" + std::to_string(tids->back()) + "/fd", inodes, held);
    }
  }
  if (!added && added.error().code() != ErrorCode::NotFound) return added.error();
  return held;
}

}  // namespace tailwhy
