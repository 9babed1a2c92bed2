// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/*
 * Which sockets are followed: owns the socket storage. connstate.bpf.c tells how they live and end,
 * find.bpf.c which of them were open at the attach.
 *
 * Where a hook has no socket that the verifier trusts (cfg.conns_by_address), a hash by address
 * takes the place of the storage. Nothing deletes from it: that a socket is another one shows by its
 * inode, or by starting anew after TCP_CLOSE. And nothing is cloned: a child of a listener is known by
 * its port only (like all children it is announced when a target uses it, not before).
 */
#include "lib/conn.bpf.h"
#include "lib/event.bpf.h"
#include "lib/sock.bpf.h"
#include "lib/task.bpf.h"

struct tw_conns conns SEC(".maps");

/* The same by address, only with cfg.conns_by_address: the loader shrinks it to one entry otherwise. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, struct tw_conn);
} conns_by_addr SEC(".maps");

/* What a hash entry starts as. */
static const struct tw_conn no_conn;

/*
 * What storage is created with at once, so that no other CPU sees it half made; too big for the stack of
 * some programs. One for the iterators, which hooks may interrupt, and one for these.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct tw_conn);
} first_values SEC(".maps");

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

/* Unix sockets that were connected to a target's listener and not used yet, by address. */
struct unix_connect {
	__u64 connected_ns;
	__u64 data_ns; /* the first data became readable; 0: none came */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct unix_connect);
} unix_connects SEC(".maps");

/* Set once a target's Unix listener is followed: until then no Unix socket needs a second look. */
static bool have_unix_listener;

/* Set by the loader while it knows that the connections of all targets at their attach are followed. */
bool all_found;

static __always_inline struct tw_conn *conn_lookup(struct sock *sk)
{
	if (cfg.conns_by_address) {
		__u64 key = (__u64)sk;

		return bpf_map_lookup_elem(&conns_by_addr, &key);
	}
	return bpf_sk_storage_get(&conns, sk, 0, 0);
}

__hidden struct tw_conn *tw_conn_by_address(struct sock *sk)
{
	struct tw_conn *conn = conn_lookup(sk);

	return conn && !(conn->flags & TW_CONN_CLOSED) ? conn : NULL;
}

/* Never 0 and never a cookie: a cookie cannot be made for an address. */
static __always_inline __u64 conn_number(struct sock *sk)
{
	if (cfg.conns_by_address)
		return 1ull << 63 | bpf_ktime_get_ns() << 8 | (bpf_get_smp_processor_id() & 0xff);
	return bpf_get_socket_cookie(sk);
}

__hidden struct tw_conn *tw_conn_find(struct sock *sk)
{
	struct tw_conn *conn = tw_conn_get(sk);

	if (!conn || conn->role == TW_ROLE_LISTENER)
		return NULL;
	if (conn->role == TW_ROLE_SERVER && !(conn->flags & TW_CONN_ANNOUNCED))
		return NULL; /* nobody may be using it, or somebody who is not traced */
	return conn;
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

__hidden void tw_conn_announce(struct sock *sk, struct tw_conn *conn, __u32 pid, __u32 flags,
			       __u32 error)
{
	__u64 ts_ns = flags || !conn->established_ns ? bpf_ktime_get_ns() : conn->established_ns;
	struct tw_ev_conn_open *ev = tw_reserve(ts_ns, CONN_OPEN, struct tw_ev_conn_open);

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
		ev->local_port = TW_SK(sk, __sk_common.skc_num);
		ev->remote_port = bpf_ntohs(TW_SK(sk, __sk_common.skc_dport));
		if (conn->family == TW_AF_INET6) {
			BPF_CORE_READ_INTO(&ev->addr.ip.local, sk, __sk_common.skc_v6_rcv_saddr);
			BPF_CORE_READ_INTO(&ev->addr.ip.remote, sk, __sk_common.skc_v6_daddr);
		} else {
			__u32 local = TW_SK(sk, __sk_common.skc_rcv_saddr);
			__u32 remote = TW_SK(sk, __sk_common.skc_daddr);

			__builtin_memcpy(ev->addr.ip.local, &local, sizeof(local));
			__builtin_memcpy(ev->addr.ip.remote, &remote, sizeof(remote));
		}
	}
	tw_submit(ev);
}

