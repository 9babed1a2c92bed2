/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Every way in which the kernel side can fail to tell something: one row, one slot, one name. */
#ifndef TAILWHY_ABI_COUNTERS_H
#define TAILWHY_ABI_COUNTERS_H

/* X(NAME, reason in outputs, what it says, 1: an event was lost / 0: a detail is unknown) */
#define TW_COUNTERS(X)                                                                           \
	X(RING_FULL, "ring_full", "records dropped: the ring buffer was full", 1)                \
	X(CONN_ALLOC, "conn_storage", "sockets not followed: no memory for socket storage", 1)   \
	X(TASK_ALLOC, "task_storage", "threads not followed: no memory for task storage", 1)     \
	X(SYSCALL_MAP_FULL, "syscall_map_full", "failing system calls not counted: map full", 1) \
	X(PAYLOAD_UNREADABLE, "payload_unreadable",                                              \
	  "calls without a readable buffer (sendfile, splice, io_uring)", 0)                     \
	X(PAYLOAD_FAULT, "payload_fault", "calls whose buffer could not be read", 0)             \
	X(ARRIVAL_FULL, "arrival_full", "segments whose arrival was not stamped: table full", 0) \
	X(ACCEPT_MAP_FULL, "accept_map_full", "accept calls not remembered: map full", 0)        \
	X(SWITCH_MISSED, "switch_missed",                                                        \
	  "switches to a thread that the kernel told nobody of: from its own sums", 0)           \
	X(STACK_MAP_FULL, "stack_map_full",                                                      \
	  "stacks not kept: map full, or another one in their place", 0)                         \
	X(TLS_UNJOINED, "tls_unjoined",                                                          \
	  "calls of TLS libraries whose connection is not known: it stays unknown", 0)           \
	X(PROGRAM_MISSED, "program_missed",                                                      \
	  "runs of a hook that the kernel skipped: the same hook was interrupted", 1)            \
	X(DATAGRAM_OTHER, "datagram_other",                                                      \
	  "datagrams of UDP that are of no protocol that is read: not measured", 0)

enum tw_counter {
#define TW_ROW(NAME, reason, doc, lost) TW_CNT_##NAME,
	TW_COUNTERS(TW_ROW)
#undef TW_ROW
	TW_CNT_MAX
};

#endif
