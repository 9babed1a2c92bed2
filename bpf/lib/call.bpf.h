/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Where a socket call's bytes are in user memory. The socket hooks run inside the call, in the
 * calling thread, so its saved registers still hold the system call's number and arguments: no
 * system-call hook is needed, and no other process pays for one.
 */
#ifndef TAILWHY_BPF_CALL_H
#define TAILWHY_BPF_CALL_H

#include "lib/base.bpf.h"
#include "lib/task.bpf.h"

/* Segments of one call that are looked at. Real servers use one to four. */
#define TW_SEGMENTS_MAX 32

/*
 * A walk over the bytes of one call: the rest of the current segment, then `iov_left` more. Reading
 * user memory costs the same for 16 bytes as for 256, so two iovecs are read at once.
 */
struct tw_cursor {
	__u64 base; /* user address */
	__u64 left_bytes; /* in this segment */
	struct iovec next; /* read ahead, if next_known */
	__u64 iov; /* user address of the struct iovec after that */
	__u32 iov_left; /* from there on */
	__u32 next_known;
	__u64 taken; /* user address of what cursor_take() stepped over */
};

/* Moves to the next segment; false: there is none, or it cannot be read. */
static __always_inline bool tw_cursor_next(struct tw_cursor *cur)
{
	struct iovec iov[2];

	if (cur->next_known) {
		cur->next_known = 0;
		cur->base = (__u64)cur->next.iov_base;
		cur->left_bytes = cur->next.iov_len;
		return true;
	}
	if (!cur->iov_left)
		return false;
	if (cur->iov_left > 1 && !bpf_probe_read_user(iov, sizeof(iov), (void *)cur->iov)) {
		cur->next = iov[1];
		cur->next_known = 1;
	} else if (bpf_probe_read_user(iov, sizeof(iov[0]), (void *)cur->iov)) {
		return false;
	}
	cur->base = (__u64)iov[0].iov_base;
	cur->left_bytes = iov[0].iov_len;
	cur->iov += (1 + cur->next_known) * sizeof(iov[0]);
	cur->iov_left -= 1 + cur->next_known;
	return true;
}

/*
 * sendmmsg and recvmmsg come here once for each message of their vector. The kernel keeps the index
 * to itself, so it is counted: from the start again after an error or a short message (both end the
 * call), or when the arguments are another call's.
 */
static __always_inline __u32 mmsg_index(struct tw_task *task, struct pt_regs *regs)
{
	__u64 args = regs->orig_ax ^ (regs->si << 8) ^ (regs->di << 40);
	__u32 index;

	if (!task)
		return 0;
	if (task->mmsg_args != args) {
		task->mmsg_args = args;
		task->mmsg_index = 0;
	}
	index = task->mmsg_index++;
	if (task->mmsg_index >= (__u32)regs->dx)
		task->mmsg_index = 0;
	return index;
}

/*
 * Sets the cursor to the first byte of the call's buffer. False: the thread's call has no user
 * buffer (sendfile, splice, io_uring), or is none that is known.
 */
static __always_inline bool tw_cursor_init(struct tw_cursor *cur, struct task_struct *current,
					   struct tw_task *task)
{
	struct {
		__u64 iov;
		__u64 count;
	} vector; /* of a struct user_msghdr: the stack has no room for the whole */
	struct pt_regs *regs;
	__u64 msg_addr;

	cur->base = 0;
	cur->left_bytes = 0;
	cur->next.iov_base = NULL;
	cur->next.iov_len = 0;
	cur->iov = 0;
	cur->iov_left = 0;
	cur->next_known = 0;
	cur->taken = 0;
	if (current->flags & (PF_IO_WORKER | PF_KTHREAD | PF_USER_WORKER))
		return false;
	if (current->thread_info.status & TS_COMPAT)
		return false; /* 32-bit numbers and layouts */
	regs = (struct pt_regs *)bpf_task_pt_regs(current);
	/* The entry code puts -ENOSYS there: anything else is a call that has finished, and this is
	 * io_uring's task work on the way out of it. */
	if (!cfg.io_by_syscall && regs->ax != (unsigned long)-ENOSYS)
		return false;
	switch (regs->orig_ax) {
	case NR_read:
	case NR_write:
	case NR_recvfrom:
	case NR_sendto:
		cur->base = regs->si;
		cur->left_bytes = regs->dx;
		return true;
	case NR_readv:
	case NR_writev:
	case NR_preadv2:
	case NR_pwritev2:
		cur->iov = regs->si;
		cur->iov_left = regs->dx;
		return tw_cursor_next(cur);
	case NR_recvmsg:
	case NR_sendmsg:
		msg_addr = regs->si;
		break;
	case NR_recvmmsg:
	case NR_sendmmsg:
		msg_addr = regs->si + mmsg_index(task, regs) * sizeof(struct mmsghdr);
		break;
	default:
		return false;
	}
	if (bpf_probe_read_user(&vector, sizeof(vector),
				(void *)(msg_addr + offsetof(struct user_msghdr, msg_iov))))
		return false;
	cur->iov = vector.iov;
	cur->iov_left = vector.count;
	return tw_cursor_next(cur);
}

#endif
