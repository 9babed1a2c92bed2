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

#endif
