// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/*
 * Bytes in and out of a socket: when, how many, and a bounded prefix of them. Knows no protocol: how
 * much is captured depends only on whose turn it is to speak.
 */
#include "lib/call.bpf.h"
#include "lib/conn.bpf.h"
#include "lib/event.bpf.h"
#include "lib/task.bpf.h"

/* What one call's records have in common. */
struct call {
	__u64 conn_id;
	__u64 now_ns;
	__u64 offset_bytes;
	__u64 arrived_ns;
	__u32 len_bytes;
	__u32 want_bytes; /* payload that may be captured */
	__u32 done_bytes; /* payload captured */
	__u32 pid;
	__u32 tid;
	__u8 dir;
	__u8 flags;
	__u8 tail_len_bytes;
	__u8 _pad;
	__u64 accepted_ns;
	__u64 tail; /* TW_TAIL_BYTES of bytes */
};

static __always_inline void fill(struct tw_ev_data *ev, const struct call *call, __u32 captured,
				 __u8 flags)
{
	tw_fill_hdr(&ev->hdr, call->now_ns, TW_EV_DATA, sizeof(*ev) + captured);
	ev->conn_id = call->conn_id;
	ev->offset_bytes = call->offset_bytes;
	ev->arrived_ns = call->arrived_ns;
	ev->accepted_ns = call->accepted_ns;
	ev->len_bytes = call->len_bytes;
	ev->piece_off_bytes = call->done_bytes;
	ev->captured_bytes = captured;
	ev->pid = call->pid;
	ev->tid = call->tid;
	ev->dir = call->dir;
	ev->flags = flags | call->flags | (call->done_bytes ? TW_DATA_CONT : 0);
	ev->tail_len_bytes = call->tail_len_bytes;
	ev->_pad = 0;
	__builtin_memcpy(ev->tail, &call->tail, sizeof(ev->tail));
}

/* The last bytes of a call of which `rest` bytes were not captured, if one segment holds them. */
int find_tail(struct call *call, struct tw_cursor *cur, __u32 rest)
{
	__u32 len;

	if (!call || !cur)
		return 0;
	for (int i = 0; i < TW_SEGMENTS_MAX; i++) {
		if (rest <= cur->left_bytes)
			break;
		rest -= cur->left_bytes;
		if (!tw_cursor_next(cur))
			return 0;
	}
	if (!rest || rest > cur->left_bytes)
		return 0;
	len = rest < TW_TAIL_BYTES ? rest : TW_TAIL_BYTES;
	if (!bpf_probe_read_user(&call->tail, len, (void *)(cur->base + rest - len)))
		call->tail_len_bytes = len;
	return 0;
}

/*
 * Steps over at most `want` and at most `most` bytes of the current or next segment; returns their
 * number, 0 at the end. A function of its own, verified once, so that the copying loops stay linear
 * for the verifier.
 */
__noinline int cursor_take(struct tw_cursor *cur, __u32 want, __u32 most)
{
	__u32 len = want < most ? want : most;

	if (!cur)
		return 0;
	for (int i = 0; i < 4 && !cur->left_bytes; i++) { /* empty segments are legal */
		if (!tw_cursor_next(cur))
			return 0;
	}
	if (len > cur->left_bytes)
		len = cur->left_bytes;
	cur->taken = cur->base;
	cur->base += len;
	cur->left_bytes -= len;
	return len;
}

/*
 * Captured bytes of one record. Three sizes, because the ring wants a constant. Copies go to
 * payload + done with at most `piece` bytes, and done < want: so there is room for want + piece.
 */
#define TW_PIECE_ROUNDS 24

