/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Reading a socket that may be only an address. Where hooks get sockets that the verifier trusts a
 * field is one load; with cfg.conns_by_address it is a helper call. The setting is frozen, so the
 * verifier keeps one of the two and the choice costs nothing at run time.
 */
#ifndef TAILWHY_BPF_SOCK_H
#define TAILWHY_BPF_SOCK_H

#include "lib/base.bpf.h"

/* One field of a struct sock or tcp_sock. */
#define TW_SK(sk, field) (cfg.conns_by_address ? BPF_CORE_READ(sk, field) : (sk)->field)

static __always_inline bool tw_is_stream(struct sock *sk)
{
	__u16 family = TW_SK(sk, __sk_common.skc_family);

	if (TW_SK(sk, sk_type) != SOCK_STREAM)
		return false;
	if (family == AF_UNIX)
		return true;
	return (family == AF_INET || family == AF_INET6) && TW_SK(sk, sk_protocol) == IPPROTO_TCP;
}

static __always_inline unsigned long tw_socket_flags(struct sock *sk)
{
	struct socket *socket = TW_SK(sk, sk_socket);

	return socket ? TW_SK(socket, flags) : 0;
}

/* NULL: not TCP. */
static __always_inline struct tcp_sock *tw_tcp_of(struct sock *sk)
{
	if (TW_SK(sk, __sk_common.skc_family) == AF_UNIX)
		return NULL;
	if (cfg.conns_by_address)
		return (struct tcp_sock *)sk;
	return bpf_skc_to_tcp_sock(sk);
}

#endif
