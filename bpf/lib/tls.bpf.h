/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What threads do in TLS libraries, as the other files may use it (tls.bpf.c owns the maps). */
#ifndef TAILWHY_BPF_TLS_H
#define TAILWHY_BPF_TLS_H

#include "lib/base.bpf.h"
#include "lib/conn.bpf.h"
#include "lib/payload.bpf.h"
#include "lib/task.bpf.h"

/* The call of a TLS library that a thread is in. */
struct tw_tls_call {
	__u64 session; /* the library's object for the connection; 0: the thread is in no call */
	__u64 buffer;
	__u64 moved; /* TW_TLS_STORED: where the number of bytes will be */
	__u32 what; /* as the attach says it: abi/tls.h */
	__u8 uses_socket; /* it has tried a socket call of its own */
	/* What the thread read last, outside of such calls: the connection, if that were records. */
	__u8 read_first; /* the connection's first bytes */
	__u8 read_role; /* enum tw_role */
	__u8 _pad;
	__u64 read_conn; /* 0: something else, or a call has followed */
};

/* In read_conn: it used several sockets since, so what its next call is about is not known. */
#define TW_TLS_UNCLEAR (~0ull)

struct tw_tls_calls {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct tw_tls_call);
};
extern struct tw_tls_calls tls_calls SEC(".maps");

/* The thread is in `in` and moved bytes of the socket: the session is that connection's. */
void tw_tls_tie(struct task_struct *current, struct tw_task *task, struct tw_conn *conn,
		struct tw_call *call, struct tw_tls_call *in);

/* The same outside of the library's calls. */
void tw_tls_outside(struct task_struct *current, struct tw_task *task, struct tw_conn *conn,
		    struct tw_call *call, struct tw_tls_call *in);

/* A socket call moved bytes, and is about to be told. */
static __always_inline void tw_tls_at_call(struct task_struct *current, struct tw_task *task,
					   struct tw_conn *conn, struct tw_call *call)
{
	struct tw_tls_call *in = bpf_task_storage_get(&tls_calls, current, 0,
						      task ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);

	if (in && in->session)
		tw_tls_tie(current, task, conn, call, in);
	else if (in)
		tw_tls_outside(current, task, conn, call, in);
}

/* A socket call moved nothing. */
static __always_inline void tw_tls_at_failed_call(struct task_struct *current)
{
	struct tw_tls_call *in = bpf_task_storage_get(&tls_calls, current, 0, 0);

	if (in)
		in->uses_socket = 1;
}

#endif
