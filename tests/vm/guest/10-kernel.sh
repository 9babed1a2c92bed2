# What tailwhy needs from any kernel before a program is loaded.
. /tests/lib.sh

check "kernel BTF is readable" test -s /sys/kernel/btf/vmlinux
check "tracefs has raw_syscalls" test -d /sys/kernel/tracing/events/raw_syscalls/sys_exit
check "cgroup2 is mounted" test -f /sys/fs/cgroup/cgroup.controllers
check "loopback answers over IPv4" ping -c 1 -W 2 127.0.0.1
check "loopback answers over IPv6" ping -6 -c 1 -W 2 ::1
equal "both CPUs are online" 2 "$(nproc)"
