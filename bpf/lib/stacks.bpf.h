/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Stacks of the target's threads, as the other files may use them (stacks.bpf.c owns the map). */
#ifndef TAILWHY_BPF_STACKS_H
#define TAILWHY_BPF_STACKS_H

#include "lib/task.bpf.h"

struct tw_stacks {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16384);
	__uint(key_size, sizeof(__u32));
	__uint(value_size,
	       TW_STACK_FRAMES * sizeof(__u64)); /* the loader takes the kernel's limit */
};

/* The thread, which is `current`, goes to sleep. The context is that of the program. */
void tw_stack_of_sleep(void *ctx, struct task_struct *task, struct tw_task *t, __u64 now_ns);

#endif
