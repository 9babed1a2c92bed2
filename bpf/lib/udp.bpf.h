/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Datagrams of UDP sockets, as the hooks of sockets hand them on (udp.bpf.c owns the storage). */
#ifndef TAILWHY_BPF_UDP_H
#define TAILWHY_BPF_UDP_H

#include "lib/base.bpf.h"
#include "lib/sock.bpf.h"
#include "lib/task.bpf.h"

/* By address (cfg.conns_by_address) sockets of UDP are not followed. */
static __always_inline bool tw_is_udp(struct sock *sk)
{
	__u16 family;

	if (cfg.conns_by_address)
		return false;
	family = sk->__sk_common.skc_family;
	return (family == AF_INET || family == AF_INET6) && sk->sk_protocol == IPPROTO_UDP &&
	       sk->sk_type == SOCK_DGRAM;
}

/* A call of a target's thread on a socket that is no followed connection has returned `ret`. */
int tw_udp_send(struct sock *sk, struct tw_task *task, int ret);
int tw_udp_recv(struct sock *sk, struct tw_task *task, int ret, int flags);
/* A datagram has entered the queue of a UDP socket, be it followed or not. */
int tw_udp_queued(struct sock *sk);
/* A target has this socket. */
int tw_udp_found(struct sock *sk);

#endif