static __always_inline __u32 inode_of(struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_socket, file, f_inode, i_ino); /* 0: nobody accepted it yet */
}

/* The same socket as before at this address? Without storage nothing else would tell. */
static __always_inline bool same_socket(struct sock *sk, struct tw_conn *conn)
{
	__u32 ino;

	if (!cfg.conns_by_address)
		return true;
	ino = inode_of(sk);
	if (!conn->ino)
		conn->ino = ino;
	return !ino || conn->ino == ino;
}

static __always_inline void conn_init(struct sock *sk, struct tw_conn *conn, __u8 role)
{
	struct tcp_sock *tcp = tw_tcp_of(sk);

	__builtin_memset(conn, 0, sizeof(*conn));
	conn->id = conn_number(sk);
	conn->role = role;
	conn->family = TW_SK(sk, __sk_common.skc_family);
	if (tcp)
		conn->seen_seq = TW_SK(tcp, rcv_nxt);
	if (cfg.conns_by_address)
		conn->ino = inode_of(sk);
}

__hidden void tw_conn_restart(struct sock *sk, struct tw_conn *conn, __u8 role)
{
	conn_init(sk, conn, role);
}

/* With this value if nobody else, on another CPU, has created it since it was last looked for. */
static __always_inline struct tw_conn *conn_create(struct sock *sk, const struct tw_conn *value)
{
	struct tw_conn *conn;

	if (cfg.conns_by_address) {
		__u64 key = (__u64)sk;

		conn = bpf_map_lookup_elem(&conns_by_addr, &key);
		if (!conn || !same_socket(sk, conn))
			bpf_map_update_elem(&conns_by_addr, &key, value, BPF_ANY);
		conn = bpf_map_lookup_elem(&conns_by_addr, &key);
	} else {
		conn = bpf_sk_storage_get(&conns, sk, (void *)value,
					  BPF_LOCAL_STORAGE_GET_F_CREATE);
	}
	if (!conn)
		tw_count(TW_CNT_CONN_ALLOC);
	return conn;
}

__hidden struct tw_conn *tw_conn_follow(struct sock *sk, __u8 role)
{
	struct tw_conn *conn = conn_create(sk, cfg.conns_by_address ? &no_conn : NULL);

	if (conn)
		tw_conn_restart(sk, conn, role);
	return conn;
}

