// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/*
 * Sockets that are open at the attach: two passes of an iterator over the targets' files. And Unix
 * sockets that are open still: nothing tells when they close.
 */
#include "lib/conn.bpf.h"
#include "lib/sock.bpf.h"
#include "lib/task.bpf.h"
#include "lib/udp.bpf.h"

static __always_inline void found_listener(struct sock *sk)
{
	tw_conn_listens(sk);
	if (!tw_conn_get(sk))
		tw_conn_follow(sk, TW_ROLE_LISTENER);
}

static __always_inline void found_open(struct sock *sk, struct tw_task *task)
{
	struct tw_conn *conn;

	if (tw_conn_known(sk))
		return;
	conn = tw_conn_join(sk, true);
	if (conn)
		tw_conn_announce(sk, conn, task->pid, tw_conn_existing(sk, conn), 0);
}

static __always_inline struct sock *sock_of_target(struct bpf_iter__task_file *ctx,
						   struct tw_task **task)
{
	struct task_struct *owner = ctx->task;
	struct file *file = ctx->file;
	struct socket *sock;

	if (!file || !owner)
		return NULL;
	*task = tw_task_get(owner);
	if (!*task)
		return NULL;
	sock = bpf_sock_from_file(file);
	if (!sock)
		return NULL;
	return sock->sk;
}

/* First pass: the listeners, so that the second can tell servers' sockets from clients'. */
SEC("?iter/task_file")
int find_listeners(struct bpf_iter__task_file *ctx)
{
	struct tw_task *task;
	struct sock *sk = sock_of_target(ctx, &task);

	if (sk && tw_is_stream(sk) && sk->__sk_common.skc_state == TCP_LISTEN)
		found_listener(sk);
	return 0;
}

SEC("?iter/task_file")
int find_conns(struct bpf_iter__task_file *ctx)
{
	struct tw_task *task;
	struct sock *sk = sock_of_target(ctx, &task);
	__u8 state;

	if (!sk)
		return 0;
	if (tw_is_udp(sk))
		return tw_udp_found(sk);
	if (!tw_is_stream(sk))
		return 0;
	state = sk->__sk_common.skc_state;
	if (state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT || state == TCP_FIN_WAIT1 ||
	    state == TCP_FIN_WAIT2)
		found_open(sk, task);
	return 0;
}

/*
 * Writes the id of each followed Unix connection that its process has not closed. Run by the loader
 * from time to time; a socket that its peer still knows outlives its file.
 */
SEC("?iter/bpf_sk_storage_map")
int list_unix(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct tw_conn *conn = ctx->value;
	struct sock *sk = ctx->sk;

	if (!conn || !sk || conn->family != TW_AF_UNIX || !sk->sk_socket)
		return 0;
	bpf_seq_write(ctx->meta->seq, &conn->id, sizeof(conn->id));
	return 0;
}
