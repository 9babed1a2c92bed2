// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/*
 * Failing system calls of the targets, counted by thread, call and errno. The dearest hook: while it
 * is attached every process of the machine takes the slow way out of its system calls.
 */
#include "lib/conn.bpf.h"
#include "lib/event.bpf.h"
#include "lib/fd.bpf.h"
#include "lib/task.bpf.h"

/* The largest errno that user space knows; larger ones restart the call or are the kernel's own. */
#define ERRNO_LAST 133

/* A thread's rows are deleted by the loader when the thread has ended, and never before: nobody else
 * writes to them, so counting needs no atomics. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct tw_syscall_key);
	__type(value, struct tw_syscall_count);
} syscall_errors SEC(".maps");

static __always_inline void count_error(struct tw_task *task, __u16 nr, __u16 error)
{
	struct tw_syscall_key key = {.pid = task->pid, .tid = task->tid, .nr = nr, .error = error};
	struct tw_syscall_count *row = bpf_map_lookup_elem(&syscall_errors, &key);
	struct tw_syscall_count first = {.count = 1};

	if (row) {
		row->count++;
		return;
	}
	if (bpf_map_update_elem(&syscall_errors, &key, &first, BPF_ANY))
		tw_count(TW_CNT_SYSCALL_MAP_FULL);
}

/*
 * What healthy programs live with: a bit for each errno of each call, filled in by the loader from
 * the rules that the table of failing calls goes by.
 */
const volatile __u64 expected_failures[TW_SYSCALLS][TW_ERRNO_WORDS] = {};

static __always_inline bool is_expected(__u64 nr, __u64 error)
{
	__u64 word = error / 64;

	barrier_var(word); /* 6.1 and 6.12 must see the test of what is the index */
	if (nr >= TW_SYSCALLS || word >= TW_ERRNO_WORDS)
		return false;
	return expected_failures[nr][word] >> (error % 64) & 1;
}

static __always_inline void on_accept(struct task_struct *task, __u32 fd)
{
	__u64 sk = tw_sk_of_fd(task, fd);

	if (sk)
		tw_conn_accept(sk, bpf_ktime_get_ns());
}

static __always_inline int on_sys_exit(struct pt_regs *regs, long ret)
{
	struct task_struct *current;
	struct tw_task *task;
	__u64 nr = regs->orig_ax;

	if (ret >= 0) {
		if (nr != NR_accept4 && nr != NR_accept)
			return 0;
		current = bpf_get_current_task_btf();
		if (tw_task_get(current))
			on_accept(current, ret);
		return 0;
	}
	/* On the way out of a signal handler there is no call: what it restores is no result. */
	if (ret < -ERRNO_LAST || (__s64)nr < 0)
		return 0;
	task = tw_task_get(bpf_get_current_task_btf());
	if (!task)
		return 0;
	count_error(task, nr, -ret);
	if (!is_expected(nr, -ret)) {
		task->failed_calls++;
		task->failed_nr = nr;
		task->failed_error = -ret;
	}
	return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(sys_exit_tp, struct pt_regs *regs, long ret)
{
	return on_sys_exit(regs, ret);
}
