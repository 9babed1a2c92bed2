// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/*
 * Datagrams of UDP: owns what is known of their sockets. A datagram is told with its first bytes if
 * these may be of a protocol that userspace reads (cfg.datagram_mask), and else counted only: media
 * or QUIC must not fill the ring. There is no state for peers, so nobody can make it grow.
 */
#include "lib/udp.bpf.h"
#include "lib/call.bpf.h"
#include "lib/event.bpf.h"

/* Datagrams that wait in one socket's queue and have a stamp. A power of two. */
#define STAMPS 256
/* Between a reader that took a datagram and the wake-up for that same one. */
#define WAKE_UP_NS 1000000
/* Too small for anything that is read. */
#define LEAST_BYTES 12

/*
 * The queue gives datagrams in their order, so they are known by their number. Whoever queues one
 * wakes the reader afterwards: a reader may have taken it by then, and `taken` is ahead of `queued`
 * for a moment. Both are corrected when the queue is seen empty.
 */
struct tw_udp {
	__u64 id; /* socket cookie */
	__u64 read_ns; /* a datagram was taken last */
	__u32 queued;
	__u32 taken;
	__u32 unstamped_from; /* [from, to) found no room for a stamp */
	__u32 unstamped_to;
	__u32 before; /* the next so many were in the queue when the socket was found */
	__u32 _pad;
	__u64 stamps_ns[STAMPS]; /* by number */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct tw_udp);
} udp_sockets SEC(".maps");

static __always_inline __u32 queue_length(struct sock *sk)
{
	struct udp_sock *udp = (struct udp_sock *)sk;

	return sk->sk_receive_queue.qlen + BPF_CORE_READ(udp, reader_queue.qlen);
}

static __always_inline struct tw_udp *follow(struct sock *sk)
{
	struct tw_udp *udp = bpf_sk_storage_get(&udp_sockets, sk, 0, 0);

	if (udp)
		return udp;
	udp = bpf_sk_storage_get(&udp_sockets, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!udp) {
		tw_count(TW_CNT_CONN_ALLOC);
		return NULL;
	}
	if (!udp->id) {
		udp->id = bpf_get_socket_cookie(sk);
		udp->before = udp->queued = queue_length(sk);
	}
	return udp;
}

__hidden int tw_udp_found(struct sock *sk)
{
	follow(sk);
	return 0;
}

__hidden int tw_udp_queued(struct sock *sk)
{
	struct tw_udp *udp = bpf_sk_storage_get(&udp_sockets, sk, 0, 0);
	__u64 now_ns;
	__u32 number;
	__s32 waiting;

	if (!udp)
		return 0;
	now_ns = bpf_ktime_get_ns();
	if ((__s32)(udp->taken - udp->queued) > 0 && now_ns - udp->read_ns > WAKE_UP_NS)
		udp->taken = udp->queued;
	number = __sync_fetch_and_add(&udp->queued, 1);
	waiting = number - udp->taken;
	if (waiting < 0)
		return 0; /* it was taken before */
	if (waiting < STAMPS) {
		udp->stamps_ns[number & (STAMPS - 1)] = now_ns;
		return 0;
	}
	if ((__s32)(udp->unstamped_to - udp->taken) <= 0)
		udp->unstamped_from = number;
	udp->unstamped_to = number + 1;
	tw_count(TW_CNT_ARRIVAL_FULL);
	return 0;
}

/* When the datagram that was just taken had come; 0: not known. */
static __always_inline __u64 take_stamp(struct sock *sk, struct tw_udp *udp)
{
	__u32 queued = udp->queued;
	__u32 number = __sync_fetch_and_add(&udp->taken, 1);
	__u64 stamp_ns = 0;

	if (udp->before)
		udp->before--;
	else if ((__s32)(queued - number) > 0 && ((__s32)(number - udp->unstamped_from) < 0 ||
						  (__s32)(number - udp->unstamped_to) >= 0))
		stamp_ns = udp->stamps_ns[number & (STAMPS - 1)];
	barrier();
	if (!queue_length(sk) && (__s32)(queued - udp->taken) > 0) {
		udp->taken = queued; /* some were dropped unread: a wrong checksum */
		udp->before = 0;
	}
	return stamp_ns;
}

