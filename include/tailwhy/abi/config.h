/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Settings that BPF code reads. Frozen at load: a branch that is off costs nothing. */
#ifndef TAILWHY_ABI_CONFIG_H
#define TAILWHY_ABI_CONFIG_H

#include "tailwhy/abi/base.h"

/* Failures of system calls by number and errno; larger numbers are told, and expected by nobody. */
#define TW_SYSCALLS	  512
#define TW_ERRNO_WORDS	  3 /* of 64 bits: errno 0 to 191 */
#define TW_SIGNATURES_MAX 4

struct tw_config {
	__u32 ring_wake_bytes; /* wake the reader once for so many; a power of two */
	__u32 request_capture_bytes; /* payload of a turn in request direction */
	__u32 response_capture_bytes; /* the same for responses, plus 16 x the request's size */
	__u32 pidns_above; /* PID namespaces from the loader's up to that of /proc, whose numbers are used */
	__u8 want_payload;
	__u8 want_accept; /* accept(2) is seen: remember its stamp */
	__u8 conns_by_address; /* sockets are keys of a hash instead of having storage */
	__u8 io_by_syscall; /* socket calls are seen when the system call returns, not within it */
	__u8 want_sched; /* switches are seen */
	__u8 want_acks; /* acknowledgements are told of */
	__u8 want_stacks; /* stacks are taken where threads go to sleep, and of what runs */
	__u8 want_tls; /* calls of TLS libraries are told of, with their plaintext */
	/* First bytes of a connection's requests after which both sides speak in frames; 0: none. */
	__u64 framed_signatures[TW_SIGNATURES_MAX];
	__u8 framed_ninth[TW_SIGNATURES_MAX]; /* the byte that follows; 0: any, or none */
	__u8 _pad2[4];
	/* Of the first eight bytes of datagrams that are told: these bits have this value; 0: none are. */
	__u64 datagram_mask;
	__u64 datagram_value;
};
TW_ABI_SIZE(struct tw_config, 80);

#endif
