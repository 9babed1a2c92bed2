# Which hooks load, attach and fire here, against what hooks.bpf.c says of the kernel series.
. /tests/lib.sh

release=$(uname -r)
series=$(echo "$release" | cut -d. -f1-2)
hooks /tests/hooks.bpf.o "$series" || fail "hooks ended with status $?"
