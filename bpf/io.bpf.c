// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/*
 * Bytes in and out of a socket: when and how many. Knows no protocol.
 */
#include "lib/conn.bpf.h"
#include "lib/event.bpf.h"
#include "lib/io.bpf.h"
#include "lib/payload.bpf.h"
#include "lib/sock.bpf.h"
#include "lib/task.bpf.h"
#include "lib/tls.bpf.h"
#include "lib/udp.bpf.h"

static __always_inline void call_init(struct tw_call *call, struct sock *sk, struct tw_conn *conn,
				      __u8 dir, __u32 len, struct tw_task *task)
{
	__u64 ids;

	call->conn_id = conn->id;
	call->now_ns = bpf_ktime_get_ns();
	call->arrived_ns = 0;
	call->len_bytes = len;
	call->want_bytes = tw_take_capture(&conn->turn, conn->role, dir, len, &call->look);
	call->done_bytes = 0;
	call->dir = dir;
	call->flags = 0;
	call->tail_len_bytes = 0;
	call->tail = 0;
	call->accepted_ns = tw_conn_first_use(sk, conn, call->now_ns, &call->flags);
	if (task) {
		call->pid = task->pid;
		call->tid = task->tid;
	} else { /* a socket of the target in the hands of another process */
		ids = bpf_get_current_pid_tgid();
		call->pid = ids >> 32;
		call->tid = (__u32)ids;
	}
}

static __always_inline void on_io_error(struct sock *sk, struct tw_conn *conn, struct tw_task *task,
					__u8 dir, int ret)
{
	struct tw_ev_io_error *ev;

	/* ERESTARTSYS and its kin (512 and up) are not for the process to see. */
	if (ret == -EAGAIN || ret == -EINTR || ret <= -512)
		return;
	ev = tw_reserve(bpf_ktime_get_ns(), IO_ERROR, struct tw_ev_io_error);
	if (!ev)
		return;
	ev->conn_id = conn->id;
	ev->pid = task ? task->pid : 0;
	ev->tid = task ? task->tid : 0;
	ev->error = -ret;
	ev->dir = dir;
	ev->_pad[0] = ev->_pad[1] = ev->_pad[2] = 0;
	tw_submit(ev);
	if (conn->flags & TW_CONN_ENDED)
		tw_conn_late_close(sk, conn);
}

/* A peer on this machine may have acknowledged before the call returned. */
static __always_inline void await_ack(struct sock *sk, struct tw_conn *conn)
{
	struct tcp_sock *tcp = tw_tcp_of(sk);

	if (!tcp)
		return;
	conn->flags |= TW_CONN_UNACKED;
	barrier();
	if (TW_SK(tcp, snd_una) == TW_SK(tcp, write_seq))
		tw_conn_acked(conn, TW_ACK_ALL);
}

/*
 * Does the socket wait for its peer to take some bytes? What has just fitted may have filled it: only
 * a send that moves nothing, of which nothing is told, sets the flag then. Unix sockets do not take
 * it back when the peer has taken some; less than a quarter in use is when poll(2) calls them
 * writable again.
 */
static __always_inline bool is_full(struct sock *sk, struct tw_conn *conn)
{
	bool no_space = tw_socket_flags(sk) & (1 << SOCK_NOSPACE);
	int limit = TW_SK(sk, sk_sndbuf);

	if (conn->family != TW_AF_UNIX)
		return no_space || TW_SK(sk, sk_wmem_queued) >= limit;
	return TW_SK(sk, sk_wmem_alloc.refs.counter) > (no_space ? limit >> 2 : limit);
}

/* The send call has returned but no lock is held: two threads may be here for one socket. */
static __always_inline int on_send(struct sock *sk, int ret)
{
	struct task_struct *current = bpf_get_current_task_btf();
	struct tw_task *task = tw_task_at_socket(current);
	struct tw_conn *conn = tw_conn_use(sk, task);
	struct tw_call call;

	if (!conn)
		return task ? tw_udp_send(sk, task, ret) : 0;
	if (task)
		tw_task_at_call(current, task);
	if (ret <= 0) {
		if (task)
			task->mmsg_index = 0;
		if (cfg.want_tls)
			tw_tls_at_failed_call(current);
		if (ret < 0)
			on_io_error(sk, conn, task, TW_DIR_OUT, ret);
		return 0;
	}
	call_init(&call, sk, conn, TW_DIR_OUT, ret, task);
	if (is_full(sk, conn))
		call.flags |= TW_DATA_NO_SPACE;
	call.offset_bytes = __sync_fetch_and_add(&conn->out_bytes, (__u64)ret);
	if (cfg.want_tls)
		tw_tls_at_call(current, task, conn, &call);
	tw_payload_send(&call, current, task, false);
	if (call.look == TW_LOOK_FOUND)
		conn->turn.framed = 1;
	if (cfg.want_acks)
		await_ack(sk, conn);
	return 0;
}

