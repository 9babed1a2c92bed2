"""FastCGI by php-fpm's own counts: the connections of its status page and the lines of its access log."""
import http.client
import re
import time
from collections import Counter

from harness.case import between, case, check, equal
from harness.fastcgi import BEGIN, STDIN, FastCgi, ask, php_fpm, record
from harness.secrets import check_no_canary, recorded
from harness.servers import nginx

CANARY = "s3cr3t-canary-8b4d"
PASS = """location / {{ fastcgi_pass {backend}; {keep}
  fastcgi_param SCRIPT_FILENAME {folder}/php/index.php; fastcgi_param SCRIPT_NAME /index.php;
  fastcgi_param REQUEST_METHOD $request_method; fastcgi_param REQUEST_URI $request_uri;
  fastcgi_param QUERY_STRING $query_string; fastcgi_param CONTENT_LENGTH $content_length; }}"""
PATHS = ("/orders/42?key=1", "/cart", "/missing", "/broken", "/moved", "/big", "/thrown")


def front(t, server, keep=False):
    """nginx before it; with `keep` on connections that stay open."""
    http_block = f"upstream php {{ server {server.address}; keepalive 4; }}" if keep else ""
    where = "php" if keep else server.address
    return nginx(t, http=http_block, server=PASS.format(backend=where, folder=t.folder,
                                                        keep="fastcgi_keep_conn on;" if keep else ""))


def named(trace, role="server"):
    return Counter((r.get("http.request.method"), r.get("http.route"), r.get("http.response.status_code"))
                   for r in trace.requests(role, None) if r["network.protocol.name"] == "fastcgi")


def routes(logged):
    return Counter({(method, re.sub(r"/\d+", "/{id}", path), status): count
                    for (method, path, status), count in logged.items()})


def check_all_seen(trace, count, after=0):
    """`after`: what php reads only once it has ended the connection, an empty record of each request."""
    equal("protocols", {"fastcgi"}, {r["network.protocol.name"] for r in trace.requests()} - {"http"})
    equal("seen and matched", (count, count), (trace.counts["seen"], trace.counts["matched"]))
    check(trace.summary["bytes_not_parsed"] in range(0, after + 1, 8),
          f"bytes not parsed: {trace.summary['bytes_not_parsed']}")
    equal("answers that nobody asked for", 0, trace.summary["unknown_details"]["unsolicited"])
    check(not [r for r in trace.requests() if "incomplete" in r], "some are incomplete")


def accepted(t, server):
    """Of the status page, without the connection that asks for it."""
    client = FastCgi(t, server.address)
    text = client.send(ask(t, "/fpm-status", script="/fpm-status", SCRIPT_FILENAME="/fpm-status", keep=0)).answer().decode()
    client.close()
    return int(re.search(r"accepted conn:\s+(\d+)", text)[1]) - 1


@case(breaks=("drop_request", "invent_request", "add_loss"))
def counts(t):
    """behind nginx: each method, route and status as often as php-fpm logs it, and as it has connections"""
    server = php_fpm(t)
    proxy = front(t, server)
    before = accepted(t, server)
    client = http.client.HTTPConnection(proxy.address, timeout=20)
    with t.trace(server.workers()) as trace:
        for _ in range(15):
            for path in PATHS:
                client.request("GET", path)
                client.getresponse().read()
            client.request("POST", "/orders/7", b"b" * 100)
            client.getresponse().read()
        logged = server.logged(121)
    equal("method, route and status", routes(logged) - Counter({("GET", "/fpm-status", 200): 1}), named(trace))
    equal("connections", 120, accepted(t, server) - before - 1)
    check_all_seen(trace, 120, after=120 * 8)
    equal("errors", (30, 15), (trace.counts["server_errors"], trace.counts["client_errors"]))
    equal("their types", {"503": 15, "500": 15}, dict(Counter(r["error.type"] for r in trace.requests()
                                                              if "error.type" in r)))


@case()
def connections_that_stay_open(t):
    """keep_conn, and what nginx as its client sees: the same requests from both ends"""
    server = php_fpm(t)
    proxy = front(t, server, keep=True)
    client = http.client.HTTPConnection(proxy.address, timeout=20)
    with t.trace([*server.workers(), proxy.workers()[0]]) as trace:
        for _ in range(20):
            for path in set(PATHS) - {"/big"}:  # of which nginx reads many records by one call
                client.request("GET", path)
                client.getresponse().read()
        logged = server.logged(120)
    equal("method, route and status", routes(logged), named(trace))
    equal("as their client", routes(logged), named(trace, "client"))
    check_all_seen(trace, 240)
    equal("connections", 1, len({r["tailwhy.connection.id"] for r in trace.requests("client")}))


