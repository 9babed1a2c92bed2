/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* The traced threads, as the other files may use them (task.bpf.c owns the storage). */
#ifndef TAILWHY_BPF_TASK_H
#define TAILWHY_BPF_TASK_H

#include "lib/base.bpf.h"

enum tw_task_state {
	TW_TASK_UNSEEN = 0, /* not switched since it was found */
	TW_TASK_ON_CPU,
	TW_TASK_RUNNABLE,
	TW_TASK_SLEEPING,
	TW_TASK_ENDED, /* its account was sent; it lives on until its parent has waited for it */
};

/* Present for the threads of a target, and for no others: its presence is the filter. */
struct tw_task {
	__u32 pid; /* thread group, as /proc numbers it */
	__u32 tid;
	__u64 since_ns; /* of `state` */
	struct tw_task_account account;
	__u32 state; /* enum tw_task_state */
	__u32 mmsg_index; /* which message of a sendmmsg or recvmmsg comes next */
	__u64 mmsg_args; /* tells one such call from another */
	__u32 version; /* odd while account, state and since_ns are being changed */
	__u32 _pad;
};

struct tw_tasks {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct tw_task);
};
extern struct tw_tasks tasks SEC(".maps");

/* NULL: not a thread of a target. */
static __always_inline struct tw_task *tw_task_get(struct task_struct *task)
{
	return bpf_task_storage_get(&tasks, task, 0, 0);
}

/* Makes the thread a traced one; NULL (and counted) without memory. */
struct tw_task *tw_task_mark(struct task_struct *task);

/* Does the thread work for a target? io_uring's workers are threads that no fork announces. */
static __always_inline bool tw_is_target(struct task_struct *current, struct tw_task *task)
{
	if (task)
		return true;
	if (!(current->flags & (PF_IO_WORKER | PF_USER_WORKER)))
		return false;
	return tw_task_get(current->group_leader) != NULL;
}

#endif
