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

/* A stretch off the CPU that is going on, as it will be told (struct tw_ev_off_cpu). */
struct tw_off {
	__u64 on_ns;
	__u64 off_ns;
	__u64 woken_ns;
	__u64 object;
	__u32 waker_tid;
	__u16 nr;
	__u8 file; /* enum tw_file_kind */
	__u8 flags; /* enum tw_off_flags */
};

/* Present for the threads of a target, and for no others: its presence is the filter. */
struct tw_task {
	__u32 pid; /* thread group, as /proc numbers it */
	__u32 tid;
	__u64 since_ns; /* of `state` */
	struct tw_task_account account;
	__u64 run_delay_ns; /* the kernel's own sums, when it left the CPU */
	__u64 exec_ns;
	struct tw_off off;
	__u32 state; /* enum tw_task_state */
	__u32 mmsg_index; /* which message of a sendmmsg or recvmmsg comes next */
	__u64 mmsg_args; /* tells one such call from another */
	__u32 version; /* odd while account, state and since_ns are being changed */
	__u32 failed_calls; /* that no record has told of yet */
	__u16 failed_nr; /* the last of them */
	__u16 failed_error;
	__u32 off_unsent; /* `off` is over, and the ring had no room for its record */
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

/*
 * A thread of a target makes a call, or ends, so it is on a CPU, but the switch to it was not told: kernels
 * can keep to themselves what happens while a protected process is `current`, and that includes the
 * switch away from it. Sets the account right from the kernel's own sums.
 */
void tw_task_missed_switch(struct task_struct *task, struct tw_task *t);
/* Sends the record of its last stretch off the CPU, which the ring had no room for then. */
void tw_task_resend_off(struct tw_task *t);
/* Sends what calls of the thread failed since this was last done. */
void tw_task_send_failed(struct tw_task *t);

/* Before a socket call of the thread is told, or its end. */
static __always_inline void tw_task_at_call(struct task_struct *current, struct tw_task *t)
{
	if (cfg.want_sched && t->state != TW_TASK_ON_CPU)
		tw_task_missed_switch(current, t);
	if (t->off_unsent)
		tw_task_resend_off(t);
	if (t->failed_calls)
		tw_task_send_failed(t);
}

/*
 * The thread that makes a socket call, if it works for a target. io_uring's workers are threads that no
 * fork announces: they are traced from their first call on.
 */
static __always_inline struct tw_task *tw_task_at_socket(struct task_struct *current)
{
	struct tw_task *task = tw_task_get(current);

	if (task || !(current->flags & (PF_IO_WORKER | PF_USER_WORKER)) ||
	    !tw_task_get(current->group_leader))
		return task;
	return tw_task_mark(current);
}

#endif
