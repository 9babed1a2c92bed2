// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/*
 * Where the time of the traced threads goes: on a CPU, waiting for one, asleep and in which call. Each
 * stretch off the CPU is told as one record when it is over; the sums are kept besides.
 */
#include "lib/conn.bpf.h"
#include "lib/event.bpf.h"
#include "lib/fd.bpf.h"
#include "lib/stacks.bpf.h"
#include "lib/task.bpf.h"

static __always_inline void charge(struct tw_task *t, __u64 now_ns, __u32 next_state)
{
	__u64 spent = now_ns - t->since_ns;

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

/* The call's descriptor says more than its number: whose bytes it waits for, a disk, another thread. */
static __always_inline bool waits_on_fd(__u64 nr)
{
	switch (nr) {
	case NR_read:
	case NR_write:
	case NR_pread64:
	case NR_pwrite64:
	case NR_readv:
	case NR_writev:
	case NR_preadv:
	case NR_pwritev:
	case NR_preadv2:
	case NR_pwritev2:
	case NR_recvfrom:
	case NR_recvmsg:
	case NR_recvmmsg:
	case NR_sendto:
	case NR_sendmsg:
	case NR_sendmmsg:
	case NR_sendfile:
	case NR_connect:
	case NR_accept:
	case NR_accept4:
		return true;
	}
	return false;
}

static __always_inline void look_at_fd(struct task_struct *task, __u32 fd, struct tw_off *off)
{
	struct file *file = tw_file_of_fd(task, fd);
	struct socket *sock;
	struct inode *inode;

	if (!file)
		return;
	inode = BPF_CORE_READ(file, f_inode);
	switch (BPF_CORE_READ(inode, i_mode) & S_IFMT) {
	case S_IFSOCK:
		sock = BPF_CORE_READ(file, private_data);
		off->file = TW_FILE_SOCKET;
		off->object = tw_conn_id_of(BPF_CORE_READ(sock, sk));
		break;
	case S_IFREG: /* since 6.16 that is what anonymous ones say too */
		off->file = BPF_CORE_READ(inode, i_sb, s_magic) == ANON_INODE_FS_MAGIC
				    ? TW_FILE_ANON
				    : TW_FILE_REGULAR;
		break;
	case S_IFBLK:
		off->file = TW_FILE_REGULAR;
		break;
	case S_IFIFO:
		off->file = TW_FILE_PIPE;
		break;
	case 0:
		off->file = TW_FILE_ANON;
		break;
	default:
		off->file = TW_FILE_OTHER;
	}
}

/*
 * A mutex with waiters holds 2 (glibc, Go, Rust), and that is the value that they wait on. Condition
 * variables, semaphores and parked threads wait on others.
 */
static __always_inline void look_at_futex(struct pt_regs *regs, struct tw_off *off)
{
	off->object = regs->di;
	if ((__u32)regs->dx == 2)
		off->flags |= TW_OFF_CONTENDED;
}

/* What the thread is doing while it goes to sleep: it is still `current`. */
static __always_inline void look_at_sleep(struct task_struct *task, struct tw_off *off)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	__u64 nr = regs->orig_ax;

	if (BPF_CORE_READ_BITFIELD(task, in_iowait))
		off->flags |= TW_OFF_IO_WAIT;
	if (task->__state & TASK_STOPPED_BITS)
		off->flags |= TW_OFF_STOPPED;
	if (task->flags & (PF_IO_WORKER | PF_USER_WORKER))
		return; /* its registers are those of the thread that it was cloned from */
	if ((__s64)nr < 0) {
		off->flags |= TW_OFF_FAULT;
		return;
	}
	off->nr = nr;
	if (task->thread_info.status & TS_COMPAT)
		off->flags |= TW_OFF_COMPAT;
	else if (waits_on_fd(nr))
		look_at_fd(task, regs->di, off);
	else if (nr == NR_futex)
		look_at_futex(regs, off);
}

static __always_inline void send_off_cpu(struct tw_task *t, __u64 now_ns)
{
	struct tw_ev_off_cpu *ev = tw_reserve(now_ns, OFF_CPU, struct tw_ev_off_cpu);

	t->off_unsent = !ev;
	if (!ev)
		return;
	ev->on_ns = t->off.on_ns;
	ev->off_ns = t->off.off_ns;
	ev->woken_ns = t->off.woken_ns;
	ev->object = t->off.object;
	ev->pid = t->pid;
	ev->tid = t->tid;
	ev->waker_tid = t->off.waker_tid;
	ev->nr = t->off.nr;
	ev->file = t->off.file;
	ev->flags = t->off.flags;
	t->off.waker_tid = 0;
	tw_submit(ev);
}

