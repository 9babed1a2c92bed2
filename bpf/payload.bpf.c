// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/* Data records of calls that are captured in part, or from many segments (lib/payload.bpf.h: the others). */
#include "lib/call.bpf.h"
#include "lib/event.bpf.h"
#include "lib/payload.bpf.h"
#include "lib/task.bpf.h"

int tw_payload_look(struct tw_call *call, struct tw_cursor *cur)
{
	__u64 first = 0;
	__u8 ninth = 0;

	if (!call || !cur)
		return 0;
	if (cur->left_bytes < sizeof(first) || call->len_bytes < sizeof(first) ||
	    bpf_probe_read_user(&first, sizeof(first), (void *)cur->base))
		return 0;
	for (int i = 0; i < TW_SIGNATURES_MAX; i++) {
		if (!first || first != cfg.framed_signatures[i])
			continue;
		if (cfg.framed_ninth[i] &&
		    (cur->left_bytes <= sizeof(first) ||
		     bpf_probe_read_user(&ninth, 1, (void *)(cur->base + sizeof(first))) ||
		     ninth != cfg.framed_ninth[i]))
			continue;
		call->look = TW_LOOK_FOUND;
	}
	return 0;
}

/* The last bytes of a call of which `rest` bytes were not captured, if one segment holds them. */
int find_tail(struct tw_call *call, struct tw_cursor *cur, __u32 rest)
{
	__u32 len;

	if (!call || !cur)
		return 0;
	for (int i = 0; i < TW_SEGMENTS_MAX; i++) {
		if (rest <= cur->left_bytes)
			break;
		rest -= cur->left_bytes;
		if (!tw_cursor_next(cur))
			return 0;
	}
	if (!rest || rest > cur->left_bytes)
		return 0;
	len = rest < TW_TAIL_BYTES ? rest : TW_TAIL_BYTES;
	barrier_var(len); /* 6.1 does not see through the copy that the compiler tests instead */
	if (len > TW_TAIL_BYTES)
		return 0;
	if (!bpf_probe_read_user(&call->tail, len, (void *)(cur->base + rest - len)))
		call->tail_len_bytes = len;
	return 0;
}

/*
 * Steps over at most `want` and at most `most` bytes of the current or next segment; returns their
 * number, 0 at the end. A function of its own, verified once, so that the copying loops stay linear
 * for the verifier.
 */
__noinline int cursor_take(struct tw_cursor *cur, __u32 want, __u32 most)
{
	__u32 len = want < most ? want : most;

	if (!cur)
		return 0;
	for (int i = 0; i < 4 && !cur->left_bytes; i++) { /* empty segments are legal */
		if (!tw_cursor_next(cur))
			return 0;
	}
	if (len > cur->left_bytes)
		len = cur->left_bytes;
	cur->taken = cur->base;
	cur->base += len;
	cur->left_bytes -= len;
	return len;
}

/*
 * Captured bytes of one record. Three sizes, because the ring wants a constant. Copies go to
 * payload + done with at most `piece` bytes, and done < want: so there is room for want + piece.
 */
#define TW_PIECE_ROUNDS 24

#define DEFINE_SEND(name, want_max, piece_max)                                                   \
	struct name##_record {                                                                   \
		struct tw_ev_data ev;                                                            \
		__u8 payload[(want_max) + (piece_max)];                                          \
	};                                                                                       \
	/* Sends one record with up to want_max bytes; true: more payload can follow. */         \
	__noinline int name(struct tw_call *call, struct tw_cursor *cur, __u32 pieces_left)      \
	{                                                                                        \
		struct name##_record *rec;                                                       \
		__u8 flags = 0;                                                                  \
		__u32 done = 0;                                                                  \
		__u32 want;                                                                      \
		int i;                                                                           \
                                                                                                 \
		if (!call || !cur)                                                               \
			return false;                                                            \
		want = call->want_bytes - call->done_bytes;                                      \
		rec = bpf_ringbuf_reserve(&events, sizeof(*rec), 0);                             \
                                                                                                 \
		if (!rec) {                                                                      \
			tw_count(TW_CNT_RING_FULL);                                              \
			return false;                                                            \
		}                                                                                \
		if (want > (want_max))                                                           \
			want = (want_max);                                                       \
		for (i = 0; i < TW_PIECE_ROUNDS && done < want; i++) {                           \
			__u32 len = cursor_take(cur, want - done, (piece_max));                  \
                                                                                                 \
			if (len == 0 || len > (piece_max) || done > (want_max))                  \
				break;                                                           \
			if (bpf_probe_read_user(rec->payload + done, len, (void *)cur->taken)) { \
				flags |= TW_DATA_FAULT;                                          \
				break;                                                           \
			}                                                                        \
			done += len;                                                             \
		}                                                                                \
		if (flags & TW_DATA_FAULT)                                                       \
			tw_count(TW_CNT_PAYLOAD_FAULT);                                          \
		else if ((done == want || i == TW_PIECE_ROUNDS) &&                               \
			 call->done_bytes + done < call->want_bytes && pieces_left)              \
			flags |= TW_DATA_MORE;                                                   \
		else if (call->done_bytes + done < call->len_bytes)                              \
			find_tail(call, cur, call->len_bytes - call->done_bytes - done);         \
		tw_fill_data(&rec->ev, call, done, flags);                                       \
		call->done_bytes += done;                                                        \
		tw_submit(rec);                                                                  \
		return flags & TW_DATA_MORE;                                                     \
	}

DEFINE_SEND(send_small, 256, 256)
DEFINE_SEND(send_medium, 1024, 1024)
DEFINE_SEND(send_large, TW_PAYLOAD_MAX, 1024)

int tw_payload_send_pieces(struct tw_call *call, struct tw_cursor *cur)
{
	if (!call || !cur)
		return 0;
	/* More than one of the small ones only for calls of more segments than one record takes. */
	if (call->want_bytes <= 256) {
		for (__u32 left = TW_PIECES_MAX; left > 0; left--) {
			if (!send_small(call, cur, left - 1))
				break;
		}
	} else if (call->want_bytes <= 1024) {
		for (__u32 left = TW_PIECES_MAX; left > 0; left--) {
			if (!send_medium(call, cur, left - 1))
				break;
		}
	} else {
		for (__u32 left = TW_PIECES_MAX; left > 0; left--) {
			if (!send_large(call, cur, left - 1))
				break;
		}
	}
	return 0;
}
