// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/* The states a TCP socket goes through, from connect and accept to its close. */
#include "lib/conn.bpf.h"
#include "lib/event.bpf.h"
#include "lib/sock.bpf.h"
#include "lib/task.bpf.h"

static __always_inline int sock_error(struct sock *sk)
{
	int error = TW_SK(sk, sk_err);

	return error ? error : TW_SK(sk, sk_err_soft);
}

static __always_inline void send_close(struct sock *sk, struct tw_conn *conn, int oldstate)
{
	struct tw_ev_conn_close *ev;
	struct tcp_sock *tcp = tw_tcp_of(sk);
	int error = sock_error(sk);

	/* Closed with a reset, which is sent after this: nobody's FIN came before. */
	if ((oldstate == TCP_ESTABLISHED || oldstate == TCP_CLOSE_WAIT) && error != ETIMEDOUT &&
	    !(conn->flags & TW_CONN_RST_IN))
		conn->flags |= TW_CONN_RST_OUT;
	ev = tw_reserve(bpf_ktime_get_ns(), CONN_CLOSE, struct tw_ev_conn_close);
	if (!ev)
		return;
	ev->conn_id = conn->id;
	ev->in_bytes = conn->in_bytes;
	ev->out_bytes = conn->out_bytes;
	ev->retransmits = conn->retransmits;
	ev->srtt_us = tcp ? TW_SK(tcp, srtt_us) >> 3 : 0;
	ev->error = error;
	ev->flags = (conn->flags & TW_CONN_RST_IN ? TW_CLOSE_RST_IN : 0) |
		    (conn->flags & TW_CONN_RST_OUT ? TW_CLOSE_RST_OUT : 0) |
		    (error == ETIMEDOUT ? TW_CLOSE_TIMEOUT : 0);
	ev->_pad[0] = ev->_pad[1] = ev->_pad[2] = 0;
	tw_submit(ev);
}

static __always_inline void send_shut(struct tw_conn *conn, __u8 dir)
{
	struct tw_ev_conn_shut *ev;

	if (!(conn->flags & TW_CONN_ANNOUNCED))
		return;
	ev = tw_reserve(bpf_ktime_get_ns(), CONN_SHUT, struct tw_ev_conn_shut);
	if (!ev)
		return;
	ev->conn_id = conn->id;
	ev->dir = dir;
	__builtin_memset(ev->_pad, 0, sizeof(ev->_pad));
	tw_submit(ev);
}

__hidden void tw_conn_late_close(struct sock *sk, struct tw_conn *conn)
{
	conn->flags &= ~TW_CONN_ENDED;
	send_close(sk, conn, TCP_CLOSE);
}

__hidden void tw_conn_peer_closed(struct tw_conn *conn)
{
	send_shut(conn, TW_DIR_IN);
}

static __always_inline void send_connect(struct tw_conn *conn, struct tw_task *task)
{
	struct tw_ev_conn_connect *ev =
		tw_reserve(bpf_ktime_get_ns(), CONN_CONNECT, struct tw_ev_conn_connect);

	if (!ev)
		return;
	ev->conn_id = conn->id;
	ev->pid = task->pid;
	ev->tid = task->tid;
	tw_submit(ev);
}

/* A socket that nothing is known of: a client's or a listener that a target just made? */
static __always_inline void on_new_socket(struct sock *sk, int oldstate, int newstate)
{
	__u8 role = newstate == TCP_SYN_SENT ? TW_ROLE_CLIENT : TW_ROLE_LISTENER;
	struct tw_conn *conn;
	struct tw_task *task;

	if (cfg.conns_by_address && oldstate == TCP_SYN_RECV && newstate == TCP_ESTABLISHED &&
	    tw_conn_open_role(sk) == TW_ROLE_SERVER) {
		conn = tw_conn_follow(sk, TW_ROLE_SERVER);
		if (conn)
			conn->established_ns = bpf_ktime_get_ns();
		return;
	}
	if ((newstate != TCP_SYN_SENT && newstate != TCP_LISTEN) || !tw_is_stream(sk))
		return;
	task = tw_task_get(bpf_get_current_task_btf());
	if (!task)
		return;
	conn = tw_conn_follow(sk, role);
	if (newstate == TCP_LISTEN)
		tw_conn_listens(sk);
	else if (conn)
		send_connect(conn, task);
}

/* Runs in the process for connect and listen, in soft interrupts for the rest. */
static __always_inline int on_set_state(struct sock *sk, int oldstate, int newstate)
{
	struct tw_conn *conn = tw_conn_get(sk);

	if (!conn) {
		on_new_socket(sk, oldstate, newstate);
		return 0;
	}
	/* Our FIN is acknowledged, and so is all before it. */
	if (conn->flags & TW_CONN_UNACKED &&
	    (newstate == TCP_FIN_WAIT2 || newstate == TCP_TIME_WAIT ||
	     (newstate == TCP_CLOSE && oldstate == TCP_LAST_ACK)))
		tw_conn_acked(conn, TW_ACK_ALL);
	if (cfg.conns_by_address && newstate == TCP_CLOSE)
		conn->flags |= TW_CONN_CLOSED;
	if (conn->role == TW_ROLE_LISTENER) {
		/* A child that the kernel just made from its listener. */
		if (newstate != TCP_ESTABLISHED)
			return 0;
		tw_conn_restart(sk, conn, TW_ROLE_SERVER);
	}
	switch (newstate) {
	case TCP_ESTABLISHED:
		conn->established_ns = bpf_ktime_get_ns();
		/* A server's connection is told of when a target uses it: its listener may be shared
		 * with processes that are not traced. */
		if (conn->role != TW_ROLE_SERVER)
			tw_conn_announce(sk, conn, 0, 0, 0);
		break;
	case TCP_CLOSE_WAIT:
	case TCP_TIME_WAIT: /* from FIN_WAIT2 */
	case TCP_CLOSING:
		send_shut(conn, TW_DIR_IN);
		break;
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		send_shut(conn, TW_DIR_OUT);
		break;
	case TCP_CLOSE:
		if (oldstate == TCP_SYN_SENT)
			tw_conn_announce(sk, conn, 0, TW_OPEN_CONNECT_FAILED, sock_error(sk));
		else if (conn->flags & TW_CONN_ANNOUNCED)
			send_close(sk, conn, oldstate);
		else
			conn->flags |= TW_CONN_ENDED;
		break;
	}
	return 0;
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(set_state_tp, struct sock *sk, int oldstate, int newstate)
{
	return on_set_state(sk, oldstate, newstate);
}
