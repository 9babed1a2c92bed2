#include "bpf/feature_probe.h"

#include "base/handle.h"
#include "bpf/libbpf_log.h"
#include "bpf/uprobe_link.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/bpf.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tailwhy {
namespace {

struct BtfTraits {
  static btf* invalid() noexcept { return nullptr; }
  static void close(btf* kernel) noexcept { btf__free(kernel); }
};
using BtfHandle = Handle<btf*, BtfTraits>;

// A feature that the kernel has if its BTF has all of these: tracepoints (as typedefs
// btf_trace_NAME) or functions, the tracepoints with at least so many arguments.
struct BtfRow {
  tw_feature feature;
  bool tracepoints;
  std::array<std::string_view, 3> names;
  std::uint16_t arguments = 0;
};

constexpr BtfRow kBtfRows[] = {
    {TW_FEAT_SOCK_LENGTH_TP, true, {"sock_send_length", "sock_recv_length"}},
    {TW_FEAT_DATA_READY_TP, true, {"sk_data_ready"}},
    {TW_FEAT_SET_STATE_TP, true, {"inet_sock_set_state"}},
    {TW_FEAT_TCP_PROBE_TP, true, {"tcp_probe"}},
    {TW_FEAT_RETRANSMIT_TP, true, {"tcp_retransmit_skb"}},
    {TW_FEAT_RETRANSMIT_ERR, true, {"tcp_retransmit_skb"}, 3},
    {TW_FEAT_RESET_TP, true, {"tcp_send_reset", "tcp_receive_reset"}},
    {TW_FEAT_SCHED_TP, true, {"sched_switch", "sched_wakeup", "sched_wakeup_new"}},
    {TW_FEAT_PROCESS_TP, true, {"sched_process_fork", "sched_process_exec", "sched_process_exit"}},
    {TW_FEAT_SYS_EXIT_TP, true, {"sys_exit"}},
    {TW_FEAT_KERNEL_SENDPAGE, false, {"kernel_sendpage"}},
    {TW_FEAT_ITER, false, {"bpf_iter_task", "bpf_iter_task_file"}},
};

// Attach points of the programs that are tried.
constexpr std::string_view kTriedTracepoint = "sched_switch";
constexpr std::string_view kTriedFunction = "inet_sendmsg";

struct HelperRow {
  tw_feature feature;
  bpf_func_id helper;
};

constexpr HelperRow kHelperRows[] = {
    {TW_FEAT_SK_STORAGE, BPF_FUNC_sk_storage_get},
    {TW_FEAT_TASK_STORAGE, BPF_FUNC_task_storage_get},
    {TW_FEAT_RINGBUF, BPF_FUNC_ringbuf_reserve},
    {TW_FEAT_PT_REGS, BPF_FUNC_task_pt_regs},
};

// The wanted tracepoints and functions of a kernel, with their BTF ids.
class KernelBtf {
 public:
  static KernelBtf load() {
    KernelBtf kernel;
    const LibbpfLog log;
    kernel.btf_.reset(btf__load_vmlinux_btf());
    if (!kernel.btf_) {
      kernel.error_ = errno;
      return kernel;
    }
    kernel.want(kTriedTracepoint, true);
    kernel.want(kTriedFunction, false);
    for (const BtfRow& row : kBtfRows) {
      for (const std::string_view name : row.names) {
        if (!name.empty()) kernel.want(name, row.tracepoints);
      }
    }
    kernel.search();
    return kernel;
  }

  [[nodiscard]] bool loaded() const { return static_cast<bool>(btf_); }
  [[nodiscard]] int error() const { return error_; }

  /// 0: not there.
  [[nodiscard]] std::uint32_t id(std::string_view name, bool tracepoint) const {
    const auto it = ids_.find(key(name, tracepoint));
    return it == ids_.end() ? 0 : it->second;
  }

  /// Arguments of a tracepoint: its prototype has one more, the first, which no program sees.
  [[nodiscard]] std::uint16_t arguments(std::string_view tracepoint) const {
    const btf_type* type = btf__type_by_id(btf_.get(), id(tracepoint, true));
    for (int depth = 0; depth < 2 && type != nullptr && !btf_is_func_proto(type); ++depth) {
      type = btf__type_by_id(btf_.get(), type->type);
    }
    if (type == nullptr || !btf_is_func_proto(type) || btf_vlen(type) == 0) return 0;
    return static_cast<std::uint16_t>(btf_vlen(type) - 1);
  }

 private:
  static std::string key(std::string_view name, bool tracepoint) {
    return fmt::format("{}{}", tracepoint ? "btf_trace_" : "", name);
  }
  void want(std::string_view name, bool tracepoint) { ids_[key(name, tracepoint)] = 0; }

  // One pass over everything: a search per name would be a pass each.
  void search() {
    const std::uint32_t count = btf__type_cnt(btf_.get());
    for (std::uint32_t id = 1; id < count; ++id) {
      const btf_type* type = btf__type_by_id(btf_.get(), id);
      if (!btf_is_typedef(type) && !btf_is_func(type)) continue;
      const auto it = ids_.find(btf__name_by_offset(btf_.get(), type->name_off));
      if (it == ids_.end()) continue;
      if (btf_is_typedef(type) == it->first.starts_with("btf_trace_")) it->second = id;
    }
  }