@case()
def bodies(t):
    """bodies of many records, and over a Unix socket: sizes as they were sent"""
    server = php_fpm(t, address=f"unix:{t.folder}/fpm.sock")
    sizes = (0, 1, 8_000, 30_001, 500_000)
    sent, got = [], []
    with t.trace(server.workers()) as trace:
        client = FastCgi(t, server.address)
        for size in sizes:
            request = ask(t, "/upload", b"b" * size, "POST")
            sent.append(len(request) - len(record(STDIN, 1)))  # which php does not wait for
            got.append(client.send(request).answer())
        client.close()
        server.logged(len(sizes))
    check(all(text.endswith(f"{size} bytes\n".encode()) for text, size in zip(got, sizes)), f"answers: {got}")
    equal("bytes of the requests", sent, [r["tailwhy.request.bytes"] for r in trace.requests()])
    check_all_seen(trace, len(sizes))


@case()
def held_up(t):
    """a script that sleeps for 120 ms: those requests take as long, the others do not"""
    server = php_fpm(t)
    client = FastCgi(t, server.address)
    with t.trace(server.workers()) as trace:
        for _ in range(5):
            begin = time.monotonic()
            client.send(ask(t, "/slow")).answer()
            took = (time.monotonic() - begin) * 1e3
            client.send(ask(t, "/cart")).answer()
    for r in trace.requests():
        if r["http.route"] == "/slow":
            between("service in ms", 119, r["service_ns"] / 1e6, took + 40)
        else:
            check(r["duration_ns"] < 50e6, f"{r['http.route']} took {r['duration_ns'] / 1e6} ms")
    check_all_seen(trace, 10)


@case(breaks=("drop_request",))
def abandoned(t):
    """a client that leaves before its answer, and a server that ends before it"""
    server = php_fpm(t, workers=2)
    first, second = server.workers()
    with t.trace([first, second]) as trace:
        client = FastCgi(t, server.address)
        client.send(ask(t, "/cart")).answer()
        client.send(record(BEGIN, 1, b"\0\1\1\0\0\0\0\0"))
        time.sleep(0.05)
        client.close()
        time.sleep(0.2)
    words = Counter(r.get("error.type") for r in trace.requests(outcome=None))
    equal("how they ended", {None: 1, "client_abort": 1}, dict(words))


@case()
def attach_in_mid_connection(t):
    """attached between requests and within one: each request after that, by its name"""
    server = php_fpm(t, workers=3)
    idle, busy, cut = (FastCgi(t, server.address) for _ in range(3))
    for client in (idle, busy, cut):
        client.send(ask(t, "/cart")).answer()
    half = ask(t, "/cart", b"x" * 300, "POST")
    cut.send(half[:200])
    busy.send(ask(t, "/slow"))
    time.sleep(0.02)
    with t.trace(server.workers()) as trace:
        cut.send(half[200:]).answer()
        busy.answer()
        for _ in range(10):
            for client in (idle, busy, cut):
                client.send(ask(t, "/orders/1")).answer()
    found = named(trace)
    equal("requests", 30, found.pop(("GET", "/orders/{id}", 200)))
    check(set(found) <= {("POST", "/cart", 200)}, f"what nobody asked for: {found}")
    equal("unmatched", 0, trace.counts["unmatched"])


@case()
def secrets(t):
    """queries, cookies, bodies, headers and what is logged are in no output and no recording"""
    server = php_fpm(t)
    with recorded(t, server.workers()) as trace:
        client = FastCgi(t, server.address)
        for path in (f"/cart?key={CANARY}", f"/a;p={CANARY}/b", "/thrown", "/log"):
            client.send(ask(t, path, CANARY.encode() * 100, "POST", HTTP_COOKIE=CANARY * 20,
                            HTTP_AUTHORIZATION=CANARY, DOCUMENT_ROOT=f"/{CANARY}")).answer()
    equal("routes", {"/cart", "/a/b", "/thrown", "/log"}, {r["http.route"] for r in trace.requests()})
    check_no_canary(t, trace, CANARY, "/a/b")
