#include "targets/cgroup.h"

#include <catch2/catch.hpp>

#include <string>

using namespace tailwhy;

namespace {

const std::string kId = "3f1c0de4a5b6978812345678901234567890abcdefabcdefabcdefabcdef0123";
const std::string kOtherId = "aaaabbbbccccddddeeeeffff00001111222233334444555566667777888899990";

}  // namespace

TEST_CASE("cgroup: on version 1 the cpu controller's path is taken", "[targets][cgroup]") {
  CHECK(parse_cgroup_path("9:name=systemd:/sys\n4:memory:/mem\n2:cpu,cpuacct:/cpu\n0::/v2\n") ==
        "/cpu");
  CHECK(parse_cgroup_path("9:name=systemd:/sys\n4:memory:/mem\n0::/v2\n") == "/mem");
  CHECK(parse_cgroup_path("9:name=systemd:/sys\n8:pids:/pids\n0::/v2\n") == "/sys");
}

TEST_CASE("cgroup: on version 2 there is one path", "[targets][cgroup]") {
  CHECK(parse_cgroup_path("0::/system.slice/nginx.service\n") == "/system.slice/nginx.service");
}

TEST_CASE("cgroup: a root path loses to any that says something", "[targets][cgroup]") {
  CHECK(parse_cgroup_path("4:memory:/m\n2:cpuacct:/\n1:cpu:/\n0::/\n") == "/m");
  CHECK(parse_cgroup_path("1:cpu:/\n0::/user.slice\n") == "/user.slice");
  CHECK(parse_cgroup_path("1:cpu:/\n0::/\n") == "/");
}

TEST_CASE("cgroup: a path may hold colons and commas, a broken line is passed over",
          "[targets][cgroup]") {
  CHECK(parse_cgroup_path("0::/a:b,c/d:e\n") == "/a:b,c/d:e");
  CHECK(parse_cgroup_path("garbage\n0:x\n\n0::/ok") == "/ok");
  CHECK(parse_cgroup_path("").empty());
}

TEST_CASE("cgroup: containers of every runtime are known by their paths", "[targets][cgroup]") {
  struct Case {
    std::string path;
    std::string runtime;
  };
  const Case cases[] = {
      {"/docker/" + kId, "docker"},
      {"/system.slice/docker-" + kId + ".scope", "docker"},
      {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1234.slice/cri-containerd-" +
           kId + ".scope",
       "containerd"},
      {"/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" + kId, "containerd"},
      {"/kubepods/besteffort/podX/crio-" + kId, "crio"},
      {"/machine.slice/libpod-" + kId + ".scope/container", "podman"},
      {"/kubepods/burstable/pod123/" + kId, "unknown"},
  };
  for (const Case& c : cases) {
    INFO(c.path);
    CHECK(container_of(c.path) == ContainerId{c.runtime, kId});
  }
  CHECK(container_of("/lxc/web1") == ContainerId{"lxc", "web1"});
  CHECK(container_of("/lxc/web1/system.slice/x.service") == ContainerId{"lxc", "web1"});
  CHECK(container_of("/lxc.payload.web2/init.scope") == ContainerId{"lxc", "web2"});
}

TEST_CASE("cgroup: the innermost container wins", "[targets][cgroup]") {
  const std::string outer(64, 'f');
  CHECK(container_of("/docker/" + outer + "/docker/" + kId).id == kId);
}

TEST_CASE("cgroup: what is not 64 hexadecimal digits is no container", "[targets][cgroup]") {
  for (const std::string& path :
       {std::string("/"), std::string("/system.slice/nginx.service"), "/docker/" + kId.substr(1),
        "/docker/" + kOtherId, "/docker/" + kId.substr(1) + "g", std::string("")}) {
    INFO(path);
    CHECK(container_of(path) == ContainerId{});
  }
}

TEST_CASE("cgroup: the unit is the innermost service", "[targets][cgroup]") {
  CHECK(systemd_unit_of("/system.slice/nginx.service") == "nginx.service");
  CHECK(systemd_unit_of("/system.slice/a.service/sub/group") == "a.service");
  CHECK(systemd_unit_of("/user.slice/user-1000.slice/session-3.scope").empty());
  CHECK(systemd_unit_of("/system.slice/docker.service/docker/" + kId).empty());
  CHECK(systemd_unit_of("").empty());
}
