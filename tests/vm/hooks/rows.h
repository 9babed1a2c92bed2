/* The hooks and the kernel series they are in: SINCE (0 = always) up to, not including, UNTIL (0 = still).
 * Shared by the programs and by the one that attaches them. A series is major * 1000 + minor.
 */
#pragma once

#define HOOKS(X)                                               \
	X(sock_send_tp, "tp_btf/sock_send_length", 6003, 0)    \
	X(sock_recv_tp, "tp_btf/sock_recv_length", 6003, 0)    \
	X(data_ready_tp, "tp_btf/sk_data_ready", 6003, 0)      \
	X(sendmsg_lk_tp, "tp_btf/tcp_sendmsg_locked", 6016, 0) \
	X(set_state_tp, "tp_btf/inet_sock_set_state", 0, 0)    \
	X(destroy_tp, "tp_btf/tcp_destroy_sock", 0, 0)         \
	X(switch_tp, "tp_btf/sched_switch", 0, 0)              \
	X(waking_tp, "tp_btf/sched_waking", 0, 0)              \
	X(sys_exit_tp, "tp_btf/sys_exit", 0, 0)                \
	X(sys_exit_raw, "raw_tp/sys_exit", 0, 0)               \
	X(sys_read_perf, "tp/syscalls/sys_enter_read", 0, 0)   \
	X(recvmsg_fe, "fentry/sock_recvmsg", 0, 0)             \
	X(recvmsg_fx, "fexit/sock_recvmsg", 0, 0)              \
	X(sendmsg_fx, "fexit/__sock_sendmsg", 0, 6002)         \
	X(sendpage_fx, "fexit/kernel_sendpage", 0, 6005)       \
	X(inet_send_fx, "fexit/inet_sendmsg", 0, 0)            \
	X(inet6_send_fx, "fexit/inet6_sendmsg", 0, 0)          \
	X(unix_send_fx, "fexit/unix_stream_sendmsg", 0, 0)     \
	X(readable_fe, "fentry/sock_def_readable", 0, 0)       \
	X(tcp_splice_fx, "fexit/tcp_splice_read", 0, 0)        \
	X(sendmsg_kp, "kprobe/tcp_sendmsg", 0, 0)              \
	X(sendmsg_krp, "kretprobe/tcp_sendmsg", 0, 0)          \
	X(sendmsg_multi, "kprobe.multi/tcp_sendmsg", 6012, 0)  \
	X(lsm_sendmsg, "lsm/socket_sendmsg", 0, 0)

enum hook {
#define HOOK_ENUM(name, section, since, until) HOOK_##name,
	HOOKS(HOOK_ENUM)
#undef HOOK_ENUM
	HOOK_COUNT
};
