/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* The followed sockets, as the other files may use them (conn.bpf.c owns the storage). */
#ifndef TAILWHY_BPF_CONN_H
#define TAILWHY_BPF_CONN_H

#include "lib/base.bpf.h"
#include "lib/capture.bpf.h"

/* Arrival stamps that wait for their bytes to be read. A power of two. */
#define TW_ARRIVALS 4

/* Bytes [begin_seq, end_seq) became readable at ts_ns (Unix sockets: only ts_ns is used). */
struct tw_arrival {
	__u64 ts_ns;
	__u32 begin_seq;
	__u32 end_seq;
};

enum tw_conn_flags {
	TW_CONN_ANNOUNCED = 1 << 0, /* CONN_OPEN was sent */
	TW_CONN_RST_IN = 1 << 1,
	TW_CONN_RST_OUT = 1 << 2,
	TW_CONN_ACCEPTED = 1 << 3, /* accepted_ns was reported */
	TW_CONN_SEQ_KNOWN = 1 << 4, /* copied_seq holds a value */
	TW_CONN_CLOSED = 1 << 5, /* conns_by_address: only its own file may still use it */
	TW_CONN_ENDED =
		1 << 6, /* it ended before a target used it: CONN_CLOSE is still to be sent */
	TW_CONN_UNACKED = 1 << 7, /* want_acks: sent, and not all of it acknowledged */
	TW_CONN_JOINED = 1 << 8, /* its establishment was not seen */
	TW_CONN_TLS = 1 << 9, /* a library's session is tied to it, whose bytes the program moves */
};

/*
 * One socket. Lives in socket storage, so it dies with the socket and is never mistaken for another.
 * A listener's copy is cloned to its children by the kernel, which is how a connection is known
 * before the process accepts it. (With cfg.conns_by_address none of this holds: see conn.bpf.c.)
 *
 * The send side runs without the socket lock: two threads that send on one socket at the same moment
 * may take each other's place in out_bytes, as they do on the wire.
 */
struct tw_conn {
	__u64 id; /* socket cookie; with conns_by_address a number of ours with the top bit set */
	__u64 established_ns;
	__u64 in_bytes; /* bytes of the stream that the process has taken */
	__u64 out_bytes;
	struct tw_arrival arrivals[TW_ARRIVALS];
	__u32 arrivals_written;
	__u32 arrivals_read;
	__u32 copied_seq; /* tcp_sock.copied_seq when in_bytes was last moved */
	__u32 seen_seq; /* bytes before this were readable, stamped or not */
	__u32 retransmits;
	struct tw_turn turn;
	__u16 flags; /* enum tw_conn_flags */
	__u8 role; /* enum tw_role */
	__u8 family; /* enum tw_family */
	__u8 no_window; /* want_acks: the peer's window is closed */
	__u8 _pad[7];
	__u32 ino; /* conns_by_address: inode of the socket that has this address, 0: not known yet */
};

struct tw_conns {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct tw_conn);
};
extern struct tw_conns conns SEC(".maps");

struct tw_conn *tw_conn_by_address(struct sock *sk);

/* Of a socket that is known by its address alone; 0: it is not followed. */
static __always_inline __u64 tw_conn_id_of(struct sock *sk)
{
	struct tw_conn *conn;

	if (!cfg.conns_by_address)
		return BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	conn = tw_conn_by_address(sk);
	return conn ? conn->id : 0;
}

/* The state of a followed socket or listener; NULL: not followed, or by address another one by now. */
static __always_inline struct tw_conn *tw_conn_get(struct sock *sk)
{
	if (cfg.conns_by_address)
		return tw_conn_by_address(sk);
	return bpf_sk_storage_get(&conns, sk, 0, 0);
}

/* The same without listeners, and by address without what was not announced yet. */
struct tw_conn *tw_conn_find(struct sock *sk);
/* The same, and a stream socket that a target's thread uses for the first time is followed too. */
struct tw_conn *tw_conn_use_first(struct sock *sk, bool is_target);
/*
 * When the process took an accepted connection from the queue, told once: the accept call's stamp
 * when accept is seen (and TW_DATA_ACCEPT_SEEN is set in *flags), else now. 0: told before, or not
 * an accepted connection whose handshake was seen.
 */
__u64 tw_conn_accepted(struct sock *sk, struct tw_conn *conn, __u64 now_ns, __u8 *flags);
/* A call failed on a connection with TW_CONN_ENDED: now its end is told. */
void tw_conn_late_close(struct sock *sk, struct tw_conn *conn);
/* A read returned 0: the peer of a Unix socket has closed (TCP says so by its states). */
void tw_conn_peer_closed(struct tw_conn *conn);
/* accept(2) returned the socket whose struct sock is at this address. */
void tw_conn_accept(__u64 sk_addr, __u64 now_ns);
/* Starts to follow a socket; NULL (and counted) without memory. */
struct tw_conn *tw_conn_follow(struct sock *sk, __u8 role);
/*
 * The same for a connection whose establishment was not seen, by its own role. What another CPU has
 * made of it at this very moment stays as it is. seq_known: all that was read of it so far counts as
 * before; else the caller's own read does not.
 */
struct tw_conn *tw_conn_join(struct sock *sk, bool seq_known);
/* Starts again, on what a listener's child was cloned from. */
void tw_conn_restart(struct sock *sk, struct tw_conn *conn, __u8 role);
/* Sends CONN_OPEN. Without flags its stamp is the establishment's, if that is known. */
void tw_conn_announce(struct sock *sk, struct tw_conn *conn, __u32 pid, __u32 flags, __u32 error);
/* The flags of one that was open before the attach (enum tw_conn_open_flags). */
__u32 tw_conn_existing(struct sock *sk, struct tw_conn *conn);
/* For sockets with a file, which tells whether the state is an earlier socket's; closed ones too. */
struct tw_conn *tw_conn_known(struct sock *sk);
/* A target listens on it. */
void tw_conn_listens(struct sock *sk);
/* enum tw_role of a socket whose establishment was not seen. */
__u8 tw_conn_open_role(struct sock *sk);
/* A Unix listener became readable: somebody connected. */
void tw_conn_unix_connect(struct sock *listener);
/* want_acks: the peer has all that was sent, or moved its window (enum tw_ack_flags). */
void tw_conn_acked(struct tw_conn *conn, __u8 flags);
/* Data came for a Unix socket that is not followed: remembered if it was connected to a target. */
void tw_conn_unix_data(struct sock *sk);

/*
 * The connection of a call that a thread makes; NULL: it is not followed. By address
 * (cfg.conns_by_address) every use goes the way of the first: only there it is asked whether the
 * address is another socket's by now.
 */
static __always_inline struct tw_conn *tw_conn_use(struct sock *sk, bool is_target)
{
	struct tw_conn *conn;

	if (!cfg.conns_by_address) {
		conn = tw_conn_get(sk);
		if (conn && conn->flags & TW_CONN_ANNOUNCED)
			return conn;
	}
	return tw_conn_use_first(sk, is_target);
}

static __always_inline __u64 tw_conn_first_use(struct sock *sk, struct tw_conn *conn, __u64 now_ns,
					       __u8 *flags)
{
	if (conn->flags & TW_CONN_ACCEPTED)
		return 0;
	return tw_conn_accepted(sk, conn, now_ns, flags);
}

#endif