/*
 * A stretch whose record is missing would count as time on the CPU from the thread's next socket call
 * on: it is sent late, as long as it is known and the thread is on the CPU that it came to then.
 */
__hidden void tw_task_resend_off(struct tw_task *t)
{
	if (t->state == TW_TASK_ON_CPU)
		send_off_cpu(t, t->since_ns);
}

static __always_inline __u64 run_delay_of(struct task_struct *task)
{
	return bpf_core_field_exists(task->sched_info) ? task->sched_info.run_delay : 0;
}

/*
 * On the CPU, though what is known is that it was not: the differences of the kernel's sums say how
 * long it has been and how long it had waited. They are of a clock that may run a little differently.
 */
static __always_inline void missed_switch(struct task_struct *task, struct tw_task *t, __u64 now_ns)
{
	__u64 waited = run_delay_of(task) - t->run_delay_ns;
	__u64 ran = task->se.sum_exec_runtime - t->exec_ns;
	__u64 on_ns;

	if (t->state == TW_TASK_ENDED || t->state == TW_TASK_ON_CPU)
		return;
	if (t->state == TW_TASK_UNSEEN) {
		charge(t, now_ns, TW_TASK_ON_CPU);
		return;
	}
	tw_count(TW_CNT_SWITCH_MISSED);
	if (t->state == TW_TASK_SLEEPING) {
		on_ns = now_ns - ran;
		if (ran > now_ns - t->off.off_ns)
			on_ns = t->off.off_ns;
		if (waited > on_ns - t->off.off_ns)
			waited = on_ns - t->off.off_ns;
		t->off.woken_ns = on_ns - waited;
		charge(t, t->off.woken_ns, TW_TASK_RUNNABLE);
	} else {
		on_ns = t->off.woken_ns + waited;
		if (waited > now_ns - t->off.woken_ns)
			on_ns = now_ns;
	}
	charge(t, on_ns, TW_TASK_ON_CPU);
	t->off.flags |= TW_OFF_ESTIMATED;
	send_off_cpu(t, on_ns);
}

__hidden void tw_task_missed_switch(struct task_struct *task, struct tw_task *t)
{
	missed_switch(task, t, bpf_ktime_get_ns());
}

static __always_inline void leave(void *ctx, struct task_struct *task, struct tw_task *t,
				  bool preempt, __u64 now_ns)
{
	/* Preempted while it was about to sleep, it is still on a run queue. */
	bool runnable = preempt || task->__state == TASK_RUNNING;

	if (t->state == TW_TASK_ENDED)
		return;
	if (t->state != TW_TASK_ON_CPU)
		missed_switch(task, t, now_ns);
	if (t->off_unsent)
		tw_task_resend_off(t);
	t->off.on_ns = t->since_ns;
	t->off.off_ns = now_ns;
	t->off.woken_ns = runnable ? now_ns : 0;
	t->off.object = 0;
	t->off.nr = TW_NO_CALL;
	t->off.file = TW_FILE_NONE;
	t->off.flags = runnable ? TW_OFF_PREEMPTED : 0;
	t->run_delay_ns = run_delay_of(task);
	t->exec_ns = task->se.sum_exec_runtime;
	if (runnable) {
		t->account.involuntary_switches++;
	} else {
		t->account.voluntary_switches++;
		look_at_sleep(task, &t->off);
		if (cfg.want_stacks)
			tw_stack_of_sleep(ctx, task, t, now_ns);
	}
	charge(t, now_ns, runnable ? TW_TASK_RUNNABLE : TW_TASK_SLEEPING);
}

static __always_inline void arrive(struct tw_task *t, __u64 now_ns)
{
	if (t->state == TW_TASK_ENDED)
		return;
	charge(t, now_ns, TW_TASK_ON_CPU);
	if (t->failed_calls) /* before it slept, and perhaps for somebody else than after */
		tw_task_send_failed(t);
	send_off_cpu(t, now_ns);
}

