# tailwhy itself: every hook and variant loads and attaches, nginx is counted exactly, and the
# variants in use are those that this kernel calls for, and those that are forced on it.
. /tests/lib.sh
. /tests/nginx.lib.sh

if ! command -v tailwhy >/dev/null; then
	skip "tailwhy: no binary was put in (run --bin, or set TAILWHY)"
	exit 0
fi

# A number of the summary's object "requests".
count_of() { sed -n '/^  "requests": {/,/^  }/s/^ *"'"$1"'": \([0-9]*\).*/\1/p' /out/summary.json | head -n 1; }
lost() { sed -n '/^  "loss": {/,/^  }/s/^ *"'"$1"'": \([0-9]*\).*/\1/p' /out/summary.json; }
# What a hook would give is named if the hook is missing.
complete() { grep -q '"missing":\[' /out/log.jsonl && ! grep -q '"missing":\[[^]]*'"$1" /out/log.jsonl; }
uses() { grep -q '"hooks":\[[^]]*"'"$1"'"' /out/log.jsonl; }

# traced NAME HOOK OPTIONS...: the loads below under tailwhy with these options, and HOOK in use.
traced() {
	traced_name=$1
	traced_hook=$2
	shift 2
	rm -f /tmp/ready /out/summary.json /out/log.jsonl
	mkfifo /tmp/ready
	tailwhy --profile -d 60s -p "$(cat /tmp/nginx/pid)" --format json -o /out/summary.json \
		--log /out/log.jsonl --ready-fd 9 "$@" 9>/tmp/ready &
	tailwhy_pid=$!
	# The pipe ends without a line when it fails.
	if ! read -r _ </tmp/ready; then
		wait $tailwhy_pid
		fail "$traced_name: attaches (status $?)"
		return
	fi
	load "$traced_name, keep-alive" 200 -k -c 4 http://127.0.0.1:8080/small
	load "$traced_name, a connection per request" 50 -c 4 http://127.0.0.1:8080/small
	load "$traced_name, sendfile of 200 kB" 20 -k -c 2 http://127.0.0.1:8080/large
	load "$traced_name, IPv6" 30 -k -c 2 "http://[::1]:8080/small"
	sleep 1
	kill -INT $tailwhy_pid
	wait $tailwhy_pid
	equal "$traced_name: ends with status" 0 $?
	equal "$traced_name: requests seen" 300 "$(count_of seen)"
	equal "$traced_name: requests matched" 300 "$(count_of matched)"
	equal "$traced_name: requests in flight" 0 "$(count_of in_flight)"
	equal "$traced_name: server errors" 0 "$(count_of server_errors)"
	equal "$traced_name: ring full" 0 "$(lost ring_full)"
	equal "$traced_name: lost" 0 "$(sed -n 's/^  "lost": \([0-9]*\).*/\1/p' /out/summary.json)"
	check "$traced_name: uses $traced_hook" uses "$traced_hook"
}

doctor() {
	tailwhy doctor --json >/out/doctor.json
	equal "doctor: status" 0 $?
	for hook in process mark threads conn_state sock_io data_ready retransmit reset sched sys_exit find; do
		check "doctor: $hook can be had" sh -c \
			"grep -A4 '\"check\": \"$hook\"' /out/doctor.json | grep -q '\"verdict\": \"\\(ok\\|degraded\\)\"'"
	done
	# fexit is to be had on every kernel tested here, so no variant may be refused.
	check "doctor: every variant works" sh -c "! grep '\"found\"' /out/doctor.json | grep -q 'refused'"
}

case $(uname -r) in
6.1.*) io=inet_send_fx ready=data_ready_fe ;;
*) io=sock_send_tp ready=data_ready_tp ;;
esac

doctor
nginx_start
traced "own choice" $io
check "own choice: uses $ready" uses $ready
check "own choice: uses switch_tp" uses switch_tp
check "own choice: uses waking_tp" uses waking_tp
check "own choice: uses sys_exit_tp" uses sys_exit_tp
check "own choice: nothing of sched is missing" complete "run queues"
traced "fexit forced" inet_send_fx --disable-feature sock_length_tp,data_ready_tp
traced "system calls forced" sys_io_tp --disable-feature sock_length_tp,data_ready_tp,fexit
check "system calls forced: uses tcp_probe_tp" uses tcp_probe_tp
nginx_stop
