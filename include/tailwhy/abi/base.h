/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Integer types and limits that both sides of the ring agree on. C11 for clang -target bpf and
 * C++20 for the loader; includes nothing of ours.
 */
#ifndef TAILWHY_ABI_BASE_H
#define TAILWHY_ABI_BASE_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#ifdef __cplusplus
#define TW_ABI_SIZE(type, bytes) static_assert(sizeof(type) == (bytes), #type " changed its size")
#else
#define TW_ABI_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " changed its size")
#endif

/* Payload bytes that one record can carry; longer captures go on in further records. */
#define TW_PAYLOAD_MAX 4096
/* Payload records that one call can give: bounds the capture of one call to 16 KiB. */
#define TW_PIECES_MAX 4
/* The last bytes of a call whose payload was not captured to its end. */
#define TW_TAIL_BYTES 8
/* A record of a datagram carries fewer bytes of it. */
#define TW_DATAGRAM_MAX 512
/* TASK_COMM_LEN of the kernel. */
#define TW_COMM_BYTES 16
/* Return addresses that one stack of the `stacks` map holds; the kernel's default limit. */
#define TW_STACK_FRAMES 127
/* Bytes from the user's stack pointer on: libraries without frame pointers hide who called them. */
#define TW_STACK_TOP_BYTES 1024
/* sun_path of a Unix socket address. */
#define TW_UNIX_PATH_BYTES 108

#endif
