/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Data records: a bounded prefix of a call's bytes, copied from user memory. The usual call (captured
 * whole, from one or two segments) is handled here, inline: a call and its return cost 10 ns where
 * the kernel makes returns safe from speculation. payload.bpf.c does the others.
 */
#ifndef TAILWHY_BPF_PAYLOAD_H
#define TAILWHY_BPF_PAYLOAD_H

#include "lib/base.bpf.h"
#include "lib/call.bpf.h"
#include "lib/capture.bpf.h"
#include "lib/event.bpf.h"
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
	__u8 look; /* enum tw_look */
	__u64 accepted_ns;
	__u64 tail; /* TW_TAIL_BYTES of bytes */
};

/* Once per connection: sets call->look. */
int tw_payload_look(struct tw_call *call, struct tw_cursor *cur);
/* The records of a call of any size. A function of its own, verified once. */
int tw_payload_send_pieces(struct tw_call *call, struct tw_cursor *cur);

static __always_inline void tw_fill_data(struct tw_ev_data *ev, const struct tw_call *call,
					 __u32 captured, __u8 flags)
{
	tw_fill_hdr(&ev->hdr, call->now_ns, TW_EV_DATA, sizeof(*ev) + captured);
	ev->conn_id = call->conn_id;
	ev->offset_bytes = call->offset_bytes;
	ev->arrived_ns = call->arrived_ns;
	ev->accepted_ns = call->accepted_ns;
	ev->len_bytes = call->len_bytes;
	ev->piece_off_bytes = call->done_bytes;
	ev->captured_bytes = captured;
	ev->pid = call->pid;
	ev->tid = call->tid;
	ev->dir = call->dir;
	ev->flags = flags | call->flags | (call->done_bytes ? TW_DATA_CONT : 0);
	ev->tail_len_bytes = call->tail_len_bytes;
	ev->_pad = 0;
	__builtin_memcpy(ev->tail, &call->tail, sizeof(ev->tail));
}

/*
 * For segments smaller than the given powers of two; room for two only where there are two, so that
 * the ring holds as much as it can. The verifier of 6.1 has forgotten by then what it was told about
 * the lengths: the masks change nothing and say it again.
 */
#define TW_DEFINE_SEND_WHOLE(name, first_room, second_room)                                        \
	struct name##_record {                                                                     \
		struct tw_ev_data ev;                                                              \
		__u8 payload[(first_room) + (second_room)];                                        \
	};                                                                                         \
	static __always_inline void name(const struct tw_call *call, const struct tw_cursor *cur,  \
					 __u64 first, __u64 second)                                \
	{                                                                                          \
		struct name##_record *rec = bpf_ringbuf_reserve(&events, sizeof(*rec), 0);         \
		__u32 captured = first + second;                                                   \
		__u8 flags = 0;                                                                    \
                                                                                                   \
		if (!rec) {                                                                        \
			tw_count(TW_CNT_RING_FULL);                                                \
			return;                                                                    \
		}                                                                                  \
		barrier_var(first);                                                                \
		first &= (first_room)-1;                                                           \
		if (bpf_probe_read_user(rec->payload, first, (void *)cur->base))                   \
			captured = 0;                                                              \
		if ((second_room) && captured) {                                                   \
			barrier_var(second);                                                       \
			second &= (second_room)-1;                                                 \
			if (bpf_probe_read_user(rec->payload + first, second, cur->next.iov_base)) \
				captured = first;                                                  \
		}                                                                                  \
		if (captured < call->len_bytes) {                                                  \
			flags = TW_DATA_FAULT;                                                     \
			tw_count(TW_CNT_PAYLOAD_FAULT);                                            \
		}                                                                                  \
		tw_fill_data(&rec->ev, call, captured, flags);                                     \
		tw_submit(rec);                                                                    \
	}

TW_DEFINE_SEND_WHOLE(tw_send_128, 128, 0)
TW_DEFINE_SEND_WHOLE(tw_send_512, 512, 0)
TW_DEFINE_SEND_WHOLE(tw_send_2048, 2048, 0)
TW_DEFINE_SEND_WHOLE(tw_send_512_1024, 512, 1024)

/* False: the call is none of the usual ones, and nothing was sent. */
static __always_inline bool tw_send_whole(const struct tw_call *call, const struct tw_cursor *cur)
{
	__u64 first = call->len_bytes;
	__u64 second;

	if (call->want_bytes != call->len_bytes)
		return false;
	if (first <= cur->left_bytes) {
		if (first < 128)
			tw_send_128(call, cur, first, 0);
		else if (first < 512)
			tw_send_512(call, cur, first, 0);
		else if (first < 2048)
			tw_send_2048(call, cur, first, 0);
		else
			return false;
		return true;
	}
	second = first - cur->left_bytes;
	first = cur->left_bytes;
	if (!cur->next_known || second > cur->next.iov_len || first >= 512 || second >= 1024)
		return false;
	tw_send_512_1024(call, cur, first, second);
	return true;
}

static __always_inline void tw_send_bare(const struct tw_call *call, __u8 flags)
{
	struct tw_ev_data *ev = bpf_ringbuf_reserve(&events, sizeof(*ev), 0);

	if (!ev) {
		tw_count(TW_CNT_RING_FULL);
		return;
	}
	tw_fill_data(ev, call, 0, flags);
	tw_submit(ev);
}

/* Sends the records of a call whose bytes are where the cursor stands. */
static __always_inline void tw_payload_send_from(struct tw_call *call, struct tw_cursor *cur)
{
	if (call->look)
		tw_payload_look(call, cur);
	if (!tw_send_whole(call, cur))
		tw_payload_send_pieces(call, cur);
}

/* Sends the call's records. no_buffer: its bytes are nowhere in user memory. */
static __always_inline void tw_payload_send(struct tw_call *call, struct task_struct *current,
					    struct tw_task *task, bool no_buffer)
{
	struct tw_cursor cur;

	if (!cfg.want_payload) {
		tw_send_bare(call, TW_DATA_UNREADABLE);
	} else if (cfg.want_tls && !call->want_bytes) {
		tw_send_bare(call, 0); /* ciphertext */
	} else if (no_buffer || !tw_cursor_init(&cur, current, task)) {
		tw_count(TW_CNT_PAYLOAD_UNREADABLE);
		tw_send_bare(call, TW_DATA_UNREADABLE);
	} else {
		tw_payload_send_from(call, &cur);
	}
}

#endif
