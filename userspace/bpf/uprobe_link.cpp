#include "bpf/uprobe_link.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>

namespace tailwhy {
namespace {

constexpr std::uint32_t kTraceUprobeMulti = 48;  // BPF_TRACE_UPROBE_MULTI
constexpr std::uint32_t kOnReturn = 1;           // BPF_F_UPROBE_MULTI_RETURN

// What bpf(2) takes for BPF_LINK_CREATE of that type (include/uapi/linux/bpf.h of Linux 6.6).
struct MultiAttr {
  std::uint32_t prog_fd;
  std::uint32_t target_fd;
  std::uint32_t attach_type;
  std::uint32_t link_flags;
  std::uint64_t path;
  std::uint64_t offsets;
  std::uint64_t ref_ctr_offsets;
  std::uint64_t cookies;
  std::uint32_t count;
  std::uint32_t flags;
  std::uint32_t pid;  // 0: any
  std::uint32_t zero;
};
static_assert(sizeof(MultiAttr) == 64);

std::uint64_t address_of(const void* pointer) {
  return reinterpret_cast<std::uint64_t>(pointer);
}

// Follows the descriptor to the file itself, be it in whatever mount namespace.
std::string path_of(int file) {
  return fmt::format("/proc/self/fd/{}", file);
}

UniqueFd create_multi(int program,
                      const std::string& path,
                      std::span<const std::uint64_t> offsets,
                      std::span<const std::uint64_t> cookies,
                      bool on_return) {
  MultiAttr attr{};
  attr.prog_fd = static_cast<std::uint32_t>(program);
  attr.attach_type = kTraceUprobeMulti;
  attr.path = address_of(path.c_str());
  attr.offsets = address_of(offsets.data());
  attr.cookies = address_of(cookies.data());
  attr.count = static_cast<std::uint32_t>(offsets.size());
  attr.flags = on_return ? kOnReturn : 0;
  return UniqueFd(static_cast<int>(syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr))));
}

Result<> attach_multi(UprobeLinks& links,
                      const bpf_program* program,
                      int file,
                      std::span<const UprobePoint> points,
                      bool on_return) {
  std::vector<std::uint64_t> offsets;
  std::vector<std::uint64_t> cookies;
  for (const UprobePoint& point : points) {
    if (point.on_return != on_return) continue;
    offsets.push_back(point.offset);
    cookies.push_back(point.cookie);
  }
  if (offsets.empty()) return {};
  UniqueFd link =
      create_multi(bpf_program__fd(program), path_of(file), offsets, cookies, on_return);
  if (!link) return Error::from_errno("attach to the code of a file", errno);
  links.multi.push_back(std::move(link));
  return {};
}

// The kernel numbers its kinds of events as they are registered.
std::optional<std::uint32_t> uprobe_event_type() {
  std::ifstream file("/sys/bus/event_source/devices/uprobe/type");
  std::uint32_t type = 0;
  return file >> type ? std::optional(type) : std::nullopt;
}

// "config:0": the bit that makes it a return probe.
std::optional<std::uint64_t> on_return_bit() {
  std::ifstream file("/sys/bus/event_source/devices/uprobe/format/retprobe");
  std::string text;
  if (!std::getline(file, text) || !text.starts_with("config:") || text.size() != 8) return {};
  const char digit = text[7];
  if (digit < '0' || digit > '9') return {};
  return std::uint64_t{1} << (digit - '0');
}

Result<LinkHandle> attach_event(const bpf_program* program,
                                int file,
                                const UprobePoint& point,
                                std::uint32_t type,
                                std::uint64_t on_return) {
  const std::string path = path_of(file);
  perf_event_attr attr{};
  attr.type = type;
  attr.size = sizeof(attr);
  attr.config = point.on_return ? on_return : 0;
  attr.uprobe_path = address_of(path.c_str());
  attr.probe_offset = point.offset;
  UniqueFd event(static_cast<int>(
      syscall(SYS_perf_event_open, &attr, -1 /* any process */, 0, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!event) return Error::from_errno("make an event for the code of a file", errno);
  LIBBPF_OPTS(bpf_perf_event_opts, options);
  options.bpf_cookie = point.cookie;
  LinkHandle link(bpf_program__attach_perf_event_opts(program, event.get(), &options));
  if (!link) return Error::from_errno("run a program by an event of a file's code", errno);
  static_cast<void>(event.release());  // the link's now
  return link;
}

}  // namespace

std::uint32_t uprobe_attach_type(UprobeMethod method) {
  return method == UprobeMethod::Multi ? kTraceUprobeMulti : 0;
}

// A place in a directory: a kernel that knows such links says what is wrong with that.
Result<> probe_uprobe_multi() {
  std::array<bpf_insn, 2> code{};
  code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  code[1].code = BPF_JMP | BPF_EXIT;
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  options.expected_attach_type = static_cast<bpf_attach_type>(kTraceUprobeMulti);
  const UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_KPROBE, "tw_probe", "Dual BSD/GPL",
                                       code.data(), code.size(), &options));
  if (!program) return Error::from_errno("load a program for many places of code", errno);
  const std::uint64_t zero = 0;
  const UniqueFd link = create_multi(program.get(), "/", {&zero, 1}, {&zero, 1}, false);
  if (!link && errno == EBADF) return {};
  return Error::from_errno("make a link to many places of code", link ? EINVAL : errno);
}

Result<UprobeLinks> attach_uprobes(const bpf_program* program,
                                   int file,
                                   std::span<const UprobePoint> points,
                                   UprobeMethod method) {
  UprobeLinks links;
  if (method == UprobeMethod::Multi) {
    for (const bool on_return : {true, false}) {
      if (auto done = attach_multi(links, program, file, points, on_return); !done)
        return std::move(done).error();
    }
    return links;
  }
  const auto type = uprobe_event_type();
  const auto bit = on_return_bit();
  if (!type || !bit)
    return Error(ErrorCode::Unsupported, "this kernel cannot probe the code of programs");
  for (const UprobePoint& point : points) {
    auto link = attach_event(program, file, point, *type, *bit);
    if (!link) return std::move(link).error();
    links.events.push_back(std::move(*link));
  }
  return links;
}

}  // namespace tailwhy
