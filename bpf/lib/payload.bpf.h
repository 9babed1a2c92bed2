/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Data records, as the other files may send them (payload.bpf.c). */
#ifndef TAILWHY_BPF_PAYLOAD_H
#define TAILWHY_BPF_PAYLOAD_H

#include "lib/base.bpf.h"
#include "lib/task.bpf.h"

/* What one call's records have in common. */
struct tw_call {
	__u64 conn_id;
	__u64 now_ns;
	__u64 offset_bytes;
	__u64 arrived_ns;
	__u32 len_bytes;
	__u32 want_bytes; /* payload that may be captured */
	__u32 done_bytes; /* payload captured */
	__u32 pid;
	__u32 tid;
	__u8 dir;
	__u8 flags;
	__u8 tail_len_bytes;
	__u8 _pad;
	__u64 accepted_ns;
	__u64 tail; /* TW_TAIL_BYTES of bytes */
};

/* Sends the call's records. no_buffer: its bytes are nowhere in user memory. */
void tw_payload_send(struct tw_call *call, struct task_struct *current, struct tw_task *task,
		     bool no_buffer);

#endif