#define DEFINE_SEND(name, want_max, piece_max)                                                     \
	struct name##_record {                                                                     \
		struct tw_ev_data ev;                                                              \
		__u8 payload[(want_max) + (piece_max)];                                            \
	};                                                                                         \
	/* Sends one record with up to want_max bytes; true: more payload can follow. */          \
	__noinline int name(struct call *call, struct tw_cursor *cur, __u32 pieces_left)           \
	{                                                                                          \
		struct name##_record *rec;                                                         \
		__u8 flags = 0;                                                                    \
		__u32 done = 0;                                                                    \
		__u32 want;                                                                        \
                                                                                                   \
		if (!call || !cur)                                                                 \
			return false;                                                              \
		want = call->want_bytes - call->done_bytes;                                        \
		rec = bpf_ringbuf_reserve(&events, sizeof(*rec), 0);                               \
                                                                                                   \
		if (!rec) {                                                                        \
			tw_count(TW_CNT_RING_FULL);                                                \
			return false;                                                              \
		}                                                                                  \
		if (want > (want_max))                                                             \
			want = (want_max);                                                         \
		for (int i = 0; i < TW_PIECE_ROUNDS && done < want; i++) {                         \
			__u32 len = cursor_take(cur, want - done, (piece_max));                    \
                                                                                                   \
			if (len == 0 || len > (piece_max) || done > (want_max))                    \
				break;                                                             \
			if (bpf_probe_read_user(rec->payload + done, len, (void *)cur->taken)) {   \
				flags |= TW_DATA_FAULT;                                            \
				break;                                                             \
			}                                                                          \
			done += len;                                                               \
		}                                                                                  \
		if (flags & TW_DATA_FAULT)                                                         \
			tw_count(TW_CNT_PAYLOAD_FAULT);                                            \
		else if (done == want && call->done_bytes + done < call->want_bytes &&             \
			 pieces_left)                                                              \
			flags |= TW_DATA_MORE;                                                     \
		else if (call->done_bytes + done < call->len_bytes)                                \
			find_tail(call, cur, call->len_bytes - call->done_bytes - done);           \
		fill(&rec->ev, call, done, flags);                                                 \
		call->done_bytes += done;                                                          \
		bpf_ringbuf_submit(rec, tw_wake_flags());                                          \
		return flags & TW_DATA_MORE;                                                       \
	}

DEFINE_SEND(send_small, 256, 256)
DEFINE_SEND(send_medium, 1024, 1024)
DEFINE_SEND(send_large, TW_PAYLOAD_MAX, 1024)

static __always_inline void send_bare(const struct call *call, __u8 flags)
{
	struct tw_ev_data *ev = bpf_ringbuf_reserve(&events, sizeof(*ev), 0);

	if (!ev) {
		tw_count(TW_CNT_RING_FULL);
		return;
	}
	fill(ev, call, 0, flags);
	bpf_ringbuf_submit(ev, tw_wake_flags());
}

static __always_inline void send_call(struct call *call, struct task_struct *current,
				      struct tw_task *task, bool no_buffer)
{
	struct tw_cursor cur;

	if (!cfg.want_payload) {
		send_bare(call, TW_DATA_UNREADABLE);
		return;
	}
	if (no_buffer || !tw_cursor_init(&cur, current, task)) {
		tw_count(TW_CNT_PAYLOAD_UNREADABLE);
		send_bare(call, TW_DATA_UNREADABLE);
		return;
	}
	if (call->want_bytes <= 256) {
		send_small(call, &cur, 0);
	} else if (call->want_bytes <= 1024) {
		send_medium(call, &cur, 0);
	} else {
		for (__u32 left = TW_PIECES_MAX; left > 0; left--) {
			if (!send_large(call, &cur, left - 1))
				break;
		}
	}
}

/*
 * How much payload this call may give. A turn (the bytes of one direction until the other side
 * speaks) has a budget, so that bodies of any size cost the same; the answer's grows with the size
 * of the question, so that a pipeline's answers are captured whole.
 */
static __always_inline __u32 take_capture(struct tw_conn *conn, __u8 dir, __u32 len)
{
	__u32 want;

	if (conn->turn_dir != dir + 1) {
		__u8 request_dir = conn->role == TW_ROLE_CLIENT ? TW_DIR_OUT : TW_DIR_IN;
		__u32 asked = conn->turn_bytes < 4096 ? conn->turn_bytes : 4096;

		conn->turn_capture = dir == request_dir ? cfg.request_capture_bytes :
							  cfg.response_capture_bytes + 8 * asked;
		conn->turn_bytes = 0;
		conn->turn_dir = dir + 1;
	}
	conn->turn_bytes += len;
	want = conn->turn_capture < len ? conn->turn_capture : len;
	conn->turn_capture -= want;
	return want;
}

static __always_inline void call_init(struct call *call, struct sock *sk, struct tw_conn *conn, __u8 dir,
				      __u32 len, struct tw_task *task)
{
	__u64 ids;

	call->conn_id = conn->id;
	call->now_ns = bpf_ktime_get_ns();
	call->arrived_ns = 0;
	call->len_bytes = len;
	call->want_bytes = take_capture(conn, dir, len);
	call->done_bytes = 0;
	call->dir = dir;
	call->flags = 0;
	call->tail_len_bytes = 0;
	call->_pad = 0;
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

static __always_inline void on_io_error(struct tw_conn *conn, struct tw_task *task, __u8 dir, int ret)
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
}

