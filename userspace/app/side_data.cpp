#include "app/side_data.h"

#include <nlohmann/json.hpp>

namespace tailwhy {

namespace {

using nlohmann::json;

struct Field {
  const char* name;
  std::uint64_t ResourceUse::*member;
  bool level;  // a level, not a counter
};

constexpr Field kFields[] = {
    {"cpu_user_ns", &ResourceUse::cpu_user_ns, false},
    {"cpu_system_ns", &ResourceUse::cpu_system_ns, false},
    {"run_queue_ns", &ResourceUse::run_queue_ns, false},
    {"voluntary_switches", &ResourceUse::voluntary_switches, false},
    {"involuntary_switches", &ResourceUse::involuntary_switches, false},
    {"minor_faults", &ResourceUse::minor_faults, false},
    {"major_faults", &ResourceUse::major_faults, false},
    {"disk_read_bytes", &ResourceUse::disk_read_bytes, false},
    {"disk_write_bytes", &ResourceUse::disk_write_bytes, false},
    {"rss_bytes", &ResourceUse::rss_bytes, true},
    {"threads", &ResourceUse::threads, true},
    {"file_descriptors", &ResourceUse::file_descriptors, true},
    {"processes", &ResourceUse::processes, true},
};

constexpr const char* kCounterNames[] = {
#define TW_ROW(NAME, reason, doc, lost) reason,
    TW_COUNTERS(TW_ROW)
#undef TW_ROW
};

}  // namespace

ResourceUse difference(const ResourceUse& before, const ResourceUse& now) {
  ResourceUse result = now;
  for (const Field& field : kFields) {
    if (field.level) continue;
    const std::uint64_t old = before.*field.member;
    result.*field.member -= std::min(old, now.*field.member);
  }
  return result;
}

std::string to_json(const SideData& side) {
  json out;
  for (std::size_t i = 0; i < TW_CNT_MAX; ++i)
    out["counters"][kCounterNames[i]] = side.counters[i];
  out["syscalls_known"] = side.syscalls_known;
  json& rows = out["syscalls"] = json::array();
  for (const SyscallCount& row : side.syscalls) {
    rows.push_back({row.pid, row.tid, row.number, row.error, row.count});
  }
  json& resources = out["resources"];
  resources["known"] = side.resources.known;
  resources["partial"] = side.resources.partial;
  for (const Field& field : kFields)
    resources[field.name] = side.resources.*field.member;
  if (side.namespace_known) {
    out["namespace"] = {{"listen_overflows", side.listen_overflows},
                        {"listen_drops", side.listen_drops}};
  }
  out["self"] = {{"cpu_ns", side.self.cpu_ns},
                 {"rss_bytes", side.self.rss_bytes},
                 {"peak_rss_bytes", side.self.peak_rss_bytes},
                 {"programs_known", side.self.programs_known},
                 {"programs_cpu_share", side.self.programs_cpu_share}};
  out["not_recorded"] = side.not_recorded;
  return out.dump();
}

Result<SideData> side_data_from_json(std::string_view text) {
  SideData side;
  try {
    const json in = json::parse(text);
    for (std::size_t i = 0; i < TW_CNT_MAX; ++i) {
      side.counters[i] = in.at("counters").value(kCounterNames[i], std::uint64_t{0});
    }
    side.syscalls_known = in.at("syscalls_known");
    for (const json& row : in.at("syscalls")) {
      side.syscalls.push_back({row.at(0), row.at(1), row.at(2), row.at(3), row.at(4)});
    }
    const json& resources = in.at("resources");
    side.resources.known = resources.at("known");
    side.resources.partial = resources.at("partial");
    for (const Field& field : kFields)
      side.resources.*field.member = resources.at(field.name);
    if (in.contains("namespace")) {
      side.namespace_known = true;
      side.listen_overflows = in.at("namespace").at("listen_overflows");
      side.listen_drops = in.at("namespace").at("listen_drops");
    }
    const json& self = in.at("self");
    side.self.cpu_ns = self.at("cpu_ns");
    side.self.rss_bytes = self.at("rss_bytes");
    side.self.peak_rss_bytes = self.at("peak_rss_bytes");
    side.self.programs_known = self.at("programs_known");
    side.self.programs_cpu_share = self.at("programs_cpu_share");
    side.not_recorded = in.at("not_recorded");
  } catch (const json::exception& e) {
    return Error(ErrorCode::Corrupt, std::string("read interval data of a recording: ") + e.what());
  }
  return side;
}

}  // namespace tailwhy
