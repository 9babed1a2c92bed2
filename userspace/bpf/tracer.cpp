#include "bpf/tracer.h"

#include "tailwhy/abi/config.h"

#include "tracer.skel.h"

#include "bpf/cpu_clock.h"
#include "bpf/libbpf_log.h"
#include "bpf/link.h"
#include "bpf/pid_namespace.h"
#include "bpf/program_stats.h"
#include "bpf/settings.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace tailwhy {
namespace {

struct SkeletonTraits {
  static tracer_bpf* invalid() noexcept { return nullptr; }
  static void close(tracer_bpf* skeleton) noexcept { tracer_bpf__destroy(skeleton); }
};
using Skeleton = Handle<tracer_bpf*, SkeletonTraits>;

constexpr std::string_view kPrivilegeHint =
    "run it as root, or give it CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH; "
    "'tailwhy doctor' says what is refused";

Error libbpf_error(std::string_view what, int err, const LibbpfLog& log) {
  Error error = Error::from_errno(what, err);
  const std::string words = log.last_words();
  if (!words.empty()) error = Error(error.code(), error.message() + ": " + words);
  if (error.code() == ErrorCode::Permission)
    return std::move(error).with_hint(std::string(kPrivilegeHint));
  return error;
}

bool is_iterator(const bpf_program* program) {
  return bpf_program__expected_attach_type(program) == BPF_TRACE_ITER;
}

bool is_on_cpu_clock(const bpf_program* program) {
  return bpf_program__type(program) == BPF_PROG_TYPE_PERF_EVENT;
}

// It is attached later, to what is found.
bool is_on_code(const bpf_program* program) {
  return std::string_view(bpf_program__section_name(program)) == "uprobe";
}

// As many as the kernel is set to give; it refuses maps of longer ones.
std::uint32_t stack_frames() {
  std::ifstream file("/proc/sys/kernel/perf_event_max_stack");
  std::uint32_t most = 0;
  if (!(file >> most) || most == 0) return TW_STACK_FRAMES;
  return std::min<std::uint32_t>(most, TW_STACK_FRAMES);
}

// An iterator over the sockets that have storage wants to know which storage.
bool iterates_sockets(const bpf_program* program) {
  return std::string_view(bpf_program__section_name(program)).ends_with("bpf_sk_storage_map");
}

bpf_link* attach_to_map(const bpf_program* program, int map_fd) {
  bpf_iter_link_info info{};
  info.map.map_fd = static_cast<std::uint32_t>(map_fd);
  LIBBPF_OPTS(bpf_iter_attach_opts, options);
  options.link_info = &info;
  options.link_info_len = sizeof(info);
  return bpf_program__attach_iter(program, &options);
}

}  // namespace

struct Tracer::Impl {
  TracerConfig config;
  AttachPlan plan;
  Skeleton skeleton;
  struct Attached {
    std::string_view program;
    LinkHandle link;
  };
  std::vector<Attached> hooks;
  std::vector<Attached> iterators;
  std::vector<UprobeLinks> on_code;

  Result<> load(std::string* refused);
  Result<> attach(const PlannedHook& hook, std::string* refused);
  Result<> attach_code(const bpf_program* program, int file, std::span<const UprobePoint> points);
  [[nodiscard]] UprobeMethod uprobe_method() const;
  Result<std::vector<std::byte>> run(std::string_view iterator) const;
  Result<> mark(std::span<const std::uint32_t> pids);
  Result<> find_listeners();
  Result<> find_connections();
};

