/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What kernels differ in. Found by asking BTF or by trying, never by version. */
#ifndef TAILWHY_ABI_FEATURES_H
#define TAILWHY_ABI_FEATURES_H

/* X(NAME, name for --disable-feature, what it is, kernel that brought it) */
#define TW_FEATURES(X)                                                                            \
	X(TP_BTF, "tp_btf", "BTF-typed raw tracepoints", "5.5")                                   \
	X(FEXIT, "fexit", "fentry and fexit programs", "5.5")                                     \
	X(SOCK_LENGTH_TP, "sock_length_tp", "sock:sock_send_length and sock_recv_length", "6.3")  \
	X(KERNEL_SENDPAGE, "kernel_sendpage", "kernel_sendpage(), which sendfile used", "2.6.23") \
	X(DATA_READY_TP, "data_ready_tp", "sock:sk_data_ready", "6.3")                            \
	X(SET_STATE_TP, "set_state_tp", "sock:inet_sock_set_state", "4.16")                       \
	X(TCP_PROBE_TP, "tcp_probe_tp", "tcp:tcp_probe", "4.16")                                  \
	X(RETRANSMIT_TP, "retransmit_tp", "tcp:tcp_retransmit_skb", "4.16")                       \
	X(RETRANSMIT_ERR, "retransmit_err", "whether an attempt to send again failed", "6.17")    \
	X(RESET_TP, "reset_tp", "tcp:tcp_send_reset and tcp_receive_reset", "4.16")               \
	X(SCHED_TP, "sched_tp", "sched:sched_switch, _waking, _wakeup, _wakeup_new", "4.3")       \
	X(PROCESS_TP, "process_tp", "sched:sched_process_fork, _exec, _exit", "2.6.28")           \
	X(SYS_EXIT_TP, "sys_exit_tp", "raw_syscalls:sys_exit", "2.6.34")                          \
	X(SK_STORAGE, "sk_storage", "socket storage in tracing programs", "5.11")                 \
	X(TASK_STORAGE, "task_storage", "task storage in tracing programs", "5.11")               \
	X(ITER, "iter", "task and task_file iterators", "5.8")                                    \
	X(RINGBUF, "ringbuf", "the BPF ring buffer", "5.8")                                       \
	X(PT_REGS, "pt_regs", "saved registers of a thread (bpf_task_pt_regs)", "5.15")           \
	X(UPROBE_MULTI, "uprobe_multi", "one link for many places in the code of programs", "6.6")

enum tw_feature {
#define TW_ROW(NAME, name, doc, since) TW_FEAT_##NAME,
	TW_FEATURES(TW_ROW)
#undef TW_ROW
	TW_FEAT_MAX
};

#endif
