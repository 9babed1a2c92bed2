// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/*
 * Plaintext of encrypted connections, at the functions of TLS libraries: owns which library's session
 * is which connection's. Nothing here is attached, or runs, unless the user asked for plaintext.
 *
 * A session is joined to a connection by the socket calls that its thread makes within the library's
 * own calls. Once joined it stays so, because a library also answers from what it has read before.
 *
 * A program may move the ciphertext itself (memory BIOs: node, asyncio). Such a session's calls never
 * try a socket. It is joined by what its thread read right before a call, with no other socket call
 * in between: to a connection whose very first bytes those were, or to one that this was so of twice
 * in a row. A wrong join is worse than none.
 *
 * Go's goroutines change threads within a call, so nothing is kept by thread there: its object for the
 * connection leads to the descriptor, and with it to the socket.
 */
#include "lib/tls.bpf.h"
#include "lib/capture.bpf.h"
#include "lib/event.bpf.h"
#include "lib/fd.bpf.h"

#include "tailwhy/abi/tls.h"

struct tw_tls_calls tls_calls SEC(".maps");

struct tls_session {
	__u64 address;
	__u32 pid;
	__u32 _pad;
};

/* The connection of a session. */
struct tls_tie {
	__u64 conn_id; /* 0: not known yet */
	__u64 candidate; /* what was read before its last call was this one's; 0: conn_id's */
	__u64 bytes[2]; /* of plaintext so far, by enum tw_dir */
	struct tw_turn turn;
	__u8 role; /* enum tw_role */
	__u8 outside; /* the ciphertext moves by calls outside of the library's (Go: is not asked) */
	__u8 _pad[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384); /* the loader makes it 1 unless plaintext is wanted */
	__type(key, struct tls_session);
	__type(value, struct tls_tie);
} tls_ties SEC(".maps");

/* Connections that are tied to a session whose ciphertext the program moves. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384); /* 1 unless plaintext is wanted */
	__type(key, __u64);
	__type(value, __u8);
} tls_conns SEC(".maps");

/*
 * Do the bytes of this socket call begin with a TLS record (RFC 8446 5.1)? A library may call back
 * into the program, which may use other connections meanwhile: to ask about a certificate, say.
 */
static __always_inline bool is_record(struct task_struct *current, struct tw_task *task)
{
	/* Only looked at: the next who asks for the call's message must get the same one. */
	__u64 args = task ? task->mmsg_args : 0;
	__u32 index = task ? task->mmsg_index : 0;
	struct tw_cursor cur;
	__u8 head[3];
	bool found = tw_cursor_init(&cur, current, task);

	if (task) {
		task->mmsg_args = args;
		task->mmsg_index = index;
	}
	if (!found || cur.left_bytes < sizeof(head) ||
	    bpf_probe_read_user(head, sizeof(head), (void *)cur.base))
		return false;
	return head[0] >= 20 && head[0] <= 23 && head[1] == 3 && head[2] <= 4;
}

__hidden void tw_tls_tie(struct task_struct *current, struct tw_task *task, struct tw_conn *conn,
			 struct tw_call *call, struct tw_tls_call *in)
{
	struct tls_session key = {.address = in->session, .pid = call->pid};
	struct tls_tie *tie = bpf_map_lookup_elem(&tls_ties, &key);
	struct tls_tie made = {};

	in->uses_socket = 1;
	if (!tie || tie->conn_id != conn->id) {
		if (!is_record(current, task))
			return;
		made.conn_id = conn->id;
		made.role = conn->role;
		bpf_map_update_elem(&tls_ties, &key, &made, BPF_ANY);
		call->flags |= TW_DATA_TLS;
		return;
	}
	call->flags |= TW_DATA_TLS;
	/* Nobody reads what is sent. Of what is received the heads of records are looked at. */
	if (call->dir == TW_DIR_OUT && tie->bytes[TW_DIR_OUT])
		call->want_bytes = 0;
}

__hidden void tw_tls_outside(struct task_struct *current, struct tw_task *task,
			     struct tw_conn *conn, struct tw_call *call, struct tw_tls_call *in)
{
	__u64 id = conn->id;

	if (in->read_conn && (in->read_conn != id || call->dir != TW_DIR_IN)) {
		in->read_conn = TW_TLS_UNCLEAR;
	} else if (call->dir == TW_DIR_IN) {
		in->read_first = !call->offset_bytes;
		in->read_role = conn->role;
		if (!in->read_conn && is_record(current, task))
			in->read_conn = id;
	}
	if (!(conn->flags & TW_CONN_TLS) && bpf_map_lookup_elem(&tls_conns, &id))
		conn->flags |= TW_CONN_TLS;
	if (!(conn->flags & TW_CONN_TLS))
		return;
	call->flags |= TW_DATA_TLS;
	if (call->dir == TW_DIR_OUT)
		call->want_bytes = 0;
}

