// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/*
 * Below the socket: when bytes became readable, segments sent again, resets. Runs mostly in soft
 * interrupts, where `current` is whoever was interrupted: only the socket says whose it is.
 */
#include "lib/conn.bpf.h"
#include "lib/event.bpf.h"
#include "lib/udp.bpf.h"

static __always_inline void stamp_arrival(struct tw_conn *conn, __u32 end_seq)
{
	__u32 written = conn->arrivals_written;
	struct tw_arrival *slot = &conn->arrivals[written & (TW_ARRIVALS - 1)];
	__u32 begin_seq = conn->seen_seq;

	if ((__s32)(end_seq - begin_seq) <= 0)
		return; /* nothing new: a FIN, or a segment that was merged */
	conn->seen_seq = end_seq;
	if (written - conn->arrivals_read >= TW_ARRIVALS) {
		tw_count(TW_CNT_ARRIVAL_FULL);
		return;
	}
	slot->ts_ns = bpf_ktime_get_ns();
	slot->begin_seq = begin_seq;
	slot->end_seq = end_seq;
	conn->arrivals_written = written + 1;
}

/* TCP holds the socket lock, so there is one at a time; a Unix socket's senders hold nothing. */
static __always_inline int on_data_ready(struct sock *sk)
{
	struct tw_conn *conn = tw_conn_get(sk);
	struct tcp_sock *tcp;

	if (!conn) {
		if (sk->__sk_common.skc_family == AF_UNIX)
			tw_conn_unix_data(sk);
		else if (tw_is_udp(sk))
			tw_udp_queued(sk);
		return 0;
	}
	if (conn->family == TW_AF_UNIX) {
		if (conn->role == TW_ROLE_LISTENER) {
			tw_conn_unix_connect(sk);
		} else if (conn->arrivals_written == conn->arrivals_read &&
			   sk->sk_receive_queue.qlen) {
			/* An empty queue: the target was faster than the sender's wake-up, and a stamp
			 * would be taken for the next data's. */
			conn->arrivals[0].ts_ns = bpf_ktime_get_ns();
			conn->arrivals_written = conn->arrivals_read + 1;
		}
		return 0;
	}
	if (conn->role == TW_ROLE_LISTENER)
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (tcp)
		stamp_arrival(conn, tcp->rcv_nxt);
	return 0;
}

SEC("?tp_btf/sk_data_ready") /* since 6.3 */
int BPF_PROG(data_ready_tp, struct sock *sk)
{
	return on_data_ready(sk);
}

SEC("?fentry/sock_def_readable")
int BPF_PROG(data_ready_fe, struct sock *sk)
{
	return on_data_ready(sk);
}

/*
 * Before a segment is processed: in order, its bytes will be readable in a moment. Out of order they
 * are not, and the segment that fills the gap stamps only its own.
 */
static __always_inline int on_probe(struct sock *sk, struct sk_buff *skb)
{
	struct tw_conn *conn = tw_conn_get(sk);
	struct tcp_sock *tcp;
	struct tcphdr th;
	__u32 end_seq;

	if (!conn || conn->role == TW_ROLE_LISTENER)
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp || bpf_probe_read_kernel(&th, sizeof(th), BPF_CORE_READ(skb, data)))
		return 0;
	end_seq = bpf_ntohl(th.seq) + BPF_CORE_READ(skb, len) - th.doff * 4;
	if ((__s32)(bpf_ntohl(th.seq) - tcp->rcv_nxt) <= 0 && (__s32)(end_seq - tcp->rcv_nxt) > 0)
		stamp_arrival(conn, end_seq);
	return 0;
}

SEC("?tp_btf/tcp_probe")
int BPF_PROG(tcp_probe_tp, struct sock *sk, struct sk_buff *skb)
{
	return on_probe(sk, skb);
}

__hidden void tw_conn_acked(struct tw_conn *conn, __u8 flags)
{
	struct tw_ev_ack *ev;

	if (flags & TW_ACK_ALL)
		conn->flags &= ~TW_CONN_UNACKED;
	ev = tw_reserve(bpf_ktime_get_ns(), ACK, struct tw_ev_ack);
	if (!ev)
		return;
	ev->conn_id = conn->id;
	ev->offset_bytes = conn->out_bytes;
	ev->flags = flags;
	__builtin_memset(ev->_pad, 0, sizeof(ev->_pad));
	tw_submit(ev);
}

/*
 * A segment is about to be processed: does it acknowledge the last byte? And has the kernel been held
 * back by the peer's window up to now? (A window that is too small need not be zero.)
 */
static __always_inline int on_ack(struct sock *sk, struct sk_buff *skb)
{
	struct tw_conn *conn = tw_conn_get(sk);
	struct tcp_sock *tcp;
	struct tcphdr th;
	__u32 no_window;
	__u8 flags = 0;

	if (!conn || conn->role == TW_ROLE_LISTENER)
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp || tcp->snd_una == tcp->write_seq)
		return 0; /* nothing is on its way */
	if (bpf_probe_read_kernel(&th, sizeof(th), BPF_CORE_READ(skb, data)))
		return 0;
	if (conn->flags & TW_CONN_UNACKED && (__s32)(bpf_ntohl(th.ack_seq) - tcp->write_seq) >= 0)
		flags = TW_ACK_ALL;
	no_window = BPF_CORE_READ_BITFIELD(tcp, chrono_type) == TCP_CHRONO_RWND_LIMITED;
	if (no_window != conn->no_window) {
		conn->no_window = no_window;
		flags |= no_window ? TW_ACK_NO_WINDOW : TW_ACK_WINDOW;
	}
	if (flags)
		tw_conn_acked(conn, flags);
	return 0;
}

SEC("?tp_btf/tcp_probe")
int BPF_PROG(ack_tp, struct sock *sk, struct sk_buff *skb)
{
	return on_ack(sk, skb);
}

static __always_inline int on_retransmit(struct sock *sk)
{
	struct tw_conn *conn = tw_conn_find(sk);
	struct tw_ev_retransmit *ev;

	if (!conn)
		return 0;
	conn->retransmits++;
	ev = tw_reserve(bpf_ktime_get_ns(), RETRANSMIT, struct tw_ev_retransmit);
	if (!ev)
		return 0;
	ev->conn_id = conn->id;
	ev->total = conn->retransmits;
	ev->_pad = 0;
	tw_submit(ev);
	return 0;
}

SEC("?tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmit_tp, struct sock *sk)
{
	return on_retransmit(sk);
}

/* Since 6.17 attempts that sent nothing are told of too, with their error. */
SEC("?tp_btf/tcp_retransmit_skb")
int BPF_PROG(retrans_err_tp, struct sock *sk, struct sk_buff *skb, int err)
{
	return err ? 0 : on_retransmit(sk);
}

static __always_inline int on_reset(struct sock *sk, __u8 flag)
{
	struct tw_conn *conn;

	if (!sk)
		return 0; /* an answer to a segment that belongs to no socket */
	conn = tw_conn_get(sk); /* one that nobody has used yet, too */
	if (conn && conn->role != TW_ROLE_LISTENER)
		conn->flags |= flag;
	return 0;
}

SEC("?tp_btf/tcp_receive_reset")
int BPF_PROG(reset_in_tp, struct sock *sk)
{
	return on_reset(sk, TW_CONN_RST_IN);
}

SEC("?tp_btf/tcp_send_reset")
int BPF_PROG(reset_out_tp, struct sock *sk)
{
	return on_reset(sk, TW_CONN_RST_OUT);
}
