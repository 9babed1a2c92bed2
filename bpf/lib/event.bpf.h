/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* The ring buffer and the loss counters, as the other files may use them (event.bpf.c owns both). */
#ifndef TAILWHY_BPF_EVENT_H
#define TAILWHY_BPF_EVENT_H

#include "lib/base.bpf.h"

struct tw_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20); /* the loader sets the size */
};
extern struct tw_ring events SEC(".maps");

void tw_count(enum tw_counter what);

/* Its address stands for nothing: two pointers may be subtracted, while one has no value. */
extern const volatile __u8 tw_origin;

/* A record's header in the ring, and what records are rounded up to. */
#define TW_RING_HDR_BYTES 8

/*
 * Flags for bpf_ringbuf_submit. A wake-up for each record would cost more than all the rest (it halves
 * a server's throughput), so the reader is woken once in cfg.ring_wake_bytes (a power of two), and
 * otherwise looks by itself every few milliseconds: by the one record that reaches over a multiple of
 * that. No state is needed for it, and no look at where the reader is, a cache line that it writes to
 * all the time.
 */
static __always_inline __u64 tw_wake_flags(const void *record, __u64 size)
{
	__u64 begin = (__u64)record - (__u64)&tw_origin;
	__u64 end = begin + ((size + 2 * TW_RING_HDR_BYTES - 1) & -TW_RING_HDR_BYTES);

	return (begin ^ end) & -(__u64)cfg.ring_wake_bytes ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline void tw_fill_hdr(struct tw_ev_hdr *hdr, __u64 now_ns, __u16 type, __u32 size)
{
	hdr->ts_ns = now_ns;
	hdr->type = type;
	hdr->cpu = (__u16)bpf_get_smp_processor_id();
	hdr->size_bytes = size;
}

/*
 * Space for one record of the given struct, header filled; NULL (and counted) when the ring is
 * full. The size is a compile-time constant because the verifier asks for one.
 */
#define tw_reserve(now_ns, NAME, type_)                                               \
	({                                                                            \
		type_ *__ev = bpf_ringbuf_reserve(&events, sizeof(type_), 0);         \
		if (__ev)                                                             \
			tw_fill_hdr(&__ev->hdr, now_ns, TW_EV_##NAME, sizeof(type_)); \
		else                                                                  \
			tw_count(TW_CNT_RING_FULL);                                   \
		__ev;                                                                 \
	})

#define tw_submit(ev) bpf_ringbuf_submit(ev, tw_wake_flags(ev, sizeof(*(ev))))

#endif