/*
 * TCP: bytes of the stream that the process has taken, `ret` of them now. copied_seq also counts
 * what was spliced or discarded without a call that is seen here; it steps over a FIN as if that
 * were a byte. It has not moved where the connection was found while the call was under way.
 */
static __always_inline void advance_tcp(struct sock *sk, struct tcp_sock *tcp, struct tw_conn *conn,
					__u32 ret, __u32 later)
{
	__u32 copied = TW_SK(tcp, copied_seq) - later;
	__u32 moved = copied - conn->copied_seq;

	if (!(conn->flags & TW_CONN_SEQ_KNOWN) || moved < ret || moved > 1u << 31)
		moved = ret;
	if (moved == ret + 1 && (TW_SK(sk, sk_shutdown) & RCV_SHUTDOWN))
		moved = ret;
	conn->flags |= TW_CONN_SEQ_KNOWN;
	conn->copied_seq = copied;
	conn->in_bytes += moved;
}

static __always_inline void send_arrival(struct tw_conn *conn, __u64 ts_ns, __u64 offset)
{
	struct tw_ev_arrival *ev = tw_reserve(ts_ns, ARRIVAL, struct tw_ev_arrival);

	if (!ev)
		return;
	ev->conn_id = conn->id;
	ev->offset_bytes = offset;
	tw_submit(ev);
}

/*
 * When the bytes of this read became readable. The first stamp goes into the data record, if it is
 * that of the first byte; later ones (a pipelined request that came in a segment of its own) go ahead
 * of it as records, and so does that there is none: a stamp is never taken for other bytes.
 */
static __always_inline __u64 take_arrivals_tcp(struct tw_conn *conn, __u32 ret, __u64 now_ns)
{
	__u32 end_seq = conn->copied_seq;
	__u32 begin_seq = end_seq - ret;
	__u32 seq = begin_seq; /* of the first byte of this read whose stamp is still wanted */
	__u64 offset = conn->in_bytes - ret;
	__u64 first_ns = 0;

	for (int i = 0; i < TW_ARRIVALS; i++) {
		struct tw_arrival *a = &conn->arrivals[conn->arrivals_read & (TW_ARRIVALS - 1)];

		if (conn->arrivals_read == conn->arrivals_written ||
		    (__s32)(a->begin_seq - end_seq) >= 0)
			break;
		if ((__s32)(a->end_seq - seq) > 0) {
			if ((__s32)(a->begin_seq - seq) > 0) {
				if (seq != begin_seq)
					send_arrival(conn, now_ns, offset | TW_ARRIVAL_UNKNOWN);
				offset += a->begin_seq - seq;
				seq = a->begin_seq;
			}
			if (seq == begin_seq)
				first_ns = a->ts_ns;
			else
				send_arrival(conn, a->ts_ns, offset);
			offset += a->end_seq - seq;
			seq = a->end_seq;
		}
		if ((__s32)(a->end_seq - end_seq) > 0)
			break; /* some of its bytes are still unread */
		conn->arrivals_read++;
	}
	if (seq != begin_seq && (__s32)(seq - end_seq) < 0)
		send_arrival(conn, now_ns, offset | TW_ARRIVAL_UNKNOWN);
	return first_ns;
}

static __always_inline __u64 take_arrival_unix(struct tw_conn *conn, struct sock *sk)
{
	__u64 first_ns;

	if (conn->arrivals_read == conn->arrivals_written)
		return 0;
	first_ns = conn->arrivals[0].ts_ns;
	if (!TW_SK(sk, sk_receive_queue.qlen))
		conn->arrivals_read = conn->arrivals_written;
	return first_ns;
}