/* The send call has returned but no lock is held: two threads may be here for one socket. */
static __always_inline int on_send(struct sock *sk, int ret)
{
	struct task_struct *current = bpf_get_current_task_btf();
	struct tw_task *task = tw_task_get(current);
	struct tw_conn *conn = tw_conn_use(sk, task != NULL);
	struct call call;

	if (!conn)
		return 0;
	if (ret <= 0) {
		if (task)
			task->mmsg_index = 0;
		if (ret < 0)
			on_io_error(conn, task, TW_DIR_OUT, ret);
		return 0;
	}
	call_init(&call, sk, conn, TW_DIR_OUT, ret, task);
	call.offset_bytes = __sync_fetch_and_add(&conn->out_bytes, (__u64)ret);
	send_call(&call, current, task, false);
	return 0;
}

/*
 * TCP: bytes of the stream that the process has taken, `ret` of them now. copied_seq also counts
 * what was spliced or discarded without a call that is seen here; it steps over a FIN as if that
 * were a byte.
 */
static __always_inline void advance_tcp(struct sock *sk, struct tcp_sock *tcp, struct tw_conn *conn,
					__u32 ret)
{
	__u32 copied = tcp->copied_seq;
	__u32 moved = copied - conn->copied_seq;

	if (!(conn->flags & TW_CONN_SEQ_KNOWN) || moved > 1u << 31)
		moved = ret;
	if (moved == ret + 1 && (sk->sk_shutdown & RCV_SHUTDOWN))
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
 * When the bytes of this read became readable. The first stamp goes into the data record; later
 * ones (a pipelined request that came in a segment of its own) go ahead of it as records.
 */
static __always_inline __u64 take_arrivals_tcp(struct tw_conn *conn, struct tcp_sock *tcp, __u32 ret)
{
	__u32 end_seq = tcp->copied_seq;
	__u32 seq = end_seq - ret; /* of the first byte of this read whose stamp is still wanted */
	__u64 offset = conn->in_bytes - ret;
	__u64 first_ns = 0;

	for (int i = 0; i < TW_ARRIVALS; i++) {
		struct tw_arrival *a = &conn->arrivals[conn->arrivals_read & (TW_ARRIVALS - 1)];

		if (conn->arrivals_read == conn->arrivals_written)
			break;
		if ((__s32)(a->end_seq - seq) > 0) {
			if (!first_ns)
				first_ns = a->ts_ns;
			else
				send_arrival(conn, a->ts_ns, offset);
			offset += a->end_seq - seq;
			seq = a->end_seq;
		}
		if ((__s32)(a->end_seq - end_seq) > 0)
			break; /* some of its bytes are still unread */
		conn->arrivals_read++;
		if ((__s32)(seq - end_seq) >= 0)
			break;
	}
	return first_ns;
}

static __always_inline __u64 take_arrival_unix(struct tw_conn *conn, struct sock *sk)
{
	__u64 first_ns;

	if (conn->arrivals_read == conn->arrivals_written)
		return 0;
	first_ns = conn->arrivals[0].ts_ns;
	if (!sk->sk_receive_queue.qlen)
		conn->arrivals_read = conn->arrivals_written;
	return first_ns;
}

static __always_inline int on_recv(struct sock *sk, int ret, int flags)
{
	struct task_struct *current = bpf_get_current_task_btf();
	struct tw_task *task = tw_task_get(current);
	struct tw_conn *conn = tw_conn_use(sk, task != NULL);
	struct tcp_sock *tcp;
	struct call call;

	if (!conn)
		return 0;
	if (ret <= 0) {
		if (task)
			task->mmsg_index = 0;
		if (ret < 0)
			on_io_error(conn, task, TW_DIR_IN, ret);
		else if (conn->family == TW_AF_UNIX && !(flags & MSG_PEEK))
			tw_conn_peer_closed(conn);
		return 0;
	}
	if (flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB))
		return 0;
	call_init(&call, sk, conn, TW_DIR_IN, ret, task);
	tcp = conn->family == TW_AF_UNIX ? NULL : bpf_skc_to_tcp_sock(sk);
	if (tcp) {
		advance_tcp(sk, tcp, conn, ret);
		call.arrived_ns = take_arrivals_tcp(conn, tcp, ret);
	} else {
		conn->in_bytes += ret;
		call.arrived_ns = take_arrival_unix(conn, sk);
	}
	call.offset_bytes = conn->in_bytes - ret;
	send_call(&call, current, task, flags & MSG_TRUNC);
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
	return on_recv(sk, ret, flags);
}
