// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/* Where the time of the traced threads goes: on a CPU, waiting for one, asleep. */
#include "lib/event.bpf.h"
#include "lib/task.bpf.h"

static __always_inline void charge(struct tw_task *t, __u64 now_ns, __u32 next_state)
{
	__u64 spent = now_ns - t->since_ns;

	if (t->state == TW_TASK_ENDED)
		return;
	t->version++;
	barrier();
	switch (t->state) {
	case TW_TASK_ON_CPU:
		t->account.on_cpu_ns += spent;
		break;
	case TW_TASK_RUNNABLE:
		t->account.run_queue_ns += spent;
		break;
	case TW_TASK_SLEEPING:
		t->account.sleep_ns += spent;
		break;
	}
	t->state = next_state;
	t->since_ns = now_ns;
	barrier();
	t->version++;
}

static __always_inline int on_switch(bool preempt, struct task_struct *prev,
				     struct task_struct *next)
{
	struct tw_task *out = tw_task_get(prev);
	struct tw_task *in = tw_task_get(next);
	__u64 now_ns = 0;

	if (out) {
		/* Preempted while it was about to sleep, it is still on a run queue. */
		bool runnable = preempt || prev->__state == TASK_RUNNING;

		now_ns = bpf_ktime_get_ns();
		charge(out, now_ns, runnable ? TW_TASK_RUNNABLE : TW_TASK_SLEEPING);
		if (runnable)
			out->account.involuntary_switches++;
		else
			out->account.voluntary_switches++;
	}
	if (in)
		charge(in, now_ns ? now_ns : bpf_ktime_get_ns(), TW_TASK_ON_CPU);
	return 0;
}

/* After the wake-up has put the thread on a run queue: its wait for a CPU starts here. */
static __always_inline int on_wakeup(struct task_struct *task)
{
	struct tw_task *t = tw_task_get(task);

	if (t && t->state == TW_TASK_SLEEPING)
		charge(t, bpf_ktime_get_ns(), TW_TASK_RUNNABLE);
	return 0;
}

SEC("?tp_btf/sched_switch")
int BPF_PROG(switch_tp, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return on_switch(preempt, prev, next);
}

SEC("?tp_btf/sched_wakeup")
int BPF_PROG(wakeup_tp, struct task_struct *task)
{
	return on_wakeup(task);
}

SEC("?tp_btf/sched_wakeup_new")
int BPF_PROG(wakeup_new_tp, struct task_struct *task)
{
	struct tw_task *t = tw_task_get(task);

	if (t && t->state == TW_TASK_UNSEEN)
		charge(t, bpf_ktime_get_ns(), TW_TASK_RUNNABLE);
	return 0;
}
