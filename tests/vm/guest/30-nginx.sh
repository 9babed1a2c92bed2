# The server and the load that the other scripts measure, by themselves: no request is lost or made up in the guest.
. /tests/lib.sh
. /tests/nginx.lib.sh

nginx_start
load "keep-alive" 200 -k -c 4 http://127.0.0.1:8080/small
load "a connection per request" 100 -c 4 http://127.0.0.1:8080/small
load "sendfile of 200 kB" 20 -k -c 2 http://127.0.0.1:8080/large
load "IPv6" 50 -k -c 2 "http://[::1]:8080/small"
nginx_stop
