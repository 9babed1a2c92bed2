// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/* Owns the ring buffer, the loss counters and the settings. */
#include "lib/event.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct tw_config cfg = {};

struct tw_ring events SEC(".maps");
const volatile __u8 tw_origin = 0;

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
