#include "bpf/hooks.h"

namespace tailwhy {
namespace {

constexpr HookProgram kProcess[] = {
    {"fork_tp", {TW_FEAT_PROCESS_TP}},
    {"exec_tp", {TW_FEAT_PROCESS_TP}},
    {"exit_tp", {TW_FEAT_PROCESS_TP}},
};
constexpr HookProgram kMark[] = {{"mark_tasks", {TW_FEAT_ITER}}};
constexpr HookProgram kThreads[] = {{"list_threads", {TW_FEAT_ITER}}};
constexpr HookProgram kState[] = {{"set_state_tp", {TW_FEAT_SET_STATE_TP}}};
constexpr HookProgram kFind[] = {
    {"find_listeners", {TW_FEAT_ITER}},
    {"find_conns", {TW_FEAT_ITER}},
};
constexpr HookProgram kUnixOpen[] = {{"list_unix", {TW_FEAT_ITER, TW_FEAT_SK_STORAGE}}};
constexpr HookProgram kIoTp[] = {
    {"sock_send_tp", {TW_FEAT_SOCK_LENGTH_TP}},
    {"sock_recv_tp", {TW_FEAT_SOCK_LENGTH_TP}},
};
constexpr HookProgram kIoFx[] = {
    {"inet_send_fx", {TW_FEAT_FEXIT}},
    {"inet6_send_fx", {TW_FEAT_FEXIT}},
    {"unix_send_fx", {TW_FEAT_FEXIT}},
    {"sendpage_fx", {TW_FEAT_FEXIT, TW_FEAT_KERNEL_SENDPAGE}, true},
    {"inet_recv_fx", {TW_FEAT_FEXIT}},
    {"inet6_recv_fx", {TW_FEAT_FEXIT}},
    {"unix_recv_fx", {TW_FEAT_FEXIT}},
};
constexpr HookProgram kIoSys[] = {{"sys_io_tp", {TW_FEAT_SYS_EXIT_TP}}};
constexpr HookProgram kReadyTp[] = {{"data_ready_tp", {TW_FEAT_DATA_READY_TP}}};
constexpr HookProgram kReadyFe[] = {{"data_ready_fe", {TW_FEAT_FEXIT}}};
constexpr HookProgram kReadyProbe[] = {{"tcp_probe_tp", {TW_FEAT_TCP_PROBE_TP}}};
constexpr HookProgram kRetransmitErr[] = {
    {"retrans_err_tp", {TW_FEAT_RETRANSMIT_TP, TW_FEAT_RETRANSMIT_ERR}},
};
constexpr HookProgram kRetransmit[] = {{"retransmit_tp", {TW_FEAT_RETRANSMIT_TP}}};
constexpr HookProgram kReset[] = {
    {"reset_in_tp", {TW_FEAT_RESET_TP}},
    {"reset_out_tp", {TW_FEAT_RESET_TP}},
};
constexpr HookProgram kSched[] = {
    {"switch_tp", {TW_FEAT_SCHED_TP}},
    {"waking_tp", {TW_FEAT_SCHED_TP}},
    {"wakeup_tp", {TW_FEAT_SCHED_TP}},
    {"wakeup_new_tp", {TW_FEAT_SCHED_TP}},
};
constexpr HookProgram kSysExit[] = {{"sys_exit_tp", {TW_FEAT_SYS_EXIT_TP}}};

constexpr HookProgram kAck[] = {{"ack_tp", {TW_FEAT_TCP_PROBE_TP}}};
constexpr HookProgram kCpuClock[] = {{"cpu_clock_pe"}};
constexpr HookProgram kTlsMulti[] = {
    {"tls_enter_um", {TW_FEAT_UPROBE_MULTI}},
    {"tls_leave_um", {TW_FEAT_UPROBE_MULTI}},
};
constexpr HookProgram kTlsEvents[] = {{"tls_enter_up"}, {"tls_leave_up"}};

constexpr HookVariant kProcessBy[] = {{"tracepoints", kProcess}};
constexpr HookVariant kMarkBy[] = {{"iterator", kMark}};
constexpr HookVariant kThreadsBy[] = {{"iterator", kThreads}};
constexpr HookVariant kStateBy[] = {{"tracepoint", kState}};
constexpr HookVariant kFindBy[] = {{"iterators", kFind}};
constexpr HookVariant kUnixOpenBy[] = {
    {.name = "iterator", .programs = kUnixOpen, .needs_storage = true},
};
constexpr HookVariant kIoBy[] = {
    {"tracepoints", kIoTp},
    {"fexit", kIoFx, "calls that are waiting already when it is attached"},
    {.name = "system calls",
     .programs = kIoSys,
     .lacks = "UDP, io_uring and 32-bit processes",
     .conns_by_address = true},
};
constexpr HookVariant kReadyBy[] = {
    {"tracepoint", kReadyTp},
    {"fentry", kReadyFe},
    {"tcp_probe", kReadyProbe, "Unix sockets, datagrams, and data that comes with the handshake"},
};
constexpr HookVariant kRetransmitBy[] = {
    {"tracepoint with its error", kRetransmitErr},
    {"tracepoint", kRetransmit},
};
constexpr HookVariant kResetBy[] = {{"tracepoints", kReset}};
constexpr HookVariant kAckBy[] = {{"tracepoint", kAck}};
constexpr HookVariant kSchedBy[] = {{"tracepoints", kSched}};
constexpr HookVariant kSysExitBy[] = {{"tracepoint", kSysExit}};
constexpr HookVariant kTlsBy[] = {{"uprobe_multi", kTlsMulti}, {"perf uprobes", kTlsEvents}};
constexpr HookVariant kCpuStacksBy[] = {{"CPU clock", kCpuClock}};

// In the order of attaching.
constexpr HookSpec kHooks[] = {
    {.name = "process",
     .group = HookGroup::Process,
     .required = true,
     .gives = "child processes, execs and exits of the target",
     .variants = kProcessBy},
    {.name = "mark",
     .group = HookGroup::Process,
     .required = true,
     .gives = "the threads that the target has already",
     .variants = kMarkBy},
    {.name = "threads",
     .group = HookGroup::Process,
     .required = false,
     .gives = "CPU and waiting time of each thread",
     .variants = kThreadsBy},
    {.name = "conn_state",
     .group = HookGroup::Conn,
     .required = false,
     .gives = "when connections open and close, and which are refused or reset",
     .variants = kStateBy},
    {.name = "sock_io",
     .group = HookGroup::Io,
     .required = true,
     .gives = "requests and responses",
     .variants = kIoBy},
    {.name = "data_ready",
     .group = HookGroup::Io,
     .required = false,
     .gives = "how long requests wait in the socket before they are read",
     .variants = kReadyBy},
    {.name = "retransmit",
     .group = HookGroup::Net,
     .required = false,
     .gives = "TCP retransmits",
     .variants = kRetransmitBy},
    {.name = "reset",
     .group = HookGroup::Net,
     .required = false,
     .gives = "which side reset a connection",
     .variants = kResetBy},
    {.name = "ack",
     .group = HookGroup::Ack,
     .required = false,
     .on_request = true,
     .gives = "when clients have received their responses, and when they take no more",
     .variants = kAckBy},
    {.name = "sched",
     .group = HookGroup::Sched,
     .required = false,
     .gives = "time on CPU, in run queues and asleep",
     .variants = kSchedBy},
    {.name = "cpu_stacks",
     .group = HookGroup::Sched,
     .required = false,
     .gives = "where in the code requests use the CPU (--stacks)",
     .variants = kCpuStacksBy,
     .for_stacks = true},
    {.name = "tls",
     .group = HookGroup::Tls,
     .required = false,
     .on_request = true,
     .gives = "plaintext of encrypted connections (--tls)",
     .variants = kTlsBy},
    {.name = "sys_exit",
     .group = HookGroup::Syscalls,
     .required = false,
     .gives = "failing system calls, and the moment of accept(2)",
     .variants = kSysExitBy},
    {.name = "unix_open",
     .group = HookGroup::Conn,
     .required = false,
     .gives = "that Unix connections have closed",
     .variants = kUnixOpenBy},
    {.name = "find",
     .group = HookGroup::Conn,
     .required = false,
     .gives = "connections that were open before the attach",
     .variants = kFindBy},
};

constexpr std::string_view kGroupNames[kHookGroups] = {"process", "conn",     "io",  "net",
                                                       "sched",   "syscalls", "ack", "tls"};

}  // namespace

std::string_view to_string(HookGroup group) noexcept {
  return kGroupNames[static_cast<std::size_t>(group)];
}

std::span<const HookSpec> hook_table() noexcept {
  return kHooks;
}

}  // namespace tailwhy