Result<> Tracer::Impl::load(std::string* refused) {
  const LibbpfLog log;
  const auto above = pid_namespaces_above();
  if (!above) return above.error();
  skeleton.reset(tracer_bpf__open());
  if (!skeleton) return libbpf_error("open the BPF object", errno, log);
  tracer_bpf* skel = skeleton.get();
  skel->rodata->cfg = kernel_settings(config, plan, *above);
  fill_expected_failures(skel->rodata->expected_failures);
  bpf_map__set_max_entries(skel->maps.events, config.ring_size_bytes);
  // Maps that only some variants use: their memory is taken in advance, so leave as little of them
  // as can be. Socket storage must not even be made where the kernel has none.
  if (plan.conns_by_address) {
    bpf_map__set_autocreate(skel->maps.conns, false);
    bpf_map__set_autocreate(skel->maps.udp_sockets, false);
  }
  if (!plan.conns_by_address) bpf_map__set_max_entries(skel->maps.conns_by_addr, 1);
  if (!plan.accept_seen) bpf_map__set_max_entries(skel->maps.accepts, 1);
  bpf_map__set_autocreate(skel->maps.stacks, config.want_stacks);
  bpf_map__set_autocreate(skel->maps.tls_calls, plan.find("tls") != nullptr);
  if (plan.find("tls") == nullptr) {
    bpf_map__set_max_entries(skel->maps.tls_ties, 1);
    bpf_map__set_max_entries(skel->maps.tls_conns, 1);
  }
  bpf_map__set_value_size(skel->maps.stacks, stack_frames() * sizeof(std::uint64_t));
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skel->obj) {
    bpf_program__set_autoload(program, plan.has_program(bpf_program__name(program)));
    if (is_on_code(program)) {
      bpf_program__set_expected_attach_type(
          program, static_cast<bpf_attach_type>(uprobe_attach_type(uprobe_method())));
    }
  }
  // Older kernels load such programs, and cannot attach them.
  if (uprobe_method() == UprobeMethod::Multi) {
    if (auto there = probe_uprobe_multi(); !there) {
      if (refused != nullptr) *refused = "tls_enter_um";
      return there;
    }
  }
  if (const int err = tracer_bpf__load(skel); err != 0) {
    if (refused != nullptr) *refused = log.program();
    return libbpf_error("load the BPF programs", -err, log);
  }
  return {};
}

Result<> Tracer::Impl::attach(const PlannedHook& hook, std::string* refused) {
  const LibbpfLog log;
  for (const std::string_view name : hook.programs) {
    const bpf_program* program =
        bpf_object__find_program_by_name(skeleton.get()->obj, std::string(name).c_str());
    if (program == nullptr) {
      return Error(ErrorCode::Runtime, fmt::format("no BPF program named {}", name));
    }
    if (is_on_code(program)) continue;
    if (is_on_cpu_clock(program)) {
      auto links = attach_to_cpu_clocks(program);
      if (!links) {
        if (refused != nullptr) *refused = name;
        return std::move(links).error().wrap(fmt::format("attach {}", name));
      }
      for (LinkHandle& link : *links)
        hooks.push_back({name, std::move(link)});
      continue;
    }
    LinkHandle link(iterates_sockets(program)
                        ? attach_to_map(program, bpf_map__fd(skeleton.get()->maps.conns))
                        : bpf_program__attach(program));
    if (!link) {
      const int err = errno;
      if (refused != nullptr) *refused = name;
      return libbpf_error(fmt::format("attach {}", name), err, log);
    }
    auto& list = is_iterator(program) ? iterators : hooks;
    list.push_back({name, std::move(link)});
  }
  return {};
}

UprobeMethod Tracer::Impl::uprobe_method() const {
  return plan.has_program("tls_enter_um") ? UprobeMethod::Multi : UprobeMethod::PerfEvent;
}

Result<> Tracer::Impl::attach_code(const bpf_program* program,
                                   int file,
                                   std::span<const UprobePoint> points) {
  if (points.empty()) return {};
  const LibbpfLog log;
  auto links = attach_uprobes(program, file, points, uprobe_method());
  if (!links) return std::move(links).error();
  on_code.push_back(*std::move(links));
  return {};
}

Result<std::vector<std::byte>> Tracer::Impl::run(std::string_view iterator) const {
  for (const Attached& attached : iterators) {
    if (attached.program != iterator) continue;
    auto bytes = run_iterator(attached.link.get());
    if (!bytes) return std::move(bytes).error().wrap(iterator);
    return bytes;
  }
  return std::vector<std::byte>{};  // not in the plan
}

Result<> Tracer::Impl::mark(std::span<const std::uint32_t> pids) {
  skeleton.get()->bss->all_found = false;
  const int map = bpf_map__fd(skeleton.get()->maps.target_pids);
  for (const std::uint32_t pid : pids) {
    const std::uint8_t one = 1;
    if (bpf_map_update_elem(map, &pid, &one, BPF_ANY) != 0) {
      return Error::from_errno("tell the kernel which process to follow", errno);
    }
  }
  // Twice: the iterator goes up by PID, so a thread whose number wrapped around while it was being
  // created by one that was not marked yet would be missed.
  for (int round = 0; round < 2; ++round) {
    if (auto done = run("mark_tasks"); !done) return std::move(done).error();
  }
  return {};
}

