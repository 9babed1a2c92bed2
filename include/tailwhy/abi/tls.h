/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What the loader tells the kernel side of a function of a TLS library: the cookie of its probe. */
#ifndef TAILWHY_ABI_TLS_H
#define TAILWHY_ABI_TLS_H

#include "tailwhy/abi/base.h"

/* What the function does. Its first argument is the library's object for the connection. */
enum tw_tls_op {
	TW_TLS_HANDSHAKE = 0, /* or anything else that moves bytes of the socket and no plaintext */
	TW_TLS_READ = 1, /* second argument: the buffer */
	TW_TLS_WRITE = 2, /* second argument: the buffer */
	TW_TLS_FREE = 3, /* the object is no connection's any more */
	/* Go's crypto/tls. The registers are those of its ABIInternal: rax, rbx, rcx. */
	TW_TLS_GO_HANDSHAKE = 4, /* where the stack is checked: rax is the *tls.Conn */
	TW_TLS_GO_WRITE = 5, /* the same; rbx and rcx: the bytes */
	TW_TLS_GO_READ = 6, /* where plaintext is copied to the caller: rbx and rcx, too */
};

/* How it says how many bytes it moved. */
enum tw_tls_result {
	TW_TLS_INT = 0, /* it returns an int; not positive: none */
	TW_TLS_LONG = 1, /* it returns a long; not positive: none */
	TW_TLS_STORED =
		2, /* fourth argument: where they are; it returns an int, positive: they are */
};

#define TW_TLS_COOKIE(op, result) ((op) | (result) << 8)
#define TW_TLS_OP(cookie)	  ((cookie)&0xff)
#define TW_TLS_RESULT(cookie)	  ((cookie) >> 8 & 0xff)

/*
 * Go: `slot` is where the *tls.Conn is on the stack while plaintext is copied (from rsp; 16 bits), and
 * `itab` the table of *net.TCPConn as a net.Conn, from the probed instruction on (32 bits, signed).
 */
#define TW_TLS_GO_COOKIE(op, slot, itab) \
	((op) | ((slot)&0xffffull) << 16 | ((itab)&0xffffffffull) << 32)
#define TW_TLS_GO_SLOT(cookie) ((cookie) >> 16 & 0xffff)
#define TW_TLS_GO_ITAB(cookie) ((__s32)((cookie) >> 32))

#endif
