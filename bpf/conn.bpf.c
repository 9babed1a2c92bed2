// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/*
 * Which sockets are followed, from establishment to close: owns the socket storage. Sockets that are
 * open at the attach are found by an iterator over the targets' files.
 */
#include "lib/conn.bpf.h"
#include "lib/event.bpf.h"
#include "lib/task.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct tw_conn);
} conns SEC(".maps");

/* Local TCP ports that a target listens on, host order: they tell the role of open connections. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u16);
	__type(value, __u8);
} listen_ports SEC(".maps");

/* Sockets that accept(2) returned and that were not used yet, by address. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u64);
} accepts SEC(".maps");

/* Unix sockets that were connected to a target's listener and got no data yet, by address. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} unix_connects SEC(".maps");

/* Set once a target's Unix listener is followed: until then no Unix socket needs a second look. */
static bool have_unix_listener;

__hidden struct tw_conn *tw_conn_get(struct sock *sk)
{
	return bpf_sk_storage_get(&conns, sk, 0, 0);
}

__hidden struct tw_conn *tw_conn_find(struct sock *sk)
{
	struct tw_conn *conn = tw_conn_get(sk);

	if (!conn || conn->role == TW_ROLE_LISTENER)
		return NULL;
	return conn;
}

static __always_inline bool is_stream(struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;

	if (sk->sk_type != SOCK_STREAM)
		return false;
	if (family == AF_UNIX)
		return true;
	return (family == AF_INET || family == AF_INET6) && sk->sk_protocol == IPPROTO_TCP;
}

static __always_inline struct tcp_sock *as_tcp(struct sock *sk)
{
	if (sk->__sk_common.skc_family == AF_UNIX)
		return NULL;
	return bpf_skc_to_tcp_sock(sk);
}

static __always_inline void unix_path(struct sock *sk, char *path)
{
	struct unix_sock *own = (struct unix_sock *)sk;
	struct unix_address *addr = BPF_CORE_READ(own, addr);
	struct sock *peer = BPF_CORE_READ(own, peer);
	__u32 len;

	/* The client's end is unnamed: show the name it connected to. */
	if (!addr && peer)
		addr = BPF_CORE_READ((struct unix_sock *)peer, addr);
	if (!addr)
		return;
	len = BPF_CORE_READ(addr, len);
	if (len <= 2)
		return;
	len -= 2; /* sun_family */
	if (len > TW_UNIX_PATH_BYTES)
		len = TW_UNIX_PATH_BYTES;
	bpf_probe_read_kernel(path, len,
			      (void *)addr + bpf_core_field_offset(struct unix_address, name) + 2);
}

static __always_inline void announce(struct sock *sk, struct tw_conn *conn, __u64 now_ns,
				     __u32 pid, __u8 flags, __u32 error)
{
	struct tw_ev_conn_open *ev = tw_reserve(now_ns, CONN_OPEN, struct tw_ev_conn_open);

	if (!ev)
		return;
	conn->flags |= TW_CONN_ANNOUNCED;
	ev->conn_id = conn->id;
	ev->established_ns = conn->established_ns;
	ev->pid = pid;
	ev->netns_inum = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	ev->role = conn->role;
	ev->family = conn->family;
	ev->flags = flags;
	ev->error = error;
	ev->local_port = 0;
	ev->remote_port = 0;
	ev->_pad = 0;
	ev->_pad2 = 0;
	ev->_pad3 = 0;
	__builtin_memset(&ev->addr, 0, sizeof(ev->addr));
	if (conn->family == TW_AF_UNIX) {
		unix_path(sk, ev->addr.unix_path);
	} else {
		ev->local_port = sk->__sk_common.skc_num;
		ev->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
		if (conn->family == TW_AF_INET6) {
			BPF_CORE_READ_INTO(&ev->addr.ip.local, sk, __sk_common.skc_v6_rcv_saddr);
			BPF_CORE_READ_INTO(&ev->addr.ip.remote, sk, __sk_common.skc_v6_daddr);
		} else {
			__u32 local = sk->__sk_common.skc_rcv_saddr;
			__u32 remote = sk->__sk_common.skc_daddr;

			__builtin_memcpy(ev->addr.ip.local, &local, sizeof(local));
			__builtin_memcpy(ev->addr.ip.remote, &remote, sizeof(remote));
		}
	}
	tw_submit(ev);
}

/* Starts to follow a socket, or starts again on what a listener's child was cloned from. */
static __always_inline void init_conn(struct sock *sk, struct tw_conn *conn, __u8 role)
{
	__builtin_memset(conn, 0, sizeof(*conn));
	conn->id = bpf_get_socket_cookie(sk);
	conn->role = role;
	conn->family = sk->__sk_common.skc_family;
}

static __always_inline struct tw_conn *follow(struct sock *sk, __u8 role)
{
	struct tw_conn *conn = bpf_sk_storage_get(&conns, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!conn) {
		tw_count(TW_CNT_CONN_ALLOC);
		return NULL;
	}
	init_conn(sk, conn, role);
	return conn;
}

/*
 * The accepted end of a Unix connection shares its listener's address, the connecting end has none
 * of its own, and of a socketpair neither end has one.
 */
