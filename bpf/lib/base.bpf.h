/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What every BPF file starts with: kernel types, libbpf's helpers, the shared ABI, the settings. */
#ifndef TAILWHY_BPF_BASE_H
#define TAILWHY_BPF_BASE_H

#include "vmlinux.h"
#include "missing.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "tailwhy/abi/config.h"
#include "tailwhy/abi/counters.h"
#include "tailwhy/abi/events.h"

/* Frozen at load; defined in event.bpf.c. */
extern const volatile struct tw_config cfg;

#endif
