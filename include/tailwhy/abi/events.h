/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Records of the ring buffer and of recordings. Every record starts with tw_ev_hdr; all stamps are
 * CLOCK_MONOTONIC nanoseconds. Rows are appended only: old recordings are read by new builds.
 */
#ifndef TAILWHY_ABI_EVENTS_H
#define TAILWHY_ABI_EVENTS_H

#include "tailwhy/abi/base.h"

/* X(number, NAME, struct suffix, what it says) */
#define TW_EVENTS(X)                                                                             \
	X(1, CONN_OPEN, conn_open, "a connection of the target was established or found open")   \
	X(2, DATA, data, "bytes crossed a socket boundary, with a bounded prefix of them")       \
	X(3, ARRIVAL, arrival, "a later byte of one read became readable at its own time")       \
	X(4, CONN_SHUT, conn_shut, "one side of a connection sent its FIN")                      \
	X(5, CONN_CLOSE, conn_close, "a connection ended")                                       \
	X(6, RETRANSMIT, retransmit, "TCP sent a segment of this connection again")              \
	X(7, IO_ERROR, io_error, "a socket call failed")                                         \
	X(8, TASK_FORK, task_fork, "a traced process created a process")                         \
	X(9, TASK_EXEC, task_exec, "a traced process executed a new program")                    \
	X(10, TASK_EXIT, task_exit, "a traced thread or process ended, with its accounts")       \
	X(11, OFF_CPU, off_cpu, "a traced thread is back on a CPU: why and how long it was not") \
	X(12, CALL_ERRORS, call_errors,                                                          \
	  "system calls of a thread failed since its last socket call")                          \
	X(13, CONN_CONNECT, conn_connect, "a thread of the target begins to connect")            \
	X(14, ACK, ack,                                                                          \
	  "the peer has acknowledged all that was sent, or closed or opened its window")         \
	X(15, STACK, stack, "where a thread of the target was in its code")                      \
	X(16, DATAGRAM, datagram, "a datagram crossed a socket boundary, with its first bytes")

enum tw_event_type {
	TW_EV_NONE = 0,
#define TW_ROW(num, NAME, name, doc) TW_EV_##NAME = num,
	TW_EVENTS(TW_ROW)
#undef TW_ROW
	TW_EV_END
};

enum tw_dir {
	TW_DIR_IN = 0, /* received by the target */
	TW_DIR_OUT = 1, /* sent by the target */
};

/* Which end of the connection the target is. */
enum tw_role {
	TW_ROLE_UNKNOWN =
		0, /* a socketpair, or an open socket without a listener that explains it */
	TW_ROLE_SERVER = 1,
	TW_ROLE_CLIENT = 2,
	TW_ROLE_LISTENER = 3, /* in the kernel only: never in an event */
};

/* Address families as the kernel numbers them. */
enum tw_family {
	TW_AF_UNIX = 1,
	TW_AF_INET = 2,
	TW_AF_INET6 = 10,
};

struct tw_ev_hdr {
	__u64 ts_ns;
	__u16 type; /* enum tw_event_type */
	__u16 cpu;
	__u32 size_bytes; /* of the record with its payload; the ring sample may be longer */
};
TW_ABI_SIZE(struct tw_ev_hdr, 16);

enum tw_conn_open_flags {
	TW_OPEN_EXISTING = 1 << 0, /* open before the attach: what came earlier was not seen */
	TW_OPEN_CONNECT_FAILED = 1 << 1, /* never established: `error` says why */
	/* 1 << 2: in old recordings, received bytes wait in its queue; nobody asks */
	TW_OPEN_FIRST_USE = 1 << 3, /* found by its first read or write, not by its handshake */
	TW_OPEN_ASKED =
		1 << 4, /* EXISTING, and the asking side was the last to send: no answer yet */
};

