"""uwsgi by uWSGI's own log: method, path and status of each request."""
import http.client
import re
import struct
import time
from collections import Counter

from harness.case import between, case, check, equal
from harness.context import free_port, wait_until
from harness.loads import RawClient
from harness.secrets import check_no_canary, recorded
from harness.servers import LOOPBACK, Server, nginx

CANARY = "s3cr3t-canary-1f7c"
PATHS = ("/orders/42?key=1", "/cart", "/missing", "/broken", "/moved", "/big")


class Uwsgi(Server):
    def logged(self, count):
        """How often each method, route and status was asked for and answered, of so many requests."""
        file = self.t.folder / "uwsgi-requests.log"
        lines = wait_until(f"uWSGI logs {count} requests",
                           lambda: (found := file.read_text().splitlines()) and len(found) >= count and found)
        found = (line.split() for line in lines)
        return Counter((method, re.sub(r"/\d+", "/{id}", uri.split("?")[0]), int(status))
                       for method, uri, status in found)


def uwsgi(t, address=None):
    address = address or f"{LOOPBACK}:{free_port()}"
    command = [t.tool("uwsgi-core"), "--plugin", "python3,logfile", "--die-on-term", "--socket", address.removeprefix("unix:"),
               "--wsgi-file", t.asset("uwsgi_app.py"), "--need-app", "--req-logger",
               f"file:{t.folder}/uwsgi-requests.log", "--log-format", "%(method) %(uri) %(status)",
               "--listen", "100"]
    return Uwsgi(t, t.start(command, "uwsgi"), address)


def front(t, server):
    return nginx(t, server=f"""location / {{ uwsgi_pass {server.address}; uwsgi_param QUERY_STRING $query_string;
        uwsgi_param REQUEST_METHOD $request_method; uwsgi_param CONTENT_LENGTH $content_length;
        uwsgi_param REQUEST_URI $request_uri; uwsgi_param PATH_INFO $document_uri; }}""")


def ask(uri, body=b"", method="POST", length=None, **more):
    variables = {"REQUEST_METHOD": method, "REQUEST_URI": uri, "PATH_INFO": uri.partition("?")[0],
                 "QUERY_STRING": uri.partition("?")[2], "CONTENT_LENGTH": str(length or len(body)),
                 "SERVER_NAME": "test", "SERVER_PORT": "80", **more}
    packed = b"".join(struct.pack("<H", len(text)) + text.encode() for pair in variables.items() for text in pair)
    return struct.pack("<BHB", 0, len(packed), 0) + packed + body


def named(trace, role="server"):
    return Counter((r.get("http.request.method"), r.get("http.route"), r.get("http.response.status_code"))
                   for r in trace.requests(role, None) if r["network.protocol.name"] == "uwsgi")


def check_all_seen(trace, count):
    equal("seen and matched", (count, count), (trace.counts["seen"], trace.counts["matched"]))
    equal("bytes not parsed", 0, trace.summary["bytes_not_parsed"])
    equal("answers that nobody asked for", 0, trace.summary["unknown_details"]["unsolicited"])
    check(not [r for r in trace.requests() if "incomplete" in r], "some are incomplete")


@case(breaks=("drop_request", "invent_request", "add_loss"))
def counts(t):
    """behind nginx: each method, route and status as often as uWSGI logs it, from both ends"""
    server = uwsgi(t)
    proxy = front(t, server)
    client = http.client.HTTPConnection(proxy.address, timeout=20)
    with t.trace([server.pid, proxy.workers()[0]]) as trace:
        for _ in range(15):
            for path in PATHS:
                client.request("GET", path)
                client.getresponse().read()
            client.request("POST", "/orders/7", b"b" * 20_000)
            client.getresponse().read()
        logged = server.logged(105)
    equal("method, route and status", logged, named(trace))
    equal("as their client", logged, named(trace, "client"))
    check_all_seen(trace, 210)
    errors = Counter(r["error.type"] for r in trace.requests(outcome=None) if "error.type" in r)
    equal("errors of uWSGI, and of nginx that hands them on", {"503": 30}, dict(errors))
    sizes = {r["tailwhy.response.bytes"] for r in trace.requests() if r.get("http.route") == "/big"
             and r["network.protocol.name"] == "uwsgi"}
    check(min(sizes) > 300_000, f"bytes of /big: {sizes}")


@case()
def held_up(t):
    """an application that sleeps for 120 ms, over a Unix socket: those requests take as long, the others do not"""
    server = uwsgi(t, f"unix:{t.folder}/uwsgi.sock")
    with t.trace(server.pid) as trace:
        for path in ("/slow", "/cart") * 5:
            begin = time.monotonic()
            text = RawClient(t, server.address).send(ask(path)).read_all()
            took = (time.monotonic() - begin) * 1e3
            check(text.endswith(b"0 bytes\n"), f"the server says {text}")
            t.notes.append(f"{path} {took:.0f} ms")
    for r in trace.requests():
        if r["http.route"] == "/slow":
            between("service in ms", 119, r["service_ns"] / 1e6, 160)
        else:
            check(r["duration_ns"] < 50e6, f"{r['http.route']} took {r['duration_ns'] / 1e6} ms")
    check_all_seen(trace, 10)


@case(breaks=("drop_request",))
def abandoned(t):
    """a client that leaves in the middle of its request"""
    server = uwsgi(t)
    with t.trace(server.pid) as trace:
        RawClient(t, server.address).send(ask("/cart")).read_all()
        client = RawClient(t, server.address)
        client.send(ask("/cart")[:60])
        time.sleep(0.05)
        client.close()
        time.sleep(0.2)
    equal("how they ended", {None: 1, "client_abort": 1},
          dict(Counter(r.get("error.type") for r in trace.requests(outcome=None))))


@case()
def attach_in_mid_request(t):
    """attached in the middle of a request: nothing is taken for it, and the next ones have their names"""
    server = uwsgi(t)
    client = RawClient(t, server.address)
    request = ask("/cart", b"b" * 300)
    client.send(request[:100])
    time.sleep(0.1)
    with t.trace(server.pid) as trace:
        client.send(request[100:]).read_all()
        for _ in range(10):
            RawClient(t, server.address).send(ask("/orders/1")).read_all()
    found = named(trace)
    equal("requests", {("POST", "/orders/{id}", 200): 10}, dict(found))


@case()
def secrets(t):
    """queries, cookies, bodies and headers are in no output and no recording"""
    server = uwsgi(t)
    with recorded(t, server.pid) as trace:
        for path in (f"/cart?key={CANARY}", f"/a;p={CANARY}/b", "/big"):
            RawClient(t, server.address).send(ask(path, CANARY.encode() * 50, HTTP_COOKIE=CANARY * 20,
                                                  HTTP_AUTHORIZATION=CANARY)).read_all()
    equal("routes", {"/cart", "/a/b", "/big"}, {r["http.route"] for r in trace.requests()})
    check_no_canary(t, trace, CANARY, "/a/b")
