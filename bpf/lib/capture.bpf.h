/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* How much of a call's bytes is captured: depends only on whose turn it is to speak, and for how long. */
#ifndef TAILWHY_BPF_CAPTURE_H
#define TAILWHY_BPF_CAPTURE_H

#include "lib/base.bpf.h"

/* What is captured of every call, however much its turn has given already. */
#define TW_CALL_CAPTURE 512
/* Of a call on a connection that speaks in frames: as much as its pieces hold. */
#define TW_FRAMED_CAPTURE (TW_PIECES_MAX * TW_PAYLOAD_MAX)

/* Are the first bytes of the call to be compared with the signatures? */
enum tw_look {
	TW_LOOK_NOT,
	TW_LOOK_AT,
	TW_LOOK_FOUND, /* they were, and are one */
};

/* The bytes of one direction until the other side speaks. */
struct tw_turn {
	__u32 bytes; /* so far */
	__u32 capture; /* payload bytes that it may still take */
	__u8 dir; /* enum tw_dir + 1; 0: no turn yet */
	__u8 looked_at; /* the first request bytes were compared with the signatures, */
	__u8 framed; /* and had one: what a call holds is not told by whose turn it is */
	__u8 _pad;
};

/*
 * How much payload this call may give. A turn has a budget, so that bodies of any size cost the
 * same; the answer's grows with the size of the question, so that a pipeline's answers are captured
 * whole. Where frames of many exchanges follow each other, a turn says nothing, and each call has its
 * own budget.
 */
static __always_inline __u32 tw_take_capture(struct tw_turn *turn, __u8 role, __u8 dir, __u32 len,
					     __u8 *look)
{
	__u32 want;

	*look = TW_LOOK_NOT;
	if (turn->framed)
		return len < TW_FRAMED_CAPTURE ? len : TW_FRAMED_CAPTURE;
	if (turn->dir != dir + 1) {
		__u8 request_dir = role == TW_ROLE_CLIENT ? TW_DIR_OUT : TW_DIR_IN;
		__u32 asked = turn->bytes < 4096 ? turn->bytes : 4096;

		turn->capture = dir == request_dir ? cfg.request_capture_bytes
						   : cfg.response_capture_bytes + 16 * asked;
		turn->bytes = 0;
		turn->dir = dir + 1;
		if (dir == request_dir && !turn->looked_at) {
			turn->looked_at = 1;
			*look = TW_LOOK_AT;
		}
	}
	turn->bytes += len;
	want = turn->capture < len ? turn->capture : len;
	turn->capture -= want;
	/* The next of several pipelined answers starts with a call of its own. */
	if (want < TW_CALL_CAPTURE && cfg.request_capture_bytes)
		want = len < TW_CALL_CAPTURE ? len : TW_CALL_CAPTURE;
	return want;
}

#endif
