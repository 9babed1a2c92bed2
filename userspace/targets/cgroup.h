// The control group of a process and the container that its path names.
// Pure parsing of /proc/PID/cgroup: must not ask a container runtime.
#pragma once

#include <string>
#include <string_view>

namespace tailwhy {

/// What a control-group path says about where a process lives. Both empty: no container.
struct ContainerId {
  std::string runtime;  ///< "docker", "containerd", "crio", "podman", "lxc" or "unknown"
  std::string id;       ///< 64 hexadecimal digits, or the name of an LXC container
  friend bool operator==(const ContainerId&, const ContainerId&) = default;
};

/// The one path of /proc/PID/cgroup that tells most: on version 1 that of the cpu controller, else
/// memory, else systemd's own; else the path of version 2. A root path ("/") loses to any other.
std::string parse_cgroup_path(std::string_view cgroup_file);

/// The innermost container that the path names.
ContainerId container_of(std::string_view cgroup_path);

/// The systemd unit the path ends in ("nginx.service"), empty if none. Not for containers.
std::string systemd_unit_of(std::string_view cgroup_path);

}  // namespace tailwhy
