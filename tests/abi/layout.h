/*
 * Every field of every record and map format of the ABI, as one table that the C and the C++ side
 * each fill with their own compiler. Settings (tw_config) are not here: they have no past to be
 * compatible with. Knows nothing of what the fields mean.
 */
#ifndef TAILWHY_TESTS_ABI_LAYOUT_H
#define TAILWHY_TESTS_ABI_LAYOUT_H

#include "tailwhy/abi/config.h"
#include "tailwhy/abi/counters.h"
#include "tailwhy/abi/events.h"
#include "tailwhy/abi/features.h"

#include <stddef.h>

/* X(struct, field), in order of declaration */
/* clang-format off */
#define LAYOUT_HDR(X) \
  X(tw_ev_hdr, ts_ns) X(tw_ev_hdr, type) X(tw_ev_hdr, cpu) X(tw_ev_hdr, size_bytes)
#define LAYOUT_CONN_OPEN(X) \
  X(tw_ev_conn_open, hdr) X(tw_ev_conn_open, conn_id) X(tw_ev_conn_open, established_ns) \
  X(tw_ev_conn_open, pid) X(tw_ev_conn_open, netns_inum) X(tw_ev_conn_open, role) \
  X(tw_ev_conn_open, family) X(tw_ev_conn_open, flags) X(tw_ev_conn_open, _pad) \
  X(tw_ev_conn_open, local_port) X(tw_ev_conn_open, remote_port) X(tw_ev_conn_open, error) \
  X(tw_ev_conn_open, _pad2) X(tw_ev_conn_open, addr) X(tw_ev_conn_open, _pad3)
#define LAYOUT_DATA(X) \
  X(tw_ev_data, hdr) X(tw_ev_data, conn_id) X(tw_ev_data, offset_bytes) X(tw_ev_data, arrived_ns) \
  X(tw_ev_data, accepted_ns) X(tw_ev_data, len_bytes) X(tw_ev_data, piece_off_bytes) \
  X(tw_ev_data, captured_bytes) X(tw_ev_data, pid) X(tw_ev_data, tid) X(tw_ev_data, dir) \
  X(tw_ev_data, flags) X(tw_ev_data, tail_len_bytes) X(tw_ev_data, _pad) X(tw_ev_data, tail)
#define LAYOUT_ARRIVAL(X) \
  X(tw_ev_arrival, hdr) X(tw_ev_arrival, conn_id) X(tw_ev_arrival, offset_bytes)
#define LAYOUT_CONN_SHUT(X) \
  X(tw_ev_conn_shut, hdr) X(tw_ev_conn_shut, conn_id) X(tw_ev_conn_shut, dir) \
  X(tw_ev_conn_shut, _pad)
#define LAYOUT_CONN_CLOSE(X) \
  X(tw_ev_conn_close, hdr) X(tw_ev_conn_close, conn_id) X(tw_ev_conn_close, in_bytes) \
  X(tw_ev_conn_close, out_bytes) X(tw_ev_conn_close, retransmits) X(tw_ev_conn_close, srtt_us) \
  X(tw_ev_conn_close, error) X(tw_ev_conn_close, flags) X(tw_ev_conn_close, _pad)
#define LAYOUT_RETRANSMIT(X) \
  X(tw_ev_retransmit, hdr) X(tw_ev_retransmit, conn_id) X(tw_ev_retransmit, total) \
  X(tw_ev_retransmit, _pad)
#define LAYOUT_IO_ERROR(X) \
  X(tw_ev_io_error, hdr) X(tw_ev_io_error, conn_id) X(tw_ev_io_error, pid) \
  X(tw_ev_io_error, tid) X(tw_ev_io_error, error) X(tw_ev_io_error, dir) X(tw_ev_io_error, _pad)
#define LAYOUT_TASK_FORK(X) \
  X(tw_ev_task_fork, hdr) X(tw_ev_task_fork, parent_pid) X(tw_ev_task_fork, pid) \
  X(tw_ev_task_fork, comm)
#define LAYOUT_TASK_EXEC(X) \
  X(tw_ev_task_exec, hdr) X(tw_ev_task_exec, pid) X(tw_ev_task_exec, _pad) X(tw_ev_task_exec, comm)
#define LAYOUT_TASK_ACCOUNT(X) \
  X(tw_task_account, on_cpu_ns) X(tw_task_account, run_queue_ns) X(tw_task_account, sleep_ns) \
  X(tw_task_account, voluntary_switches) X(tw_task_account, involuntary_switches)
#define LAYOUT_TASK_EXIT(X) \
  X(tw_ev_task_exit, hdr) X(tw_ev_task_exit, pid) X(tw_ev_task_exit, tid) \
  X(tw_ev_task_exit, exit_code) X(tw_ev_task_exit, process_ended) X(tw_ev_task_exit, _pad) \
  X(tw_ev_task_exit, account)