__hidden struct tw_conn *tw_conn_join(struct sock *sk, bool seq_known)
{
	struct tcp_sock *tcp = tw_tcp_of(sk);
	__u32 slot = seq_known;
	struct tw_conn *value = bpf_map_lookup_elem(&first_values, &slot);
	struct tw_conn *conn;

	if (!value)
		return NULL;
	conn_init(sk, value, tw_conn_open_role(sk));
	value->flags = TW_CONN_JOINED;
	if (tcp && seq_known) {
		value->copied_seq = TW_SK(tcp, copied_seq);
		value->flags |= TW_CONN_SEQ_KNOWN;
	}
	conn = conn_create(sk, value);
	if (conn && conn->role == TW_ROLE_LISTENER)
		*conn = *value; /* a listener's child, and nobody told that it was established */
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

__hidden __u8 tw_conn_open_role(struct sock *sk)
{
	__u16 port = TW_SK(sk, __sk_common.skc_num);

	if (TW_SK(sk, __sk_common.skc_family) == AF_UNIX)
		return unix_role(sk);
	return bpf_map_lookup_elem(&listen_ports, &port) ? TW_ROLE_SERVER : TW_ROLE_CLIENT;
}

__hidden void tw_conn_listens(struct sock *sk)
{
	__u16 port = TW_SK(sk, __sk_common.skc_num);
	__u8 one = 1;

	if (TW_SK(sk, __sk_common.skc_family) == AF_UNIX)
		have_unix_listener = true;
	else
		bpf_map_update_elem(&listen_ports, &port, &one, BPF_ANY);
}

__hidden struct tw_conn *tw_conn_known(struct sock *sk)
{
	struct tw_conn *conn = conn_lookup(sk);

	if (!conn || conn->role == TW_ROLE_LISTENER || !same_socket(sk, conn))
		return NULL;
	return conn;
}

/* What was seen of a Unix connection before the target used it; false: nothing. */
static __always_inline bool take_unix_connect(struct sock *sk, struct tw_conn *conn)
{
	__u64 key = (__u64)sk;
	struct unix_connect *connect;

	if (conn->family != TW_AF_UNIX || conn->role != TW_ROLE_SERVER)
		return false;
	connect = bpf_map_lookup_elem(&unix_connects, &key);
	if (!connect)
		return false;
	conn->established_ns = connect->connected_ns;
	if (connect->data_ns) {
		conn->arrivals[0].ts_ns = connect->data_ns;
		conn->arrivals_written = 1;
	}
	bpf_map_delete_elem(&unix_connects, &key);
	return true;
}

/*
 * Did the side that asks send last? Then a request is being received, or waits for its answer. In
 * jiffies: what came and went within one of them counts as answered.
 */
static __always_inline bool asked_last(struct tcp_sock *tcp, __u8 role)
{
	__s32 later = TW_SK(tcp, inet_conn.icsk_ack.lrcvtime) - TW_SK(tcp, lsndtime);
	__u32 in = TW_SK(tcp, data_segs_in);
	__u32 out = TW_SK(tcp, data_segs_out);

	if (role == TW_ROLE_CLIENT)
		return out && (!in || later < 0);
	return in && (!out || later > 0);
}

__hidden __u32 tw_conn_existing(struct sock *sk, struct tw_conn *conn)
{
	struct tcp_sock *tcp = tw_tcp_of(sk);

	return TW_OPEN_EXISTING | (tcp && asked_last(tcp, conn->role) ? TW_OPEN_ASKED : 0);
}

/*
 * Of a connection whose establishment was not seen. That of a TCP connection is always seen, unless it
 * was before the attach or another process's; that of a Unix socket may be missed at any time.
 */
static __always_inline __u32 first_use_flags(struct sock *sk, struct tw_conn *conn)
{
	if (conn->family == TW_AF_UNIX && all_found)
		return TW_OPEN_FIRST_USE;
	return TW_OPEN_FIRST_USE | tw_conn_existing(sk, conn);
}

__hidden struct tw_conn *tw_conn_use_first(struct sock *sk, bool is_target)
{
	struct tw_conn *conn = tw_conn_known(sk);
	struct tw_task *task;
	__u32 flags = 0;

	if (conn && conn->flags & TW_CONN_ANNOUNCED)
		return conn;
	if (!is_target)
		return NULL; /* accepted by a process that shares the listener, or its port */
	if (!conn) {
		conn = tw_is_stream(sk) ? tw_conn_join(sk, false) : NULL;
		if (!conn)
			return NULL;
	}
	if (conn->flags & TW_CONN_JOINED && !take_unix_connect(sk, conn))
		flags = first_use_flags(sk, conn);
	task = tw_task_get(bpf_get_current_task_btf());
	tw_conn_announce(sk, conn, task ? task->pid : 0, flags, 0);
	if (TW_SK(sk, __sk_common.skc_state) == TCP_CLOSE_WAIT)
		tw_conn_peer_closed(conn); /* before anybody looked */
	return conn;
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

/*
 * Unix sockets have no state tracepoint. The listener is woken in connect(2), with the new socket
 * last in its queue; when several connect at once one may be missed here, and is then found by its
 * first use alone. The new socket is only an address here. It is followed when the target uses it and
 * not when data comes: the target may be reading that very data on another CPU.
 */
__hidden void tw_conn_unix_connect(struct sock *listener)
{
	struct sk_buff *skb = TW_SK(listener, sk_receive_queue.prev);
	struct unix_connect connect = {.connected_ns = bpf_ktime_get_ns()};
	__u64 key;

	if (!TW_SK(listener, sk_receive_queue.qlen))
		return;
	key = (__u64)BPF_CORE_READ(skb, sk);
	if (!key)
		return;
	bpf_map_update_elem(&unix_connects, &key, &connect, BPF_ANY);
	if (cfg.conns_by_address)
		bpf_map_delete_elem(&conns_by_addr, &key); /* of an earlier socket */
}

__hidden void tw_conn_unix_data(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct unix_connect *connect;

	if (!have_unix_listener)
		return;
	connect = bpf_map_lookup_elem(&unix_connects, &key);
	if (connect && !connect->data_ns)
		connect->data_ns = bpf_ktime_get_ns();
}
