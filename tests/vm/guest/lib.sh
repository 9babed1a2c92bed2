# What the guest's scripts report with. Sourced; one line a check goes to stdout, which is the result line of the
# host's runner; stderr is the console. Every script must report something, or the runner calls it failed.

ok() { echo "ok $*"; }
fail() { echo "FAIL $*"; }
skip() { echo "skip $*"; }
# A fact worth printing that is neither right nor wrong.
note() { echo "note $*"; }

# check NAME COMMAND...: ok if the command succeeds.
check() {
	check_name=$1
	shift
	if "$@" >&2; then ok "$check_name"; else fail "$check_name (status $?: $*)"; fi
}

# equal NAME WANT GOT
equal() {
	if [ "$2" = "$3" ]; then ok "$1 ($3)"; else fail "$1: want '$2', got '$3'"; fi
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
	wait_left=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		wait_left=$((wait_left - 1))
		[ $wait_left -gt 0 ] || return 1
		usleep 100000
	done
}