/* A call of the session, which tried no socket, followed a read of that connection. */
static __always_inline void observe(const struct tls_session *key, const struct tw_tls_call *in)
{
	struct tls_tie *tie = bpf_map_lookup_elem(&tls_ties, key);
	__u64 conn_id = in->read_conn;
	struct tls_tie made = {.role = in->read_role, .outside = 1};
	__u8 one = 1;

	if (tie && !tie->outside)
		return;
	if (tie && tie->conn_id == conn_id) {
		tie->candidate = 0;
		return;
	}
	if ((tie && tie->candidate == conn_id) || (!tie && in->read_first)) {
		made.conn_id = conn_id;
		bpf_map_update_elem(&tls_conns, &conn_id, &one, BPF_ANY);
		bpf_map_update_elem(&tls_ties, key, &made, BPF_ANY);
	} else if (tie) {
		tie->candidate = conn_id;
	} else {
		made.candidate = conn_id;
		bpf_map_update_elem(&tls_ties, key, &made, BPF_ANY);
	}
}

/* How many bytes of plaintext the call moved; 0: none. */
static __always_inline __u64 bytes_moved(struct pt_regs *ctx, const struct tw_tls_call *in)
{
	__u64 moved = 0;

	if (TW_TLS_RESULT(in->what) == TW_TLS_LONG)
		return (__s64)ctx->ax > 0 ? ctx->ax : 0;
	if ((__s32)ctx->ax <= 0)
		return 0;
	if (TW_TLS_RESULT(in->what) == TW_TLS_INT)
		return (__u32)ctx->ax;
	if (bpf_probe_read_user(&moved, sizeof(moved), (void *)in->moved))
		tw_count(TW_CNT_PAYLOAD_FAULT);
	return moved;
}

static __always_inline void send_plaintext(struct tls_tie *tie, const struct tw_task *task,
					   __u64 buffer, __u8 dir, __u32 len)
{
	struct tw_cursor cur = {.base = buffer, .left_bytes = len};
	struct tw_call call = {.conn_id = tie->conn_id, .len_bytes = len, .dir = dir};

	call.now_ns = bpf_ktime_get_ns();
	call.offset_bytes = tie->bytes[dir & 1];
	call.flags = tie->outside ? TW_DATA_PLAIN : TW_DATA_PLAIN | TW_DATA_TLS;
	call.pid = task->pid;
	call.tid = task->tid;
	call.want_bytes = tw_take_capture(&tie->turn, tie->role, dir, len, &call.look);
	tie->bytes[dir & 1] += len;
	if (!cfg.want_payload) {
		tw_send_bare(&call, TW_DATA_UNREADABLE);
		return;
	}
	tw_payload_send_from(&call, &cur);
	if (call.look == TW_LOOK_FOUND)
		tie->turn.framed = 1;
}

static __always_inline int on_leave(struct pt_regs *ctx)
{
	struct task_struct *current = bpf_get_current_task_btf();
	struct tw_tls_call *in = bpf_task_storage_get(&tls_calls, current, 0, 0);
	struct tls_session key = {};
	struct tw_task *task;
	struct tls_tie *tie;
	__u64 moved;
	__u32 op;

	if (!in || !in->session)
		return 0;
	op = TW_TLS_OP(in->what);
	if (op != TW_TLS_OP(bpf_get_attach_cookie(ctx)))
		return 0; /* a call that the library made within its own */
	key.address = in->session;
	in->session = 0;
	task = tw_task_get(current);
	if (!task)
		return 0;
	key.pid = task->pid;
	if (in->read_conn && in->read_conn != TW_TLS_UNCLEAR && !in->uses_socket)
		observe(&key, in);
	in->read_conn = 0;
	if (op != TW_TLS_READ && op != TW_TLS_WRITE)
		return 0;
	moved = bytes_moved(ctx, in);
	if (!moved || moved > 1u << 30)
		return 0;
	tie = bpf_map_lookup_elem(&tls_ties, &key);
	if (!tie || !tie->conn_id) {
		tw_count(TW_CNT_TLS_UNJOINED);
		return 0;
	}
	send_plaintext(tie, task, in->buffer, op == TW_TLS_READ ? TW_DIR_IN : TW_DIR_OUT, moved);
	return 0;
}

/* The begin of a crypto/tls.Conn. */
struct go_conn {
	__u64 itab; /* of its net.Conn */
	__u64 net_conn;
	__u8 asks;
	__u8 _pad[7];
};

/* In a *net.TCPConn: {fd *netFD}; in that: {pfd poll.FD}; in that: {fdmu [16]byte; Sysfd int}. */
#define GO_SYSFD 16

