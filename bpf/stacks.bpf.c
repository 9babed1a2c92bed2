// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/*
 * Where in the code threads sleep and run: owns the map of stacks, in which equal ones are one. Nothing
 * here runs unless stacks are wanted.
 */
#include "lib/event.bpf.h"
#include "lib/stacks.bpf.h"

struct tw_stacks stacks SEC(".maps");

/*
 * The later one of two stacks with the same hash has no place. Without its first frame its hash is
 * another; `spare`: nothing is lost without that frame.
 */
static __always_inline __s32 stack_id(void *ctx, __u64 flags, bool spare)
{
	long id = bpf_get_stackid(ctx, &stacks, flags);

	if (id == -EEXIST && spare)
		id = bpf_get_stackid(ctx, &stacks, flags | 1);
	if (id < 0 && id != -EFAULT) /* there is no such stack */
		tw_count(TW_CNT_STACK_MAP_FULL);
	return (__s32)id;
}

/*
 * Frame pointers lead from the function that has one to its callers, but C libraries are built
 * without: whoever called them is missing. The registers and the top of the stack are what it takes
 * to find it.
 */
static __always_inline void copy_user_state(struct task_struct *task, struct tw_ev_stack *ev)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	ev->ip = regs->ip;
	ev->sp = regs->sp;
	ev->bp = regs->bp;
	if (!bpf_probe_read_user(ev->top, TW_STACK_TOP_BYTES, (void *)ev->sp))
		ev->top_bytes = TW_STACK_TOP_BYTES;
	else if (!bpf_probe_read_user(ev->top, TW_STACK_TOP_BYTES / 8, (void *)ev->sp))
		ev->top_bytes = TW_STACK_TOP_BYTES / 8; /* near the stack's end */
}

static __always_inline void send(void *ctx, struct task_struct *task, struct tw_task *t,
				 __u64 now_ns, __u8 kind, __u32 period_ns)
{
	struct tw_ev_stack *ev = tw_reserve(now_ns, STACK, struct tw_ev_stack);

	if (!ev)
		return;
	ev->ip = ev->sp = ev->bp = 0;
	ev->pid = t->pid;
	ev->tid = t->tid;
	/* of a sleep, the first frame is the program's own; of the user's, it is ev->ip */
	ev->kernel_stack = stack_id(ctx, 0, kind == TW_STACK_SLEEP);
	ev->user_stack = -EFAULT;
	ev->period_ns = period_ns;
	ev->top_bytes = 0;
	ev->kind = kind;
	ev->_pad = 0;
	if (!(task->flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER))) {
		ev->user_stack = stack_id(ctx, BPF_F_USER_STACK, true);
		copy_user_state(task, ev);
	}
	tw_submit(ev);
}

/* An event loop sleeps in these calls, always at the same place, which says nothing. */
static __always_inline bool is_event_loop(__u16 nr)
{
	return nr == NR_epoll_wait || nr == NR_epoll_pwait || nr == NR_epoll_pwait2;
}

__hidden void tw_stack_of_sleep(void *ctx, struct task_struct *task, struct tw_task *t,
				__u64 now_ns)
{
	if (!is_event_loop(t->off.nr))
		send(ctx, task, t, now_ns, TW_STACK_SLEEP, 0);
}

static __always_inline int on_cpu_clock(struct bpf_perf_event_data *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct tw_task *t = tw_task_get(task);

	if (t && t->state != TW_TASK_ENDED)
		send(ctx, task, t, bpf_ktime_get_ns(), TW_STACK_CPU, (__u32)ctx->sample_period);
	return 0;
}

SEC("?perf_event")
int cpu_clock_pe(struct bpf_perf_event_data *ctx)
{
	return on_cpu_clock(ctx);
}