static __always_inline __u8 unix_role(struct sock *sk)
{
	struct unix_sock *own = (struct unix_sock *)sk;
	struct sock *peer;

	if (BPF_CORE_READ(own, addr))
		return TW_ROLE_SERVER;
	peer = BPF_CORE_READ(own, peer);
	if (peer && BPF_CORE_READ((struct unix_sock *)peer, addr))
		return TW_ROLE_CLIENT;
	return TW_ROLE_UNKNOWN;
}

static __always_inline __u8 open_role(struct sock *sk)
{
	__u16 port = sk->__sk_common.skc_num;

	if (sk->__sk_common.skc_family == AF_UNIX)
		return unix_role(sk);
	return bpf_map_lookup_elem(&listen_ports, &port) ? TW_ROLE_SERVER : TW_ROLE_CLIENT;
}

__hidden struct tw_conn *tw_conn_use(struct sock *sk, bool is_target)
{
	struct tw_conn *conn = tw_conn_get(sk);
	struct tw_task *task;

	if (conn && conn->role != TW_ROLE_LISTENER) {
		if (conn->flags & TW_CONN_ANNOUNCED)
			return conn;
	} else {
		if (!is_target || !is_stream(sk))
			return NULL;
		conn = follow(sk, open_role(sk));
		if (!conn)
			return NULL;
	}
	task = tw_task_get(bpf_get_current_task_btf());
	announce(sk, conn, bpf_ktime_get_ns(), task ? task->pid : 0, TW_OPEN_FIRST_USE, 0);
	return conn;
}

static __always_inline void send_close(struct sock *sk, struct tw_conn *conn, __u64 now_ns)
{
	struct tw_ev_conn_close *ev;
	struct tcp_sock *tcp = as_tcp(sk);

	ev = tw_reserve(now_ns, CONN_CLOSE, struct tw_ev_conn_close);
	if (!ev)
		return;
	ev->conn_id = conn->id;
	ev->in_bytes = conn->in_bytes;
	ev->out_bytes = conn->out_bytes;
	ev->retransmits = conn->retransmits;
	ev->srtt_us = tcp ? tcp->srtt_us >> 3 : 0;
	ev->error = sk->sk_err ? sk->sk_err : sk->sk_err_soft;
	ev->flags = (conn->flags & TW_CONN_RST_IN ? TW_CLOSE_RST_IN : 0) |
		    (conn->flags & TW_CONN_RST_OUT ? TW_CLOSE_RST_OUT : 0) |
		    (sk->sk_err == ETIMEDOUT ? TW_CLOSE_TIMEOUT : 0);
	ev->_pad[0] = ev->_pad[1] = ev->_pad[2] = 0;
	tw_submit(ev);
}

static __always_inline void send_shut(struct tw_conn *conn, __u8 dir)
{
	struct tw_ev_conn_shut *ev = tw_reserve(bpf_ktime_get_ns(), CONN_SHUT,
						struct tw_ev_conn_shut);

	if (!ev)
		return;
	ev->conn_id = conn->id;
	ev->dir = dir;
	__builtin_memset(ev->_pad, 0, sizeof(ev->_pad));
	tw_submit(ev);
}

__hidden __u64 tw_conn_accepted(struct sock *sk, struct tw_conn *conn, __u64 now_ns, __u8 *flags)
{
	__u64 key = (__u64)sk;
	__u64 *accepted_ns;

	conn->flags |= TW_CONN_ACCEPTED;
	if (conn->role != TW_ROLE_SERVER || !conn->established_ns)
		return 0;
	if (!cfg.want_accept)
		return now_ns;
	accepted_ns = bpf_map_lookup_elem(&accepts, &key);
	if (!accepted_ns)
		return now_ns;
	now_ns = *accepted_ns;
	bpf_map_delete_elem(&accepts, &key);
	if (now_ns < conn->established_ns)
		return 0; /* of an earlier socket at this address */
	*flags |= TW_DATA_ACCEPT_SEEN;
	return now_ns;
}

__hidden void tw_conn_accept(__u64 sk_addr, __u64 now_ns)
{
	if (bpf_map_update_elem(&accepts, &sk_addr, &now_ns, BPF_ANY))
		tw_count(TW_CNT_ACCEPT_MAP_FULL);
}

__hidden void tw_conn_peer_closed(struct tw_conn *conn)
{
	send_shut(conn, TW_DIR_IN);
}

/*
 * Unix sockets have no state tracepoint. The listener is woken in connect(2), with the new socket
 * last in its queue; when several connect at once one may be missed here, and is found at its first
 * use instead. The new socket is only an address here: it is followed when data comes for it.
 */
__hidden void tw_conn_unix_connect(struct sock *listener)
{
	struct sk_buff *skb = listener->sk_receive_queue.prev;
	__u64 now_ns = bpf_ktime_get_ns();
	__u64 key;

	if (!listener->sk_receive_queue.qlen)
		return;
	key = (__u64)BPF_CORE_READ(skb, sk);
	if (key)
		bpf_map_update_elem(&unix_connects, &key, &now_ns, BPF_ANY);
}

