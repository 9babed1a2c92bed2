// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/*
 * Which threads are traced: owns the task storage whose presence is the filter everywhere. Threads
 * that exist at the attach are marked by an iterator, later ones when they are created.
 */
#include "lib/event.bpf.h"
#include "lib/task.bpf.h"

struct tw_tasks tasks SEC(".maps");

/* Thread groups to trace, by the numbers of /proc. Filled by the loader before it marks. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} target_pids SEC(".maps");

/* Depth of the PID namespace whose numbers are used: 0 on a host. Known once threads are marked,
 * and nothing happens to threads that are not. */
static __u32 pidns_level;

/* The loader runs the iterators itself, so it is `current`. */
static __always_inline void find_pidns_level(void)
{
	struct task_struct *loader = bpf_get_current_task_btf();

	pidns_level = BPF_CORE_READ(loader, thread_pid, level) - cfg.pidns_above;
}

/* The number of a struct pid in that namespace; 0 if it is not visible there. */
static __always_inline __u32 pid_nr(struct pid *pid)
{
	__u32 level = pidns_level;
	int nr = 0;

	if (!pid || BPF_CORE_READ(pid, level) < level)
		return 0;
	/* numbers[] is indexed by namespace depth; the index is no constant, so no CO-RE access. */
	bpf_probe_read_kernel(&nr, sizeof(nr),
			      (void *)pid + bpf_core_field_offset(pid->numbers) +
				      level * bpf_core_type_size(struct upid));
	return nr;
}

static __always_inline __u32 task_tgid_nr(struct task_struct *task)
{
	return pid_nr(BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]));
}

__hidden struct tw_task *tw_task_mark(struct task_struct *task)
{
	struct tw_task *t = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!t) {
		tw_count(TW_CNT_TASK_ALLOC);
		return NULL;
	}
	t->pid = task_tgid_nr(task);
	t->tid = pid_nr(BPF_CORE_READ(task, thread_pid));
	return t;
}

__hidden void tw_task_send_failed(struct tw_task *t)
{
	struct tw_ev_call_errors *ev =
		tw_reserve(bpf_ktime_get_ns(), CALL_ERRORS, struct tw_ev_call_errors);

	if (!ev)
		return;
	ev->pid = t->pid;
	ev->tid = t->tid;
	ev->count = t->failed_calls;
	ev->nr = t->failed_nr;
	ev->error = t->failed_error;
	t->failed_calls = 0;
	tw_submit(ev);
}

static __always_inline int on_fork(struct task_struct *parent, struct task_struct *child)
{
	struct tw_ev_task_fork *ev;
	struct tw_task *t;

	if (!tw_task_get(parent))
		return 0;
	t = tw_task_mark(child);
	if (!t || t->pid != t->tid)
		return 0;
	ev = tw_reserve(bpf_ktime_get_ns(), TASK_FORK, struct tw_ev_task_fork);
	if (!ev)
		return 0;
	ev->parent_pid = task_tgid_nr(parent);
	ev->pid = t->pid;
	bpf_probe_read_kernel_str(ev->comm, sizeof(ev->comm), child->comm);
	tw_submit(ev);
	return 0;
}

static __always_inline int on_exec(struct task_struct *task)
{
	struct tw_ev_task_exec *ev;
	struct tw_task *t = tw_task_get(task);

	if (!t)
		return 0;
	t->tid = t->pid; /* whichever thread called it is the leader now */
	ev = tw_reserve(bpf_ktime_get_ns(), TASK_EXEC, struct tw_ev_task_exec);
	if (!ev)
		return 0;
	ev->pid = t->pid;
	ev->_pad = 0;
	bpf_probe_read_kernel_str(ev->comm, sizeof(ev->comm), task->comm);
	tw_submit(ev);
	return 0;
}

static __always_inline int on_exit(struct task_struct *task)
{
	struct tw_ev_task_exit *ev;
	struct tw_task *t = tw_task_get(task);
	__u64 now_ns;

	if (!t)
		return 0;
	tw_task_at_call(task, t);
	now_ns = bpf_ktime_get_ns();
	ev = tw_reserve(now_ns, TASK_EXIT, struct tw_ev_task_exit);
	if (!ev)
		return 0;
	ev->pid = t->pid;
	ev->tid = t->tid;
	ev->exit_code = task->exit_code;
	/* Two last threads that exit at once may both say so. */
	ev->process_ended = task->signal->live.counter == 0;
	ev->_pad[0] = ev->_pad[1] = ev->_pad[2] = 0;
	ev->account = t->account;
	if (t->state == TW_TASK_ON_CPU)
		ev->account.on_cpu_ns += now_ns - t->since_ns;
	t->state = TW_TASK_ENDED;
	tw_submit(ev);
	return 0;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(fork_tp, struct task_struct *parent, struct task_struct *child)
{
	return on_fork(parent, child);
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(exec_tp, struct task_struct *task)
{
	return on_exec(task);
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(exit_tp, struct task_struct *task)
{
	return on_exit(task);
}

/* Run once for each target: marks the threads that exist. Idempotent. */
SEC("?iter/task")
int mark_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	__u32 pid;

	if (!task)
		return 0;
	find_pidns_level();
	pid = task_tgid_nr(task);
	if (pid && bpf_map_lookup_elem(&target_pids, &pid))
		tw_task_mark(task);
	return 0;
}

/*
 * The account up to now, of a thread that may be switched on another CPU meanwhile: half a change
 * would lose or double its last stretch, and the next reading would seem to go back.
 */
static __always_inline void read_account(struct tw_task *t, struct tw_task_account *account)
{
	for (int i = 0; i < 8; i++) {
		__u32 version = *(volatile __u32 *)&t->version;
		__u64 since_ns; /* then for how long */
		__u32 state;

		barrier();
		*account = t->account;
		state = t->state;
		since_ns = t->since_ns;
		barrier();
		if (version & 1 || version != *(volatile __u32 *)&t->version)
			continue;
		since_ns = bpf_ktime_get_ns() - since_ns;
		if (state == TW_TASK_ON_CPU)
			account->on_cpu_ns += since_ns;
		else if (state == TW_TASK_RUNNABLE)
			account->run_queue_ns += since_ns;
		else if (state == TW_TASK_SLEEPING)
			account->sleep_ns += since_ns;
		return;
	}
}

/* Writes a struct tw_thread_info for each traced thread. */
SEC("?iter/task")
int list_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct tw_thread_info info = {};
	struct tw_task *t;

	if (!task)
		return 0;
	t = tw_task_get(task);
	if (!t || t->state == TW_TASK_ENDED)
		return 0;
	info.pid = t->pid;
	info.tid = t->tid;
	read_account(t, &info.account);
	bpf_probe_read_kernel_str(info.comm, sizeof(info.comm), task->comm);
	bpf_seq_write(ctx->meta->seq, &info, sizeof(info));
	return 0;
}
