/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Kernel #defines and enum values that BTF does not carry, or that a hand-cut header need not. */
#ifndef TAILWHY_VMLINUX_MISSING_H
#define TAILWHY_VMLINUX_MISSING_H

#define AF_UNIX  1
#define AF_INET  2
#define AF_INET6 10

#define SOCK_STREAM 1
#define SOCK_DGRAM  2
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17

/* include/net/tcp_states.h */
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT	2
#define TCP_SYN_RECV	3
#define TCP_FIN_WAIT1	4
#define TCP_FIN_WAIT2	5
#define TCP_TIME_WAIT	6
#define TCP_CLOSE	7
#define TCP_CLOSE_WAIT	8
#define TCP_LAST_ACK	9
#define TCP_LISTEN	10
#define TCP_CLOSING	11

/* include/linux/tcp.h: enum tcp_chrono */
#define TCP_CHRONO_RWND_LIMITED 2

/* include/net/sock.h */
#define RCV_SHUTDOWN  1
#define SEND_SHUTDOWN 2

/* include/linux/net.h: bit of socket.flags */
#define SOCK_NOSPACE 2

/* include/linux/socket.h */
#define MSG_OOB	     0x1
#define MSG_PEEK     0x2
#define MSG_TRUNC    0x20
#define MSG_ERRQUEUE 0x2000

/* include/uapi/linux/stat.h */
#define S_IFMT	 00170000
#define S_IFSOCK 0140000
#define S_IFREG	 0100000
#define S_IFBLK	 0060000
#define S_IFIFO	 0010000

/* include/uapi/linux/magic.h */
#define ANON_INODE_FS_MAGIC 0x09041934

/* include/linux/sched.h */
#define TASK_RUNNING   0
#define TASK_STOPPED_BITS 0x000c /* __TASK_STOPPED | __TASK_TRACED */
#define PF_IO_WORKER   0x00000010
#define PF_KTHREAD     0x00200000
#define PF_USER_WORKER 0x00004000

/* arch/x86/include/asm/thread_info.h */
#define TS_COMPAT 0x0002

/* errno */
#define EINTR	     4
#define EFAULT	     14
#define EEXIST	     17
#define EAGAIN	     11
#define EPIPE	     32
#define ENOSYS	     38
#define EINPROGRESS  115
#define ENOENT	     2
#define ECONNRESET   104
#define ETIMEDOUT    110
#define ECONNREFUSED 111
#define MAX_ERRNO    4095

/* arch/x86/entry/syscalls/syscall_64.tbl */
#define NR_read	     0
#define NR_write     1
#define NR_pread64   17
#define NR_pwrite64  18
#define NR_readv     19
#define NR_writev    20
#define NR_sendfile  40
#define NR_connect   42
#define NR_sendto    44
#define NR_recvfrom  45
#define NR_sendmsg   46
#define NR_recvmsg   47
#define NR_accept    43
#define NR_exit	     60
#define NR_semop     65
#define NR_msgsnd    69
#define NR_futex     202
#define NR_semtimedop 220
#define NR_tgkill    234
#define NR_mq_timedsend 242
#define NR_epoll_wait 232
#define NR_epoll_pwait 281
#define NR_splice    275
#define NR_tee	     276
#define NR_vmsplice  278
#define NR_accept4   288
#define NR_preadv    295
#define NR_pwritev   296
#define NR_recvmmsg  299
#define NR_sendmmsg  307
#define NR_preadv2   327
#define NR_pwritev2  328
#define NR_io_uring_enter 426
#define NR_epoll_pwait2 441
#define NR_futex_wake 454
#define NR_futex_requeue 456

/* include/uapi/linux/futex.h */
#define FUTEX_WAKE	     1
#define FUTEX_REQUEUE	     3
#define FUTEX_CMP_REQUEUE    4
#define FUTEX_WAKE_OP	     5
#define FUTEX_UNLOCK_PI	     7
#define FUTEX_WAKE_BITSET    10
#define FUTEX_CMP_REQUEUE_PI 12
#define FUTEX_CMD_MASK	     127 /* without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME */

#endif
