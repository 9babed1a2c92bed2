// SPDX-License-Identifier: Dual BSD/GPL
/* One empty program for each kind of hook, each counting its own hits: what a kernel series offers.
 * The facts behind the design, checked without the product: it must not include anything of bpf/.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#include "rows.h"

__u64 hits[HOOK_COUNT];

#define X(name, section, since, until)                       \
	SEC("?" section) int name(void *ctx)                 \
	{                                                    \
		__sync_fetch_and_add(&hits[HOOK_##name], 1); \
		return 0;                                    \
	}
HOOKS(X)
