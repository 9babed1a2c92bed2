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
/* Flags for bpf_ringbuf_submit: wake the reader only when enough waits for it. */
__u64 tw_wake_flags(void);

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

#define tw_submit(ev) bpf_ringbuf_submit(ev, tw_wake_flags())

#endif
