/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* From a descriptor of a thread to the file or socket behind it. */
#ifndef TAILWHY_BPF_FD_H
#define TAILWHY_BPF_FD_H

#include "lib/base.bpf.h"

/* NULL: not open. */
static __always_inline struct file *tw_file_of_fd(struct task_struct *task, __u32 fd)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(fdt, fd);
	struct file *file;

	if (fd >= BPF_CORE_READ(fdt, max_fds))
		return NULL;
	if (bpf_probe_read_kernel(&file, sizeof(file), files + fd))
		return NULL;
	return file;
}

/* The address of the struct sock; 0: not a socket, or not open. */
static __always_inline __u64 tw_sk_of_fd(struct task_struct *task, __u32 fd)
{
	struct file *file = tw_file_of_fd(task, fd);
	struct socket *sock;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	sock = BPF_CORE_READ(file, private_data);
	return (__u64)BPF_CORE_READ(sock, sk);
}

#endif