Result<> Tracer::Impl::find_listeners() {
  if (auto done = run("find_listeners"); !done) return std::move(done).error();
  return {};
}

Result<> Tracer::Impl::find_connections() {
  if (auto done = find_listeners(); !done) return done;
  if (auto done = run("find_conns"); !done) return std::move(done).error();
  skeleton.get()->bss->all_found = true;
  return {};
}

Result<Tracer> Tracer::create(const TracerConfig& config,
                              const AttachPlan& plan,
                              std::string* refused) {
  const std::uint32_t ring = config.ring_size_bytes;
  const auto page = static_cast<std::uint32_t>(sysconf(_SC_PAGESIZE));
  if (!std::has_single_bit(ring) || ring < page) {
    return Error(ErrorCode::Usage, fmt::format("the ring buffer cannot be {} bytes large", ring),
                 fmt::format("a power of two, at least {}", page));
  }
  auto impl = std::make_unique<Impl>();
  impl->config = config;
  impl->plan = plan;
  if (auto loaded = impl->load(refused); !loaded) return std::move(loaded).error();
  const auto attach_all = [&](auto&& wanted) -> Result<> {
    for (const PlannedHook& hook : plan.hooks) {
      if (!wanted(hook.hook->group)) continue;
      if (auto done = impl->attach(hook, refused); !done) return done;
    }
    return {};
  };
  // Processes first: whatever a marked thread creates is then marked by its creation. Listeners
  // before anything is read or written: a connection that is used before its listener is known
  // would be taken for an outgoing one.
  auto done = attach_all([](HookGroup group) { return group == HookGroup::Process; });
  if (done) done = impl->mark(config.pids);
  if (done) done = attach_all([](HookGroup group) { return group == HookGroup::Conn; });
  if (done) done = impl->find_listeners();
  if (done) {
    done = attach_all(
        [](HookGroup group) { return group != HookGroup::Process && group != HookGroup::Conn; });
  }
  if (done) done = impl->find_connections();
  if (!done) return std::move(done).error();
  return Tracer(std::move(impl));
}

Tracer::Tracer(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Tracer::Tracer(Tracer&&) noexcept = default;
Tracer& Tracer::operator=(Tracer&&) noexcept = default;
Tracer::~Tracer() = default;

Result<> Tracer::add_targets(std::span<const std::uint32_t> pids) {
  if (auto done = impl_->mark(pids); !done) return done;
  return impl_->find_connections();
}

// What is left first: a thread that was seen to enter is then seen to leave.
Result<> Tracer::attach_tls(int file,
                            std::span<const UprobePoint> entered,
                            std::span<const UprobePoint> left) {
  if (impl_->plan.find("tls") == nullptr)
    return Error(ErrorCode::Unsupported, "this kernel cannot probe the code of programs");
  const auto& programs = impl_->skeleton.get()->progs;
  const bool multi = impl_->uprobe_method() == UprobeMethod::Multi;
  const bpf_program* leave = multi ? programs.tls_leave_um : programs.tls_leave_up;
  const bpf_program* enter = multi ? programs.tls_enter_um : programs.tls_enter_up;
  if (auto done = impl_->attach_code(leave, file, left); !done) return done;
  auto done = impl_->attach_code(enter, file, entered);
  if (!done && !left.empty()) impl_->on_code.pop_back();
  return done;
}

Result<LossCounters> Tracer::read_counters() const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return Error::from_errno("count the CPUs", -cpus);
  const int map = bpf_map__fd(impl_->skeleton.get()->maps.counters);
  std::vector<std::uint64_t> slots(static_cast<std::size_t>(cpus));
  LossCounters sums{};
  for (std::uint32_t key = 0; key < TW_CNT_MAX; ++key) {
    if (bpf_map_lookup_elem(map, &key, slots.data()) != 0) {
      return Error::from_errno("read the loss counters", errno);
    }
    for (const std::uint64_t slot : slots) {
      sums[key] += slot;
    }
  }
  for (const LoadedProgram& program : programs()) {
    const auto stats = read_program_stats(program.fd);
    if (!stats) return stats.error();
    sums[TW_CNT_PROGRAM_MISSED] += stats->missed;
  }
  return sums;
}