struct tw_ev_conn_open {
	struct tw_ev_hdr hdr;
	__u64 conn_id; /* socket cookie */
	__u64 established_ns; /* 0: not seen */
	__u32 pid; /* process that uses it, 0 while it waits in the accept queue */
	__u32 netns_inum;
	__u8 role; /* enum tw_role */
	__u8 family; /* enum tw_family */
	__u8 flags; /* enum tw_conn_open_flags */
	__u8 _pad;
	__u16 local_port; /* host order */
	__u16 remote_port; /* host order */
	__u32 error; /* errno, only with CONNECT_FAILED */
	__u32 _pad2;
	union {
		struct {
			__u8 local[16]; /* IPv4 in the first four bytes, network order */
			__u8 remote[16];
		} ip;
		char unix_path[TW_UNIX_PATH_BYTES]; /* empty: unnamed; first byte 0: abstract */
	} addr;
	__u32 _pad3;
};
TW_ABI_SIZE(struct tw_ev_conn_open, 168);

enum tw_data_flags {
	TW_DATA_MORE = 1 << 0, /* another record with payload of the same call follows */
	TW_DATA_UNREADABLE = 1 << 1, /* no user buffer: sendfile, splice, io_uring, unknown call */
	TW_DATA_FAULT = 1 << 2, /* the buffer was there but reading it failed */
	TW_DATA_ACCEPT_SEEN = 1 << 3, /* accepted_ns is the accept call, not the first use */
	TW_DATA_CONT =
		1 << 4, /* piece_off_bytes > 0: the call was announced by an earlier record */
	TW_DATA_NO_SPACE =
		1 << 5, /* OUT: the socket's buffer is full, the peer has to take some first */
	/*
	 * These are not the socket's bytes but what a TLS library made of them, or will: told when
	 * its call returns, with offsets of their own. The first record of a side has offset 0.
	 */
	TW_DATA_PLAIN = 1 << 6,
	/*
	 * The socket's bytes: they are those of a TLS library's session. Of plaintext: the library
	 * moves the socket's bytes itself, so those of this call were told before it.
	 */
	TW_DATA_TLS = 1 << 7,
};

struct tw_ev_data {
	struct tw_ev_hdr hdr; /* ts: the call returned; payload follows the struct */
	__u64 conn_id;
	__u64 offset_bytes; /* of the call's first byte in its direction of the stream */
	__u64 arrived_ns; /* IN: the call's first byte became readable; 0: not seen */
	__u64 accepted_ns; /* first call on an accepted connection only; else 0 */
	__u32 len_bytes; /* size of the call, not of the captured payload */
	__u32 piece_off_bytes; /* where this payload starts within the call */
	__u32 captured_bytes; /* payload bytes in this record */
	__u32 pid;
	__u32 tid;
	__u8 dir; /* enum tw_dir */
	__u8 flags; /* enum tw_data_flags */
	__u8 tail_len_bytes; /* valid bytes of tail; 0: captured to the end, or not readable */
	__u8 _pad;
	__u8 tail[TW_TAIL_BYTES]; /* the last bytes of a call that was not captured to its end */
};
TW_ABI_SIZE(struct tw_ev_data, 80);

/* In offset_bytes: when the bytes from there on became readable is not known. */
#define TW_ARRIVAL_UNKNOWN (1ull << 63)

struct tw_ev_arrival {
	struct tw_ev_hdr hdr; /* ts: the byte at offset became readable */
	__u64 conn_id;
	__u64 offset_bytes; /* IN direction */
};
TW_ABI_SIZE(struct tw_ev_arrival, 32);

struct tw_ev_conn_shut {
	struct tw_ev_hdr hdr;
	__u64 conn_id;
	__u8 dir; /* OUT: the target's side was shut; IN: the peer's */
	__u8 _pad[7];
};
TW_ABI_SIZE(struct tw_ev_conn_shut, 32);

enum tw_close_flags {
	TW_CLOSE_RST_IN = 1 << 0, /* the peer reset the connection */
	TW_CLOSE_RST_OUT = 1 << 1, /* this side reset it */
	TW_CLOSE_TIMEOUT = 1 << 2, /* TCP gave up */
	TW_CLOSE_GONE =
		1 << 3, /* only known to exist no longer: how and when it ended was not seen */
};

struct tw_ev_conn_close {
	struct tw_ev_hdr hdr;
	__u64 conn_id;
	__u64 in_bytes;
	__u64 out_bytes;
	__u32 retransmits;
	__u32 srtt_us; /* smoothed round-trip time, 0: none */
	__u32 error; /* sk_err, 0: none */
	__u8 flags; /* enum tw_close_flags */
	__u8 _pad[3];
};
TW_ABI_SIZE(struct tw_ev_conn_close, 56);