/* Whom an address that the process gave is of; false: nobody's, or another family's than the socket. */
static __always_inline bool fill_remote(struct tw_ev_datagram *ev, __u64 address, __u32 size)
{
	struct {
		__u16 family;
		__be16 port;
		__u32 v4;
		__u8 v6[16];
	} name = {};

	if (!address || size < 8)
		return false;
	if (ev->family == TW_AF_INET6 ? bpf_probe_read_user(&name, sizeof(name), (void *)address)
				      : bpf_probe_read_user(&name, 8, (void *)address))
		return false;
	if (name.family != ev->family)
		return false;
	ev->remote_port = bpf_ntohs(name.port);
	if (ev->family == TW_AF_INET6)
		__builtin_memcpy(ev->remote, name.v6, sizeof(name.v6));
	else
		__builtin_memcpy(ev->remote, &name.v4, sizeof(name.v4));
	return true;
}

/* Whom the call of the thread sends to, if it says so: the message's header comes before the rest. */
static __always_inline bool sends_to(struct tw_ev_datagram *ev, struct task_struct *current,
				     struct tw_task *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(current);
	struct {
		__u64 address;
		__u32 size;
		__u32 pad;
	} name = {};
	__u64 message = regs->si;
	__u32 index;

	switch (regs->orig_ax) {
	case NR_sendto:
		return fill_remote(ev, regs->r8, regs->r9);
	case NR_sendmmsg: /* the cursor has counted it */
		index = task->mmsg_index ? task->mmsg_index : (__u32)regs->dx;
		message += (index - 1) * sizeof(struct mmsghdr);
		break;
	case NR_sendmsg:
		break;
	default:
		return false;
	}
	if (bpf_probe_read_user(&name, sizeof(name), (void *)message))
		return false;
	return fill_remote(ev, name.address, name.size);
}

static __always_inline void fill_addresses(struct tw_ev_datagram *ev, struct sock *sk)
{
	ev->family = sk->__sk_common.skc_family;
	ev->local_port = sk->__sk_common.skc_num;
	ev->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
	__builtin_memset(ev->local, 0, sizeof(ev->local));
	__builtin_memset(ev->remote, 0, sizeof(ev->remote));
	if (ev->family == TW_AF_INET6) {
		BPF_CORE_READ_INTO(&ev->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&ev->remote, sk, __sk_common.skc_v6_daddr);
	} else {
		__u32 local = sk->__sk_common.skc_rcv_saddr;
		__u32 remote = sk->__sk_common.skc_daddr;

		__builtin_memcpy(ev->local, &local, sizeof(local));
		__builtin_memcpy(ev->remote, &remote, sizeof(remote));
	}
}

struct datagram {
	__u64 now_ns;
	__u64 arrived_ns;
	__u64 base; /* of its bytes in user memory */
	__u32 len_bytes;
	__u32 captured_bytes;
	__u64 dir; /* enum tw_dir */
};

/*
 * Two sizes, because the ring wants a constant: most questions are small. Both are powers of two, and
 * there are fewer bytes than that: the mask says again what the verifier of 6.1 has forgotten by then.
 */