Result<std::vector<SyscallErrorRow>> Tracer::read_syscall_errors() const {
  const bpf_map* map = impl_->skeleton.get()->maps.syscall_errors;
  const std::size_t capacity = bpf_map__max_entries(map);
  std::vector<tw_syscall_key> keys(capacity);
  std::vector<tw_syscall_count> values(capacity);
  std::vector<SyscallErrorRow> rows;
  std::uint32_t position = 0;
  for (void* in = nullptr;; in = &position) {
    auto count = static_cast<std::uint32_t>(capacity);
    const int err = bpf_map_lookup_batch(bpf_map__fd(map), in, &position, keys.data(),
                                         values.data(), &count, nullptr);
    if (err != 0 && err != -ENOENT) return Error::from_errno("read the failing system calls", -err);
    for (std::uint32_t i = 0; i < count; ++i) {
      rows.push_back({keys[i], values[i].count});
    }
    if (err == -ENOENT) return rows;  // the end
  }
}

Result<> Tracer::forget_threads(std::span<const ThreadId> threads) {
  if (threads.empty()) return {};
  auto rows = read_syscall_errors();
  if (!rows) return std::move(rows).error();
  const int map = bpf_map__fd(impl_->skeleton.get()->maps.syscall_errors);
  for (const SyscallErrorRow& row : *rows) {
    const ThreadId owner{row.key.pid, row.key.tid};
    if (std::find(threads.begin(), threads.end(), owner) == threads.end()) continue;
    if (bpf_map_delete_elem(map, &row.key) != 0 && errno != ENOENT) {
      return Error::from_errno("forget a thread's failing system calls", errno);
    }
  }
  return {};
}

Result<std::vector<tw_thread_info>> Tracer::list_threads() const {
  auto bytes = impl_->run("list_threads");
  if (!bytes) return std::move(bytes).error();
  std::vector<tw_thread_info> threads(bytes->size() / sizeof(tw_thread_info));
  if (!threads.empty()) {
    std::memcpy(threads.data(), bytes->data(), threads.size() * sizeof(tw_thread_info));
  }
  return threads;
}

std::vector<std::uint64_t> Tracer::read_stack(std::int32_t id) const {
  const bpf_map* map = impl_->skeleton.get()->maps.stacks;
  if (id < 0 || bpf_map__fd(map) < 0) return {};
  std::vector<std::uint64_t> frames(bpf_map__value_size(map) / sizeof(std::uint64_t));
  if (bpf_map_lookup_elem(bpf_map__fd(map), &id, frames.data()) != 0) return {};
  frames.erase(std::find(frames.begin(), frames.end(), 0), frames.end());
  return frames;
}

Result<std::optional<std::vector<std::uint64_t>>> Tracer::list_unix() const {
  using Ids = std::vector<std::uint64_t>;
  if (!impl_->plan.has_program("list_unix")) return std::optional<Ids>();
  auto bytes = impl_->run("list_unix");
  if (!bytes) return std::move(bytes).error();
  Ids ids(bytes->size() / sizeof(std::uint64_t));
  if (!ids.empty()) std::memcpy(ids.data(), bytes->data(), ids.size() * sizeof(std::uint64_t));
  return std::optional<Ids>(std::move(ids));
}

void Tracer::detach() {
  impl_->on_code.clear();
  impl_->hooks.clear();
}

const AttachPlan& Tracer::plan() const noexcept {
  return impl_->plan;
}

int Tracer::ring_fd() const noexcept {
  return bpf_map__fd(impl_->skeleton.get()->maps.events);
}

std::uint32_t Tracer::ring_size_bytes() const noexcept {
  return impl_->config.ring_size_bytes;
}

std::vector<LoadedProgram> Tracer::programs() const {
  std::vector<LoadedProgram> loaded;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, impl_->skeleton.get()->obj) {
    if (const int fd = bpf_program__fd(program); fd >= 0) {
      loaded.push_back({bpf_program__name(program), fd});
    }
  }
  return loaded;
}

}  // namespace tailwhy