#define LAYOUT_MAPS(X) \
  X(tw_thread_info, pid) X(tw_thread_info, tid) X(tw_thread_info, comm) \
  X(tw_thread_info, account) X(tw_syscall_key, pid) X(tw_syscall_key, tid) \
  X(tw_syscall_key, nr) X(tw_syscall_key, error) X(tw_syscall_count, count) \
  X(tw_syscall_count, last_ns)

#define LAYOUT_OFF_CPU(X) \
  X(tw_ev_off_cpu, hdr) X(tw_ev_off_cpu, on_ns) X(tw_ev_off_cpu, off_ns) \
  X(tw_ev_off_cpu, woken_ns) X(tw_ev_off_cpu, object) X(tw_ev_off_cpu, pid) \
  X(tw_ev_off_cpu, tid) X(tw_ev_off_cpu, waker_tid) X(tw_ev_off_cpu, nr) \
  X(tw_ev_off_cpu, file) X(tw_ev_off_cpu, flags)
#define LAYOUT_CALL_ERRORS(X) \
  X(tw_ev_call_errors, hdr) X(tw_ev_call_errors, pid) X(tw_ev_call_errors, tid) \
  X(tw_ev_call_errors, count) X(tw_ev_call_errors, nr) X(tw_ev_call_errors, error)

#define LAYOUT_CONN_CONNECT(X) \
  X(tw_ev_conn_connect, hdr) X(tw_ev_conn_connect, conn_id) X(tw_ev_conn_connect, pid) \
  X(tw_ev_conn_connect, tid)

#define LAYOUT_ACK(X) \
  X(tw_ev_ack, hdr) X(tw_ev_ack, conn_id) X(tw_ev_ack, offset_bytes) X(tw_ev_ack, flags) \
  X(tw_ev_ack, _pad)

#define LAYOUT_DATAGRAM(X) \
  X(tw_ev_datagram, hdr) X(tw_ev_datagram, socket_id) X(tw_ev_datagram, arrived_ns) \
  X(tw_ev_datagram, len_bytes) X(tw_ev_datagram, captured_bytes) X(tw_ev_datagram, pid) \
  X(tw_ev_datagram, tid) X(tw_ev_datagram, local_port) X(tw_ev_datagram, remote_port) \
  X(tw_ev_datagram, dir) X(tw_ev_datagram, family) X(tw_ev_datagram, flags) \
  X(tw_ev_datagram, _pad) X(tw_ev_datagram, local) X(tw_ev_datagram, remote)
#define LAYOUT_STACK(X) \
  X(tw_ev_stack, hdr) X(tw_ev_stack, ip) X(tw_ev_stack, sp) X(tw_ev_stack, bp) X(tw_ev_stack, pid) \
  X(tw_ev_stack, tid) X(tw_ev_stack, user_stack) X(tw_ev_stack, kernel_stack) \
  X(tw_ev_stack, period_ns) X(tw_ev_stack, top_bytes) X(tw_ev_stack, kind) X(tw_ev_stack, _pad) \
  X(tw_ev_stack, top)

#define LAYOUT(X) \
  LAYOUT_HDR(X) LAYOUT_CONN_OPEN(X) LAYOUT_DATA(X) LAYOUT_ARRIVAL(X) LAYOUT_CONN_SHUT(X) \
  LAYOUT_CONN_CLOSE(X) LAYOUT_RETRANSMIT(X) LAYOUT_IO_ERROR(X) LAYOUT_TASK_FORK(X) \
  LAYOUT_TASK_EXEC(X) LAYOUT_TASK_ACCOUNT(X) LAYOUT_TASK_EXIT(X) \
  LAYOUT_OFF_CPU(X) LAYOUT_CALL_ERRORS(X) LAYOUT_CONN_CONNECT(X) LAYOUT_ACK(X) LAYOUT_STACK(X) LAYOUT_DATAGRAM(X) \
  LAYOUT_MAPS(X)
/* clang-format on */

struct layout_row {
  const char* type;
  const char* field;
  size_t offset;
  size_t size;
  size_t type_size;
};

#define LAYOUT_ROW(type, field)                                                      \
  {#type, #field, offsetof(struct type, field), sizeof(((struct type*)NULL)->field), \
   sizeof(struct type)},

#ifdef __cplusplus
extern "C" {
#endif
/* Both end with a row whose type is NULL. */
extern const struct layout_row layout_of_c[];
extern const struct layout_row layout_of_cxx[];
#ifdef __cplusplus
}
#endif

#endif
