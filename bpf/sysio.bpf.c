// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/*
 * Socket calls seen from outside, for kernels without a hook within them: when a system call of a
 * target returns. Every process of the machine pays for that, and io_uring is not seen at all.
 */
#include "lib/call.bpf.h"
#include "lib/conn.bpf.h"
#include "lib/fd.bpf.h"
#include "lib/io.bpf.h"
#include "lib/task.bpf.h"

/* UIO_MAXIOV: no call moves more messages. */
#define MESSAGES_MAX 1024

enum call_kind {
	CALL_NONE = 0,
	CALL_RECV,
	CALL_SEND,
	CALL_RECV_MANY,
	CALL_SEND_MANY,
	CALL_SPLICE,
	CALL_ACCEPT,
};

static __always_inline enum call_kind kind_of(__u64 nr)
{
	switch (nr) {
	case NR_read:
	case NR_readv:
	case NR_preadv2:
	case NR_recvfrom:
	case NR_recvmsg:
		return CALL_RECV;
	case NR_write:
	case NR_writev:
	case NR_pwritev2:
	case NR_sendto:
	case NR_sendmsg:
	case NR_sendfile:
		return CALL_SEND;
	case NR_recvmmsg:
		return CALL_RECV_MANY;
	case NR_sendmmsg:
		return CALL_SEND_MANY;
	case NR_splice:
		return CALL_SPLICE;
	case NR_accept:
	case NR_accept4:
		return CALL_ACCEPT;
	}
	return CALL_NONE;
}

static __always_inline int recv_flags(struct pt_regs *regs)
{
	switch (regs->orig_ax) {
	case NR_recvfrom:
	case NR_recvmmsg:
		return regs->r10;
	case NR_recvmsg:
		return regs->dx;
	}
	return 0;
}

/* What one message of a sendmmsg or recvmmsg moved; false: there is none such. */
static __always_inline bool message_len(struct pt_regs *regs, int i, int count, __u32 *len)
{
	struct mmsghdr *msg = (struct mmsghdr *)regs->si + i;

	return i < count && !bpf_probe_read_user(len, sizeof(*len), &msg->msg_len);
}

static __always_inline void on_sendmmsg(struct pt_regs *regs, struct tw_task *task, __u64 sk,
					int ret)
{
	__u32 len;

	task->mmsg_index = 0;
	if (ret < 0)
		tw_io_send(sk, ret);
	for (int i = 0; i < MESSAGES_MAX && message_len(regs, i, ret, &len); i++)
		tw_io_send(sk, len);
}

static __always_inline void on_recvmmsg(struct pt_regs *regs, struct tw_task *task, __u64 sk,
					int ret)
{
	int flags = recv_flags(regs);
	__u32 later = 0;
	__u32 len;

	task->mmsg_index = 0;
	if (ret < 0)
		tw_io_recv(sk, ret, flags, 0);
	for (int i = 0; i < MESSAGES_MAX && message_len(regs, i, ret, &len); i++)
		later += len;
	for (int i = 0; i < MESSAGES_MAX && message_len(regs, i, ret, &len); i++) {
		later -= len;
		tw_io_recv(sk, len, flags, later);
	}
}

static __always_inline void on_splice(struct pt_regs *regs, struct task_struct *current, int ret)
{
	__u64 from = tw_sk_of_fd(current, regs->di);
	__u64 to = tw_sk_of_fd(current, regs->dx);

	if (from)
		tw_io_recv(from, ret, MSG_TRUNC, 0); /* the bytes are in a pipe */
	if (to)
		tw_io_send(to, ret);
}

static __always_inline int on_sys_io(struct pt_regs *regs, int ret)
{
	enum call_kind kind = kind_of(regs->orig_ax);
	struct task_struct *current;
	struct tw_task *task;
	__u64 sk;

	if (kind == CALL_NONE)
		return 0;
	current = bpf_get_current_task_btf();
	task = tw_task_get(current);
	if (!task || current->thread_info.status & TS_COMPAT)
		return 0;
	if (kind == CALL_SPLICE) {
		on_splice(regs, current, ret);
		return 0;
	}
	if (kind == CALL_ACCEPT) {
		sk = ret < 0 ? 0 : tw_sk_of_fd(current, ret);
		if (sk)
			tw_io_accept(sk);
		return 0;
	}
	sk = tw_sk_of_fd(current, regs->di);
	if (!sk)
		return 0;
	switch (kind) {
	case CALL_RECV:
		if (ret || regs->dx) /* nothing wanted, nothing came: not the end of the stream */
			tw_io_recv(sk, ret, recv_flags(regs), 0);
		break;
	case CALL_SEND:
		tw_io_send(sk, ret);
		break;
	case CALL_RECV_MANY:
		on_recvmmsg(regs, task, sk, ret);
		break;
	case CALL_SEND_MANY:
		on_sendmmsg(regs, task, sk, ret);
		break;
	default:
		break;
	}
	return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(sys_io_tp, struct pt_regs *regs, long ret)
{
	return on_sys_io(regs, ret);
}
