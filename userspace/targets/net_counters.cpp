// Reads /proc/PID/net/{netstat,snmp}. Must not enter the namespace.
#include "targets/net_counters.h"

#include "base/text.h"
#include "targets/process.h"

#include <string>

namespace tailwhy {
namespace {

// Pairs of lines, names over values:
//   TcpExt: SyncookiesSent SyncookiesRecv ...
//   TcpExt: 0 0 ...
void parse_table(std::string_view text, std::string_view file, NetCounters& counters) {
  while (!text.empty()) {
    std::string_view names = next_line(text);
    std::string_view values = next_line(text);
    std::string_view group = next_field(names);
    if (next_field(values) != group || !group.ends_with(':')) return;  // not the format we know
    group.remove_suffix(1);
    for (auto name = next_field(names); !name.empty(); name = next_field(names)) {
      const auto value = parse_number<std::uint64_t>(next_field(values));  // MaxConn is -1
      for (const NetCounterRow& row : kNetCounters) {
        const bool wanted = row.file == file && row.group == group && row.key == name;
        if (wanted && value) counters.*row.member = *value;
      }
    }
  }
}

}  // namespace

Result<NetCounters> read_net_counters(const ProcFs& proc, pid_t via) {
  NetCounters counters;
  if (const auto link = proc.read_link(via, "ns/net")) {
    counters.net_ns = parse_link_inode(*link, "net").value_or(0);
  }
  for (const std::string file : {"netstat", "snmp"}) {
    const auto text = proc.read(via, "net/" + file);
    if (!text) return text.error();
    parse_table(*text, file, counters);
  }
  return counters;
}

std::optional<NetCounters> difference(const NetCounters& before, const NetCounters& after) {
  if (before.net_ns != after.net_ns) return std::nullopt;
  NetCounters added{.net_ns = after.net_ns};
  for (const NetCounterRow& row : kNetCounters) {
    const std::uint64_t was = before.*row.member;
    const std::uint64_t is = after.*row.member;
    added.*row.member = is > was ? is - was : 0;
  }
  return added;
}

}  // namespace tailwhy