static __always_inline int on_switch(void *ctx, bool preempt, struct task_struct *prev,
				     struct task_struct *next)
{
	struct tw_task *out = tw_task_get(prev);
	struct tw_task *in = tw_task_get(next);
	__u64 now_ns = 0;

	if (out) {
		now_ns = bpf_ktime_get_ns();
		leave(ctx, prev, out, preempt, now_ns);
	}
	if (in)
		arrive(in, now_ns ? now_ns : bpf_ktime_get_ns());
	return 0;
}

/* After the wake-up has put the thread on a run queue: its wait for a CPU starts here. */
static __always_inline int on_wakeup(struct task_struct *task)
{
	struct tw_task *t = tw_task_get(task);

	if (t && t->state == TW_TASK_SLEEPING) {
		t->off.woken_ns = bpf_ktime_get_ns();
		charge(t, t->off.woken_ns, TW_TASK_RUNNABLE);
	}
	return 0;
}

static __always_inline bool futex_wakes(__u64 op)
{
	switch (op & FUTEX_CMD_MASK) {
	case FUTEX_WAKE:
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
	case FUTEX_WAKE_OP:
	case FUTEX_UNLOCK_PI:
	case FUTEX_WAKE_BITSET:
	case FUTEX_CMP_REQUEUE_PI:
		return true;
	}
	return false;
}

/*
 * Does a thread that is in this call wake others on purpose? What TCP delivers wakes the reader from
 * within the sender's call too, but that is a message, and not one thread handing on its work. And an
 * interrupt wakes others from within whatever call it meets: those that hand nothing on do not count.
 */
static __always_inline bool wakes_on_purpose(struct task_struct *waker)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(waker);
	__u64 sk;

	if (waker->flags & (PF_IO_WORKER | PF_USER_WORKER | PF_KTHREAD))
		return false;
	switch (regs->orig_ax) {
	case NR_write:
	case NR_writev:
	case NR_sendto:
	case NR_sendmsg:
	case NR_sendmmsg:
	case NR_sendfile:
		sk = tw_sk_of_fd(waker, regs->di);
		return !sk || BPF_CORE_READ((struct sock *)sk, __sk_common.skc_family) == AF_UNIX;
	case NR_futex:
		return futex_wakes(regs->si);
	case NR_exit: /* somebody joins it */
	case NR_futex_wake:
	case NR_futex_requeue:
	case NR_io_uring_enter: /* a message to another ring */
	case NR_mq_timedsend:
	case NR_msgsnd:
	case NR_semop:
	case NR_semtimedop:
	case NR_splice:
	case NR_tee:
	case NR_tgkill:
	case NR_vmsplice:
		return true;
	}
	return false;
}

/* In the context of the waker; the thread may not have gone to sleep yet. */
static __always_inline int on_waking(struct task_struct *task)
{
	struct tw_task *t = tw_task_get(task);
	struct task_struct *current;
	struct tw_task *waker;

	if (!t)
		return 0;
	current = bpf_get_current_task_btf();
	waker = tw_task_get(current);
	t->off.waker_tid = waker && waker != t && wakes_on_purpose(current) ? waker->tid : 0;
	return 0;
}

static __always_inline int on_wakeup_new(struct task_struct *task)
{
	struct tw_task *t = tw_task_get(task);
	struct tw_task *maker;

	if (!t || t->state != TW_TASK_UNSEEN)
		return 0;
	maker = tw_task_get(bpf_get_current_task_btf());
	t->off.woken_ns = bpf_ktime_get_ns();
	t->off.off_ns = t->off.woken_ns;
	t->off.waker_tid = maker ? maker->tid : 0;
	t->off.nr = TW_NO_CALL;
	t->off.flags = TW_OFF_NEW;
	charge(t, t->off.woken_ns, TW_TASK_RUNNABLE);
	return 0;
}

SEC("?tp_btf/sched_switch")
int BPF_PROG(switch_tp, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return on_switch(ctx, preempt, prev, next);
}

SEC("?tp_btf/sched_waking")
int BPF_PROG(waking_tp, struct task_struct *task)
{
	return on_waking(task);
}

SEC("?tp_btf/sched_wakeup")
int BPF_PROG(wakeup_tp, struct task_struct *task)
{
	return on_wakeup(task);
}

SEC("?tp_btf/sched_wakeup_new")
int BPF_PROG(wakeup_new_tp, struct task_struct *task)
{
	return on_wakeup_new(task);
}