__hidden struct tw_conn *tw_conn_unix_first_data(struct sock *sk)
{
	struct unix_sock *unix_sk = (struct unix_sock *)sk;
	__u64 key = (__u64)sk;
	struct tw_conn *conn;
	__u64 *connected_ns;

	if (!have_unix_listener || !BPF_CORE_READ(unix_sk, addr))
		return NULL;
	connected_ns = bpf_map_lookup_elem(&unix_connects, &key);
	if (!connected_ns)
		return NULL;
	conn = follow(sk, TW_ROLE_SERVER);
	if (conn) {
		conn->established_ns = *connected_ns;
		announce(sk, conn, *connected_ns, 0, 0, 0);
	}
	bpf_map_delete_elem(&unix_connects, &key);
	return conn;
}

/* Runs in the process for connect and listen, in soft interrupts for the rest. */
static __always_inline int on_set_state(struct sock *sk, int oldstate, int newstate)
{
	struct tw_conn *conn = tw_conn_get(sk);
	__u64 now_ns;

	if (!conn) {
		__u8 role = newstate == TCP_SYN_SENT ? TW_ROLE_CLIENT : TW_ROLE_LISTENER;

		if ((newstate == TCP_SYN_SENT || newstate == TCP_LISTEN) && is_stream(sk) &&
		    tw_task_get(bpf_get_current_task_btf()))
			follow(sk, role);
		return 0;
	}
	if (conn->role == TW_ROLE_LISTENER) {
		/* A child that the kernel just made from its listener. */
		if (newstate != TCP_ESTABLISHED)
			return 0;
		init_conn(sk, conn, TW_ROLE_SERVER);
	}
	switch (newstate) {
	case TCP_ESTABLISHED:
		now_ns = bpf_ktime_get_ns();
		conn->established_ns = now_ns;
		announce(sk, conn, now_ns, 0, 0, 0);
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
		now_ns = bpf_ktime_get_ns();
		if (oldstate == TCP_SYN_SENT)
			announce(sk, conn, now_ns, 0, TW_OPEN_CONNECT_FAILED,
				 sk->sk_err ? sk->sk_err : sk->sk_err_soft);
		else if (conn->flags & TW_CONN_ANNOUNCED)
			send_close(sk, conn, now_ns);
		break;
	}
	return 0;
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(set_state_tp, struct sock *sk, int oldstate, int newstate)
{
	return on_set_state(sk, oldstate, newstate);
}

static __always_inline void found_listener(struct sock *sk)
{
	__u16 port = sk->__sk_common.skc_num;
	__u8 one = 1;

	if (sk->__sk_common.skc_family == AF_UNIX)
		have_unix_listener = true;
	else
		bpf_map_update_elem(&listen_ports, &port, &one, BPF_ANY);
	if (!tw_conn_get(sk))
		follow(sk, TW_ROLE_LISTENER);
}

static __always_inline void found_open(struct sock *sk, struct tw_task *task)
{
	struct tcp_sock *tcp = as_tcp(sk);
	__u8 flags = TW_OPEN_EXISTING;
	struct tw_conn *conn;

	conn = tw_conn_get(sk);
	if (conn && conn->role != TW_ROLE_LISTENER)
		return;
	conn = follow(sk, open_role(sk));
	if (!conn)
		return;
	if (tcp) {
		conn->copied_seq = tcp->copied_seq;
		conn->flags |= TW_CONN_SEQ_KNOWN;
	}
	if (tcp ? tcp->rcv_nxt != tcp->copied_seq : sk->sk_receive_queue.qlen != 0)
		flags |= TW_OPEN_UNREAD;
	announce(sk, conn, bpf_ktime_get_ns(), task->pid, flags, 0);
}

static __always_inline struct sock *stream_of_target(struct bpf_iter__task_file *ctx,
						     struct tw_task **task)
{
	struct task_struct *owner = ctx->task;
	struct file *file = ctx->file;
	struct socket *sock;
	struct sock *sk;

	if (!file || !owner)
		return NULL;
	*task = tw_task_get(owner);
	if (!*task)
		return NULL;
	sock = bpf_sock_from_file(file);
	if (!sock)
		return NULL;
	sk = sock->sk;
	return sk && is_stream(sk) ? sk : NULL;
}

/* First pass: the listeners, so that the second can tell servers' sockets from clients'. */
SEC("?iter/task_file")
int find_listeners(struct bpf_iter__task_file *ctx)
{
	struct tw_task *task;
	struct sock *sk = stream_of_target(ctx, &task);

	if (sk && sk->__sk_common.skc_state == TCP_LISTEN)
		found_listener(sk);
	return 0;
}

SEC("?iter/task_file")
int find_conns(struct bpf_iter__task_file *ctx)
{
	struct tw_task *task;
	struct sock *sk = stream_of_target(ctx, &task);
	__u8 state;

	if (!sk)
		return 0;
	state = sk->__sk_common.skc_state;
	if (state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT || state == TCP_FIN_WAIT1 ||
	    state == TCP_FIN_WAIT2)
		found_open(sk, task);
	return 0;
}