/* Ties the object to the socket that it uses; NULL: not a TCP socket, or not a followed one. */
static __always_inline struct tls_tie *tie_go(struct task_struct *current,
					      const struct tls_session *key, __u64 itab)
{
	struct tls_tie made = {.outside = 1};
	struct go_conn conn;
	__u64 net_fd;
	__u64 sk;
	__u32 fd;
	__u8 one = 1;

	if (bpf_probe_read_user(&conn, sizeof(conn), (void *)key->address) || conn.itab != itab)
		return NULL;
	if (bpf_probe_read_user(&net_fd, sizeof(net_fd), (void *)conn.net_conn) ||
	    bpf_probe_read_user(&fd, sizeof(fd), (void *)(net_fd + GO_SYSFD)))
		return NULL;
	sk = tw_sk_of_fd(current, fd);
	if (!sk)
		return NULL;
	made.conn_id = tw_conn_id_of((struct sock *)sk);
	if (!made.conn_id)
		return NULL;
	made.role = conn.asks ? TW_ROLE_CLIENT : TW_ROLE_SERVER;
	bpf_map_update_elem(&tls_conns, &made.conn_id, &one, BPF_ANY);
	bpf_map_update_elem(&tls_ties, key, &made, BPF_ANY);
	return bpf_map_lookup_elem(&tls_ties, key);
}

#define FLAG_CF (1u << 0)
#define FLAG_ZF (1u << 6)

static __always_inline int on_go(struct pt_regs *ctx, struct task_struct *current,
				 struct tw_task *task, __u64 what)
{
	struct tls_session key = {.pid = task->pid};
	__u64 itab = ctx->ip + TW_TLS_GO_ITAB(what);
	__u64 buffer = ctx->bx;
	__u64 len = ctx->cx;
	__u32 op = TW_TLS_OP(what);
	struct tls_tie *tie;

	barrier_var(buffer);
	if (op == TW_TLS_GO_READ) {
		if (bpf_probe_read_user(&key.address, sizeof(key.address),
					(void *)(ctx->sp + TW_TLS_GO_SLOT(what))))
			return 0;
	} else {
		/* It jumps, gets a larger stack, and comes by once more. */
		if (ctx->flags & (FLAG_CF | FLAG_ZF))
			return 0;
		key.address = ctx->ax;
	}
	if (op == TW_TLS_GO_HANDSHAKE) {
		bpf_map_delete_elem(&tls_ties, &key);
		tie_go(current, &key, itab);
		return 0;
	}
	if (!len || len > 1u << 30)
		return 0;
	tie = bpf_map_lookup_elem(&tls_ties, &key);
	if (!tie)
		tie = tie_go(current, &key, itab);
	if (!tie) {
		tw_count(TW_CNT_TLS_UNJOINED);
		return 0;
	}
	send_plaintext(tie, task, buffer, op == TW_TLS_GO_READ ? TW_DIR_IN : TW_DIR_OUT, len);
	return 0;
}

static __always_inline int on_enter(struct pt_regs *ctx)
{
	struct task_struct *current = bpf_get_current_task_btf();
	struct tw_task *task = tw_task_get(current);
	struct tls_session key = {};
	struct tw_tls_call *in;
	__u64 session = ctx->di;
	__u64 what;

	if (!task)
		return 0;
	what = bpf_get_attach_cookie(ctx);
	if (TW_TLS_OP(what) >= TW_TLS_GO_HANDSHAKE)
		return on_go(ctx, current, task, what);
	barrier_var(session); /* else its address is taken apart, which no verifier allows */
	if (TW_TLS_OP(what) == TW_TLS_FREE) {
		key.address = session;
		key.pid = task->pid;
		bpf_map_delete_elem(&tls_ties, &key);
		return 0;
	}
	in = bpf_task_storage_get(&tls_calls, current, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!in) {
		tw_count(TW_CNT_TASK_ALLOC);
		return 0;
	}
	/* A read may shake hands first, by the function that programs use for that. */
	if (TW_TLS_OP(what) == TW_TLS_HANDSHAKE && in->session == session)
		return 0;
	in->session = session;
	in->buffer = ctx->si;
	in->moved = ctx->cx;
	in->what = what;
	in->uses_socket = 0;
	return 0;
}

/*
 * Where a function is entered: at the place in its first instructions that costs least. Where it is
 * left: by a return probe.
 */
SEC("?uprobe") /* since 6.6: a link for many places, by a number that libbpf does not know */
int tls_enter_um(struct pt_regs *ctx)
{
	return on_enter(ctx);
}

SEC("?uprobe")
int tls_leave_um(struct pt_regs *ctx)
{
	return on_leave(ctx);
}

SEC("?uprobe") /* older kernels: an event for each place */
int tls_enter_up(struct pt_regs *ctx)
{
	return on_enter(ctx);
}

SEC("?uprobe")
int tls_leave_up(struct pt_regs *ctx)
{
	return on_leave(ctx);
}