struct tw_ev_retransmit {
	struct tw_ev_hdr hdr;
	__u64 conn_id;
	__u32 total; /* of this connection so far */
	__u32 _pad;
};
TW_ABI_SIZE(struct tw_ev_retransmit, 32);

struct tw_ev_io_error {
	struct tw_ev_hdr hdr;
	__u64 conn_id;
	__u32 pid;
	__u32 tid;
	__u32 error; /* errno */
	__u8 dir; /* enum tw_dir */
	__u8 _pad[3];
};
TW_ABI_SIZE(struct tw_ev_io_error, 40);

struct tw_ev_task_fork {
	struct tw_ev_hdr hdr;
	__u32 parent_pid;
	__u32 pid;
	char comm[TW_COMM_BYTES];
};
TW_ABI_SIZE(struct tw_ev_task_fork, 40);

struct tw_ev_task_exec {
	struct tw_ev_hdr hdr;
	__u32 pid;
	__u32 _pad;
	char comm[TW_COMM_BYTES];
};
TW_ABI_SIZE(struct tw_ev_task_exec, 40);

/* What one thread did with its time since it was first seen. */
struct tw_task_account {
	__u64 on_cpu_ns;
	__u64 run_queue_ns; /* runnable, waiting for a CPU */
	__u64 sleep_ns;
	__u32 voluntary_switches;
	__u32 involuntary_switches;
};
TW_ABI_SIZE(struct tw_task_account, 32);

struct tw_ev_task_exit {
	struct tw_ev_hdr hdr;
	__u32 pid;
	__u32 tid;
	__u32 exit_code; /* as wait(2) encodes it; of the process, when it was its last thread */
	__u8 process_ended; /* 1: no thread of the process is left */
	__u8 _pad[3];
	struct tw_task_account account;
};
TW_ABI_SIZE(struct tw_ev_task_exit, 64);

/* What the descriptor of the call that a thread sleeps in stands for. */
enum tw_file_kind {
	TW_FILE_NONE = 0, /* the call has none, or it was not looked at */
	TW_FILE_SOCKET = 1, /* object: conn_id, 0 for sockets that are not followed */
	TW_FILE_REGULAR = 2, /* or a block device */
	TW_FILE_PIPE = 3,
	TW_FILE_ANON = 4, /* eventfd, timerfd, ... */
	TW_FILE_OTHER = 5,
};

enum tw_off_flags {
	TW_OFF_PREEMPTED = 1 << 0, /* it would have gone on: all the time it waited for a CPU */
	TW_OFF_IO_WAIT = 1 << 1, /* the kernel says that it waits for a disk */
	TW_OFF_FAULT = 1 << 2, /* in no system call: an access to memory */
	TW_OFF_STOPPED = 1 << 3, /* by a signal or a debugger */
	TW_OFF_NEW = 1 << 4, /* a thread that was just made: waker_tid made it */
	TW_OFF_ESTIMATED = 1 << 5, /* a switch was not told of; from the kernel's own sums */
	TW_OFF_COMPAT = 1 << 6, /* nr is a 32-bit program's */
	TW_OFF_CONTENDED = 1 << 7, /* futex: waits for a mutex, by the value that it waits on */
};

#define TW_NO_CALL 0xffff

/* One stretch off the CPU, told when it is over: on_ns <= off_ns <= woken_ns <= hdr.ts_ns. */
struct tw_ev_off_cpu {
	struct tw_ev_hdr hdr; /* ts: on a CPU again */
	__u64 on_ns; /* on a CPU from then on, until off_ns; 0: not seen */
	__u64 off_ns; /* 0: not seen */
	__u64 woken_ns; /* asleep until then; 0: not seen */
	__u64 object; /* futex: its address; socket: conn_id; else 0 */
	__u32 pid;
	__u32 tid;
	__u32 waker_tid; /* thread of a target that woke it by a call made for that; 0: none such */
	__u16 nr; /* system call that it was in, x86-64; TW_NO_CALL: none */
	__u8 file; /* enum tw_file_kind */
	__u8 flags; /* enum tw_off_flags */
};
TW_ABI_SIZE(struct tw_ev_off_cpu, 64);