  BtfHandle btf_;
  int error_ = 0;
  std::unordered_map<std::string, std::uint32_t> ids_;
};

bpf_insn insn(std::uint8_t code, std::uint8_t dst, std::int32_t imm) {
  bpf_insn made{};
  made.code = code;
  made.dst_reg = dst & 0xF;
  made.imm = imm;
  return made;
}

const bpf_insn kReturnZero = insn(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0);
const bpf_insn kExit = insn(BPF_JMP | BPF_EXIT, 0, 0);

struct Tried {
  UniqueFd program;
  int error = 0;
  std::string log;
};

Tried try_load(bpf_attach_type attach, std::uint32_t btf_id, const std::vector<bpf_insn>& code) {
  std::array<char, 4096> log{};
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  options.expected_attach_type = attach;
  options.attach_btf_id = btf_id;
  options.log_buf = log.data();
  options.log_size = log.size();
  options.log_level = 1;
  Tried tried;
  tried.program.reset(bpf_prog_load(BPF_PROG_TYPE_TRACING, "tw_probe", "Dual BSD/GPL", code.data(),
                                    code.size(), &options));
  if (!tried.program) tried.error = errno;
  tried.log = log.data();
  return tried;
}

std::string refusal(int err) {
  return fmt::format("the kernel refuses it: {}", std::strerror(err));
}

void ask_btf(const KernelBtf& kernel, KernelFeatures& features) {
  for (const BtfRow& row : kBtfRows) {
    std::string absent;
    for (const std::string_view name : row.names) {
      if (!name.empty() && kernel.id(name, row.tracepoints) == 0) absent = name;
    }
    if (!absent.empty()) {
      features.set(row.feature, Support::No, fmt::format("{} is not in the kernel's BTF", absent));
    } else if (row.arguments > 0 && kernel.arguments(row.names[0]) < row.arguments) {
      features.set(row.feature, Support::No, fmt::format("{} does not say", row.names[0]));
    } else {
      features.set(row.feature, Support::Yes);
    }
  }
}

// True if the kernel lets us load such programs at all.
bool ask_tp_btf(const KernelBtf& kernel, KernelFeatures& features) {
  const std::uint32_t id = kernel.id(kTriedTracepoint, true);
  const Tried tried = try_load(BPF_TRACE_RAW_TP, id, {kReturnZero, kExit});
  if (tried.program) {
    features.set(TW_FEAT_TP_BTF, Support::Yes);
    return true;
  }
  const bool forbidden = tried.error == EPERM || tried.error == EACCES;
  features.set(TW_FEAT_TP_BTF, forbidden ? Support::Unknown : Support::No, refusal(tried.error));
  return false;
}

// Loading is refused on some kernels, attaching on others.
void ask_fexit(const KernelBtf& kernel, KernelFeatures& features) {
  const std::uint32_t id = kernel.id(kTriedFunction, false);
  if (id == 0) {
    features.set(TW_FEAT_FEXIT, Support::No, "inet_sendmsg is not in the kernel's BTF");
    return;
  }
  const Tried tried = try_load(BPF_TRACE_FEXIT, id, {kReturnZero, kExit});
  if (!tried.program) {
    features.set(TW_FEAT_FEXIT, Support::No, refusal(tried.error));
    return;
  }
  const UniqueFd link(bpf_raw_tracepoint_open(nullptr, tried.program.get()));
  const int err = errno;
  features.set(TW_FEAT_FEXIT, link ? Support::Yes : Support::No, link ? "" : refusal(err));
}

// Calls the helper with no arguments: whatever else the verifier finds wrong with that, it first
// says whether there is such a helper for such programs.
void ask_helper(const KernelBtf& kernel, const HelperRow& row, KernelFeatures& features) {
  const bpf_insn call = insn(BPF_JMP | BPF_CALL, 0, row.helper);
  const Tried tried =
      try_load(BPF_TRACE_RAW_TP, kernel.id(kTriedTracepoint, true), {call, kReturnZero, kExit});
  for (const std::string_view words : {"unknown func", "invalid func", "cannot use helper"}) {
    if (tried.log.find(words) == std::string::npos) continue;
    features.set(
        row.feature, Support::No,
        fmt::format("tracing programs have no helper number {}", static_cast<int>(row.helper)));
    return;
  }
  features.set(row.feature, Support::Yes);
}

}  // namespace

KernelFeatures detect_features() {
  KernelFeatures features;
  const KernelBtf kernel = KernelBtf::load();
  if (!kernel.loaded()) {
    const std::string because =
        fmt::format("no BTF at /sys/kernel/btf/vmlinux: {}", std::strerror(kernel.error()));
    for (std::size_t i = 0; i < TW_FEAT_MAX; ++i) {
      features.set(static_cast<tw_feature>(i), Support::No, because);
    }
    return features;
  }
  ask_btf(kernel, features);
  const Result<> multi = probe_uprobe_multi();
  features.set(TW_FEAT_UPROBE_MULTI, multi ? Support::Yes : Support::No,
               multi ? "" : multi.error().message());
  if (ask_tp_btf(kernel, features)) {
    ask_fexit(kernel, features);
    for (const HelperRow& row : kHelperRows) {
      ask_helper(kernel, row, features);
    }
  } else {
    const KernelFeatures::Answer& answer = features.of(TW_FEAT_TP_BTF);
    features.set(TW_FEAT_FEXIT, answer.support, answer.because);
    for (const HelperRow& row : kHelperRows) {
      features.set(row.feature, answer.support, answer.because);
    }
  }
  return features;
}

}  // namespace tailwhy
