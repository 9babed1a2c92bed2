// Control-group paths of the field, taken apart. Hand-written instead of std::regex, which recurses
// on its input: a path may be 4 KiB long and is chosen by whoever made the group.
#include "targets/cgroup.h"

#include "targets/proc_stat.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace tailwhy {
namespace {

constexpr std::size_t kIdLength = 64;

// Higher wins; 0 is not a candidate. `controllers` is empty on version 2.
int rank_of(std::string_view controllers, std::string_view path) {
  if (path.empty()) return 0;
  int rank = 1;  // any other controller
  if (controllers.empty()) rank = 2;
  if (controllers == "name=systemd") rank = 3;
  while (!controllers.empty()) {
    const std::size_t comma = std::min(controllers.find(','), controllers.size());
    const std::string_view one = controllers.substr(0, comma);
    if (one == "memory") rank = std::max(rank, 4);
    if (one == "cpu") rank = std::max(rank, 5);
    controllers.remove_prefix(std::min(comma + 1, controllers.size()));
  }
  return path == "/" ? rank : rank + 10;
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// Begin of the last run of exactly 64 hexadecimal digits: nested containers name the inner one
// last.
std::size_t find_last_id(std::string_view path) {
  std::size_t end = path.size();
  while (end > 0) {
    std::size_t begin = end;
    while (begin > 0 && is_hex(path[begin - 1]))
      --begin;
    if (end - begin == kIdLength) return begin;
    end = begin == end ? end - 1 : begin;
  }
  return std::string_view::npos;
}

struct Prefix {
  std::string_view text;
  std::string_view runtime;
};
constexpr std::array<Prefix, 8> kPrefixes{{{"crio-", "crio"},
                                           {"cri-containerd-", "containerd"},
                                           {"cri-containerd:", "containerd"},
                                           {"nerdctl-", "containerd"},
                                           {"docker-", "docker"},
                                           {"docker/", "docker"},
                                           {"libpod-", "podman"},
                                           {"libpod-conmon-", "podman"}}};

// Runtimes put a prefix before the id ("cri-containerd-ID.scope", "/docker/ID"); plain Kubernetes
// with the cgroupfs driver has none.
std::string runtime_of(std::string_view before_id) {
  for (const Prefix& prefix : kPrefixes) {
    if (before_id.ends_with(prefix.text)) return std::string(prefix.runtime);
  }
  return "unknown";
}

// "/lxc/NAME", "/lxc.payload.NAME", "/lxc.payload/NAME": the name, empty if it is none of these.
std::string_view lxc_name(std::string_view path) {
  for (const std::string_view mark : {"/lxc.payload.", "/lxc.payload/", "/lxc/"}) {
    const std::size_t at = path.rfind(mark);
    if (at == std::string_view::npos) continue;
    const std::string_view name = path.substr(at + mark.size());
    return name.substr(0, name.find('/'));
  }
  return {};
}

}  // namespace

std::string parse_cgroup_path(std::string_view cgroup_file) {
  std::string_view best;
  int best_rank = 0;
  while (!cgroup_file.empty()) {
    // "4:memory:/path"; the path may itself hold colons
    const std::string_view line = next_line(cgroup_file);
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view path = line.substr(second + 1);
    const int rank = rank_of(line.substr(first + 1, second - first - 1), path);
    if (rank > best_rank) {
      best_rank = rank;
      best = path;
    }
  }
  return std::string(best);
}

ContainerId container_of(std::string_view cgroup_path) {
  if (const std::size_t at = find_last_id(cgroup_path); at != std::string_view::npos) {
    return {.runtime = runtime_of(cgroup_path.substr(0, at)),
            .id = std::string(cgroup_path.substr(at, kIdLength))};
  }
  if (const std::string_view name = lxc_name(cgroup_path); !name.empty()) {
    return {.runtime = "lxc", .id = std::string(name)};
  }
  return {};
}

std::string systemd_unit_of(std::string_view cgroup_path) {
  if (!container_of(cgroup_path).id.empty()) return {};
  while (!cgroup_path.empty()) {
    const std::size_t slash = cgroup_path.rfind('/');
    const std::string_view part =
        cgroup_path.substr(slash == std::string_view::npos ? 0 : slash + 1);
    if (part.ends_with(".service")) return std::string(part);
    cgroup_path = cgroup_path.substr(0, slash == std::string_view::npos ? 0 : slash);
  }
  return {};
}

}  // namespace tailwhy
