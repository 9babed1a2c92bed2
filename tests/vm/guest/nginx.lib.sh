# A server under a small load, for the scripts that need one. Sourced after lib.sh.
# The access log is the oracle: it says how many requests there were, whoever else counts them.

nginx_start() {
	mkdir -p /srv /tmp/nginx
	head -c 600 /dev/zero | tr '\0' x >/srv/small
	head -c 200000 /dev/zero | tr '\0' y >/srv/large
	check "nginx takes its configuration" nginx -q -t -c /tests/nginx.conf
	nginx -c /tests/nginx.conf
	check "nginx listens" wait_for 10 wget -q -O /dev/null http://127.0.0.1:8080/small
	wait_for 5 test -s /out/access.log # or its line lands in the first load's log
}

# The process that serves: the one child of the master.
nginx_worker() { pgrep -P "$(cat /tmp/nginx/pid)"; }

nginx_stop() {
	nginx -c /tests/nginx.conf -s quit
	check "nginx ends" wait_for 10 test ! -e /tmp/nginx/pid
}

# load NAME EXPECTED AB-ARGUMENTS...: all is answered, and the access log has these requests and no others.
load() {
	load_name=$1
	load_count=$2
	shift 2
	: >/out/access.log
	ab -q -n "$load_count" "$@" >/tmp/ab.txt 2>&1 || cat /tmp/ab.txt >&2
	equal "$load_name: requests completed" "$load_count" "$(sed -n 's/^Complete requests: *//p' /tmp/ab.txt)"
	equal "$load_name: requests failed" 0 "$(sed -n 's/^Failed requests: *//p' /tmp/ab.txt)"
	# nginx writes the line after the response: the last one may still be on its way.
	wait_for 5 sh -c "[ \$(wc -l </out/access.log) -ge $load_count ]"
	equal "$load_name: lines in the access log" "$load_count" "$(wc -l </out/access.log)"
}