/* later: bytes that the socket has given already but that later messages of this call will report. */
static __always_inline int on_recv(struct sock *sk, int ret, int flags, __u32 later)
{
	struct task_struct *current = bpf_get_current_task_btf();
	struct tw_task *task = tw_task_at_socket(current);
	struct tw_conn *conn = tw_conn_use(sk, task);
	struct tcp_sock *tcp;
	struct tw_call call;

	if (!conn)
		return task ? tw_udp_recv(sk, task, ret, flags) : 0;
	if (ret <= 0) {
		if (task)
			task->mmsg_index = 0;
		if (cfg.want_tls)
			tw_tls_at_failed_call(current);
		if (ret < 0)
			on_io_error(sk, conn, task, TW_DIR_IN, ret);
		else if (conn->family == TW_AF_UNIX && !(flags & MSG_PEEK))
			tw_conn_peer_closed(conn);
		return 0;
	}
	if (flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB))
		return 0;
	if (task)
		tw_task_at_call(current, task);
	call_init(&call, sk, conn, TW_DIR_IN, ret, task);
	tcp = tw_tcp_of(sk);
	if (tcp) {
		advance_tcp(sk, tcp, conn, ret, later);
		call.arrived_ns = take_arrivals_tcp(conn, ret, call.now_ns);
	} else {
		conn->in_bytes += ret;
		call.arrived_ns = take_arrival_unix(conn, sk);
	}
	call.offset_bytes = conn->in_bytes - ret;
	if (cfg.want_tls)
		tw_tls_at_call(current, task, conn, &call);
	tw_payload_send(&call, current, task, flags & MSG_TRUNC);
	if (call.look == TW_LOOK_FOUND)
		conn->turn.framed = 1;
	return 0;
}

SEC("?tp_btf/sock_send_length") /* since 6.3: every path, io_uring and sendfile too */
int BPF_PROG(sock_send_tp, struct sock *sk, int ret, int flags)
{
	return on_send(sk, ret);
}

SEC("?tp_btf/sock_recv_length")
int BPF_PROG(sock_recv_tp, struct sock *sk, int ret, int flags)
{
	return on_recv(sk, ret, flags, 0);
}

/*
 * Before 6.3: the protocols' own calls, which every way of sending or receiving ends in. sendfile
 * went another way then, page by page.
 */
SEC("?fexit/inet_sendmsg")
int BPF_PROG(inet_send_fx, struct socket *sock, struct msghdr *msg, unsigned long size, int ret)
{
	return on_send(sock->sk, ret);
}

SEC("?fexit/inet6_sendmsg")
int BPF_PROG(inet6_send_fx, struct socket *sock, struct msghdr *msg, unsigned long size, int ret)
{
	return on_send(sock->sk, ret);
}

SEC("?fexit/unix_stream_sendmsg")
int BPF_PROG(unix_send_fx, struct socket *sock, struct msghdr *msg, unsigned long size, int ret)
{
	return on_send(sock->sk, ret);
}

SEC("?fexit/kernel_sendpage") /* until 6.5 */
int BPF_PROG(sendpage_fx, struct socket *sock, struct page *page, int offset, unsigned long size,
	     int flags, int ret)
{
	return on_send(sock->sk, ret);
}

SEC("?fexit/inet_recvmsg")
int BPF_PROG(inet_recv_fx, struct socket *sock, struct msghdr *msg, unsigned long size, int flags,
	     int ret)
{
	return on_recv(sock->sk, ret, flags, 0);
}

SEC("?fexit/inet6_recvmsg")
int BPF_PROG(inet6_recv_fx, struct socket *sock, struct msghdr *msg, unsigned long size, int flags,
	     int ret)
{
	return on_recv(sock->sk, ret, flags, 0);
}

SEC("?fexit/unix_stream_recvmsg")
int BPF_PROG(unix_recv_fx, struct socket *sock, struct msghdr *msg, unsigned long size, int flags,
	     int ret)
{
	return on_recv(sock->sk, ret, flags, 0);
}

/* For the system-call hooks, which have an address and no socket. Verified once for all callers. */
int tw_io_send(__u64 sk, int ret)
{
	return on_send((struct sock *)sk, ret);
}

int tw_io_recv(__u64 sk, int ret, int flags, __u32 later)
{
	return on_recv((struct sock *)sk, ret, flags, later);
}

int tw_io_accept(__u64 sk)
{
	tw_conn_accept(sk, bpf_ktime_get_ns());
	/* A Unix socket is left to its first data, which knows when it was connected. */
	if (tw_conn_get((struct sock *)sk))
		tw_conn_use((struct sock *)sk, true);
	return 0;
}
