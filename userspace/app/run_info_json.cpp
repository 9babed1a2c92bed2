#include "app/run_info_json.h"

#include "base/version.h"

#include <nlohmann/json.hpp>

#include <sys/utsname.h>

#include <array>
#include <fstream>
#include <thread>
#include <unistd.h>

namespace tailwhy {

namespace {

using nlohmann::json;

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

void fill_host(RunInfo& info) {
  info.tool_version = kVersion;
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) == 0) info.host_name = name.data();
  info.host_id = first_line("/etc/machine-id");
  info.boot_id = first_line("/proc/sys/kernel/random/boot_id");
  utsname uts{};
  if (uname(&uts) == 0) info.kernel = uts.release;
  info.cpus = std::thread::hardware_concurrency();
}

std::string to_json(const RunInfo& info) {
  json targets = json::array();
  for (const ProcessInfo& target : info.targets) {
    targets.push_back({{"pid", target.pid}, {"comm", target.comm}, {"exe", target.exe}});
  }
  json out = {{"tool_version", info.tool_version},
              {"command_line", info.command_line},
              {"host_name", info.host_name},
              {"host_id", info.host_id},
              {"boot_id", info.boot_id},
              {"kernel", info.kernel},
              {"cpus", info.cpus},
              {"targets", targets},
              {"target_text", info.target_text},
              {"realtime_minus_mono_ns", info.clock.realtime_minus_mono_ns},
              {"uncertainty_ns", info.clock.uncertainty_ns},
              {"attached_ns", info.attached_ns},
              {"hooks", info.hooks},
              {"missing", info.missing}};
  if (!info.tls.empty()) out["tls"] = info.tls;
  // Names of processes are any bytes: what is no UTF-8 is replaced.
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<RunInfo> run_info_from_json(std::string_view text) {
  RunInfo info;
  try {
    const json in = json::parse(text);
    info.tool_version = in.at("tool_version");
    info.command_line = in.at("command_line");
    info.host_name = in.at("host_name");
    info.host_id = in.at("host_id");
    info.boot_id = in.at("boot_id");
    info.kernel = in.at("kernel");
    info.cpus = in.at("cpus");
    for (const json& target : in.at("targets")) {
      info.targets.push_back({target.at("pid"), target.at("comm"), target.at("exe")});
    }
    info.target_text = in.at("target_text");
    info.clock.realtime_minus_mono_ns = in.at("realtime_minus_mono_ns");
    info.clock.uncertainty_ns = in.at("uncertainty_ns");
    info.attached_ns = in.at("attached_ns");
    info.hooks = in.at("hooks").get<std::vector<std::string>>();
    info.missing = in.at("missing").get<std::vector<std::string>>();
    if (in.contains("tls")) info.tls = in.at("tls").get<std::vector<std::string>>();
  } catch (const json::exception& e) {
    return Error(ErrorCode::Corrupt, std::string("read the head of a recording: ") + e.what());
  }
  return info;
}

}  // namespace tailwhy