/* Told with the thread's next socket call, or before it sleeps; failures that healthy programs live with are not in it. */
struct tw_ev_call_errors {
	struct tw_ev_hdr hdr;
	__u32 pid;
	__u32 tid;
	__u32 count; /* failing calls */
	__u16 nr; /* of the last one */
	__u16 error; /* errno of the last one */
};
TW_ABI_SIZE(struct tw_ev_call_errors, 32);

enum tw_ack_flags {
	TW_ACK_ALL = 1 << 0, /* everything before offset_bytes has arrived there */
	TW_ACK_NO_WINDOW = 1 << 1, /* the peer's window holds back what is to be sent */
	TW_ACK_WINDOW = 1 << 2, /* … and no longer */
};

/* Only with cfg.want_acks. */
struct tw_ev_ack {
	struct tw_ev_hdr hdr;
	__u64 conn_id;
	__u64 offset_bytes; /* OUT direction */
	__u8 flags; /* enum tw_ack_flags */
	__u8 _pad[7];
};
TW_ABI_SIZE(struct tw_ev_ack, 40);

struct tw_ev_conn_connect {
	struct tw_ev_hdr hdr;
	__u64 conn_id;
	__u32 pid;
	__u32 tid;
};
TW_ABI_SIZE(struct tw_ev_conn_connect, 32);

enum tw_stack_kind {
	TW_STACK_SLEEP = 0, /* it goes to sleep: the off_ns of the record that tells of that */
	TW_STACK_CPU = 1, /* it was running when the CPU's clock ticked */
};

/* Only with cfg.want_stacks. `top` is memory of the target: it is unwound, never shown or kept. */
struct tw_ev_stack {
	struct tw_ev_hdr hdr;
	__u64 ip; /* user registers; 0: it has no user stack */
	__u64 sp;
	__u64 bp;
	__u32 pid;
	__u32 tid;
	__s32 user_stack; /* key of the `stacks` map; negative: none, -errno */
	__s32 kernel_stack;
	__u32 period_ns; /* CPU: what one sample stands for */
	__u16 top_bytes; /* valid bytes of top */
	__u8 kind; /* enum tw_stack_kind */
	__u8 _pad;
	__u8 top[TW_STACK_TOP_BYTES]; /* from sp on */
};
TW_ABI_SIZE(struct tw_ev_stack, 1088);

enum tw_datagram_flags {
	TW_DATAGRAM_REMOTE = 1 << 0, /* `remote` is known */
};

/* Of UDP, where its first bytes may be of a protocol that is read (cfg.datagram_mask). */
struct tw_ev_datagram {
	struct tw_ev_hdr hdr; /* ts: the call returned; payload follows the struct */
	__u64 socket_id; /* cookie */
	__u64 arrived_ns; /* IN: it entered the socket's queue; 0: not seen */
	__u32 len_bytes; /* of the datagram; IN: that the process took */
	__u32 captured_bytes; /* payload bytes in this record */
	__u32 pid;
	__u32 tid;
	__u16 local_port; /* host order */
	__u16 remote_port; /* host order */
	__u8 dir; /* enum tw_dir */
	__u8 family; /* enum tw_family */
	__u8 flags; /* enum tw_datagram_flags */
	__u8 _pad[1];
	__u8 local[16]; /* what the socket is bound to; IPv4 in the first four bytes, network order */
	__u8 remote[16];
};
TW_ABI_SIZE(struct tw_ev_datagram, 88);

/* Map formats read by the loader, not ring records. */

/* One thread, as the `threads` iterator writes it. */
struct tw_thread_info {
	__u32 pid;
	__u32 tid;
	char comm[TW_COMM_BYTES];
	struct tw_task_account account;
};
TW_ABI_SIZE(struct tw_thread_info, 56);

struct tw_syscall_key {
	__u32 pid;
	__u32 tid;
	__u16 nr; /* system-call number, x86-64 */
	__u16 error; /* errno */
};
TW_ABI_SIZE(struct tw_syscall_key, 12);

struct tw_syscall_count {
	__u64 count;
	__u64 last_ns;
};
TW_ABI_SIZE(struct tw_syscall_count, 16);

#endif
