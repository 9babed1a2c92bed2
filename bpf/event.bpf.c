// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/* Owns the ring buffer, the loss counters and the settings. */
#include "lib/event.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct tw_config cfg = {};

struct tw_ring events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TW_CNT_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

__hidden void tw_count(enum tw_counter what)
{
	__u32 key = what;
	__u64 *slot = bpf_map_lookup_elem(&counters, &key);

	if (slot)
		(*slot)++;
}

/*
 * A wake-up for each record would cost more than all the rest (it halves a server's throughput), so
 * the reader is woken when cfg.ring_wake_bytes wait, and otherwise looks by itself every few
 * milliseconds. Beyond a window past the threshold it has been woken already: only a ring that is
 * filling up asks again.
 */
__hidden __u64 tw_wake_flags(void)
{
	__u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);

	if (waiting < cfg.ring_wake_bytes)
		return BPF_RB_NO_WAKEUP;
	if (waiting < cfg.ring_wake_bytes + cfg.ring_wake_bytes / 4 ||
	    waiting > cfg.ring_size_bytes / 2)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}