#define DEFINE_TELL(name, room)                                                                  \
	struct name##_record {                                                                   \
		struct tw_ev_datagram ev;                                                        \
		__u8 payload[room];                                                              \
	};                                                                                       \
	static __always_inline void name(struct sock *sk, struct tw_udp *udp,                    \
					 struct task_struct *current, struct tw_task *task,      \
					 const struct datagram *datagram)                        \
	{                                                                                        \
		struct name##_record *rec = bpf_ringbuf_reserve(&events, sizeof(*rec), 0);       \
		__u32 captured = datagram->captured_bytes;                                       \
		__u64 size = captured;                                                           \
		struct tw_ev_datagram *ev;                                                       \
                                                                                                 \
		if (!rec) {                                                                      \
			tw_count(TW_CNT_RING_FULL);                                              \
			return;                                                                  \
		}                                                                                \
		ev = &rec->ev;                                                                   \
		barrier_var(size);                                                               \
		size &= (room)-1;                                                                \
		if (bpf_probe_read_user(rec->payload, size, (void *)datagram->base)) {           \
			tw_count(TW_CNT_PAYLOAD_FAULT);                                          \
			captured = 0;                                                            \
		}                                                                                \
		tw_fill_hdr(&ev->hdr, datagram->now_ns, TW_EV_DATAGRAM, sizeof(*ev) + captured); \
		ev->socket_id = udp->id;                                                         \
		ev->arrived_ns = datagram->arrived_ns;                                           \
		ev->len_bytes = datagram->len_bytes;                                             \
		ev->captured_bytes = captured;                                                   \
		ev->pid = task->pid;                                                             \
		ev->tid = task->tid;                                                             \
		ev->dir = datagram->dir;                                                         \
		ev->_pad[0] = 0;                                                                 \
		fill_addresses(ev, sk);                                                          \
		ev->flags = ev->remote_port ? TW_DATAGRAM_REMOTE : 0;                            \
		if (datagram->dir == TW_DIR_OUT && sends_to(ev, current, task))                  \
			ev->flags = TW_DATAGRAM_REMOTE;                                          \
		tw_submit(rec);                                                                  \
	}

DEFINE_TELL(tell_small, 128)
DEFINE_TELL(tell_large, TW_DATAGRAM_MAX)

static __always_inline void tell(struct sock *sk, struct tw_udp *udp, struct task_struct *current,
				 struct tw_task *task, struct datagram *datagram)
{
	struct tw_cursor cur;
	__u64 first = 0;

	if (!tw_cursor_init(&cur, current, task)) {
		tw_count(TW_CNT_PAYLOAD_UNREADABLE);
		return;
	}
	datagram->base = cur.base;
	datagram->captured_bytes =
		datagram->len_bytes < cur.left_bytes ? datagram->len_bytes : cur.left_bytes;
	if (datagram->captured_bytes >= TW_DATAGRAM_MAX)
		datagram->captured_bytes = TW_DATAGRAM_MAX - 1;
	if (datagram->captured_bytes < LEAST_BYTES ||
	    bpf_probe_read_user(&first, sizeof(first), (void *)cur.base) ||
	    (first & cfg.datagram_mask) != cfg.datagram_value) {
		tw_count(TW_CNT_DATAGRAM_OTHER);
		return;
	}
	if (datagram->captured_bytes < 128)
		tell_small(sk, udp, current, task, datagram);
	else
		tell_large(sk, udp, current, task, datagram);
}

__hidden int tw_udp_send(struct sock *sk, struct tw_task *task, int ret)
{
	struct task_struct *current = bpf_get_current_task_btf();
	struct datagram datagram = {};
	struct tw_udp *udp;

	if (!tw_is_udp(sk) || !cfg.want_payload || !cfg.datagram_mask)
		return 0;
	if (ret <= 0) {
		task->mmsg_index = 0;
		return 0;
	}
	udp = follow(sk);
	if (!udp)
		return 0;
	tw_task_at_call(current, task);
	datagram.now_ns = bpf_ktime_get_ns();
	datagram.len_bytes = ret;
	datagram.dir = TW_DIR_OUT;
	tell(sk, udp, current, task, &datagram);
	return 0;
}

__hidden int tw_udp_recv(struct sock *sk, struct tw_task *task, int ret, int flags)
{
	struct task_struct *current = bpf_get_current_task_btf();
	struct datagram datagram = {};
	struct tw_udp *udp;

	if (!tw_is_udp(sk) || !cfg.want_payload || !cfg.datagram_mask)
		return 0;
	if (ret < 0) {
		task->mmsg_index = 0;
		return 0;
	}
	if (flags & (MSG_PEEK | MSG_ERRQUEUE))
		return 0;
	udp = bpf_sk_storage_get(&udp_sockets, sk, 0, 0);
	if (udp) {
		datagram.arrived_ns = take_stamp(sk, udp);
	} else {
		udp = follow(sk);
		if (!udp)
			return 0;
	}
	tw_task_at_call(current, task);
	datagram.now_ns = bpf_ktime_get_ns();
	udp->read_ns = datagram.now_ns;
	datagram.len_bytes = ret;
	datagram.dir = TW_DIR_IN;
	tell(sk, udp, current, task, &datagram);
	return 0;
}
