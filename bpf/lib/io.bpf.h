/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What io.bpf.c does with the result of a socket call, for hooks that know the socket's address only. */
#ifndef TAILWHY_BPF_IO_H
#define TAILWHY_BPF_IO_H

#include "lib/base.bpf.h"

/* A call on the socket has returned `ret`: bytes, or a negative errno. */
int tw_io_send(__u64 sk, int ret);
/* later: bytes that the call has received too but that are reported after these. */
int tw_io_recv(__u64 sk, int ret, int flags, __u32 later);
/* accept(2) returned the socket. */
int tw_io_accept(__u64 sk);

#endif
