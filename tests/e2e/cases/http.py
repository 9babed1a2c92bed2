"""nginx's access log against ours: the same requests, with the same status and bytes."""
import signal
import threading
import time

from harness.case import case, check, equal
from harness.loads import RawClient, load
from harness.oracles import joined, same_as_log, same_requests
from harness.servers import delay_server, nginx

COUNT_BREAKS = ("drop_request", "invent_request", "change_status", "change_response_bytes",
                "change_request_bytes", "change_route", "add_loss", "break_sum", "drop_from_log")


@case(breaks=COUNT_BREAKS)
def keep_alive(t):
    """20 connections with keep-alive: every request of the access log once, with its bytes"""
    server = nginx(t)
    with t.trace(server.pid) as trace:
        samples = load(t, server.address, "-n", 3000, "-c", 20, "--get", "/small*3", "--get",
                       "/missing", "--head", "/medium", "--get", "/empty")
        server.wait_lines(3000)
    same_as_log(trace, server, 3000)
    # joined by id: not only the same set, but each value at its own request
    for record, line in joined("by id", trace.by_id(), server.lines()):
        equal(f"bytes out of {line.id}", line.bytes_out, record["tailwhy.response.bytes"])
    equal("what the client received", sum(sample.bytes_in for sample in samples),
          trace.counts["response_bytes"])
    equal("connections opened", 20, trace.summary["connections"]["opened"])


def pipelined(t, depth):
    server = nginx(t)
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", depth * 200, "-c", 10, "--depth", depth, "--get", "/small",
             "--get", "/missing", "--head", "/medium")
        server.wait_lines(depth * 200)
    same_as_log(trace, server, depth * 200)
    deepest = max(record["tailwhy.pipeline.depth"] for record in trace.requests())
    equal("deepest pipeline", depth, deepest)


@case(breaks=("drop_request", "change_status"))
def pipelining_8(t):
    """8 requests in one segment are 8 records"""
    pipelined(t, 8)


@case()
def pipelining_16(t):
    """16 requests in one segment are 16 records"""
    pipelined(t, 16)


@case()
def pipelined_uploads(t):
    """bodies of POSTs that lie in the middle of a pipelined segment are no requests"""
    behind = delay_server(t)
    server = nginx(t, upstream=behind.address)
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 400, "-c", 4, "--depth", 4, "--post", "/proxy/early",
             "--get", "/small", "--body", 300)
        server.wait_lines(400)
    same_as_log(trace, server, 400)


@case()
def several_workers(t):
    """attached to the master, all four workers are traced"""
    server = nginx(t, workers=4)
    with t.trace(server.pid) as trace:
        for loads in range(1, 11):
            load(t, server.address, "-n", 1000, "-c", 64, "--get", "/small")
            server.wait_lines(1000 * loads)
            workers = {line.pid for line in server.lines()}
            if len(workers) > 1:
                break  # the kernel may give one of them everything
    same_as_log(trace, server, 1000 * loads)
    same_requests("served by", trace.requests(), server.lines(), ("id", "pid"))
    check(len(workers) > 1, "only one worker had work: shows nothing")


@case()
def one_worker_of_two(t):
    """attached to one worker, only its requests are counted"""
    server = nginx(t, workers=2)
    worker = server.workers()[0]
    with t.trace(worker) as trace:
        for loads in range(1, 11):
            load(t, server.address, "-n", 1000, "-c", 32, "--close", "--get", "/small")
            server.wait_lines(1000 * loads)
            lines = [line for line in server.lines() if line.pid == worker]
            if 0 < len(lines) < 1000 * loads:
                break
    check(0 < len(lines) < 1000 * loads,
          f"the traced worker had {len(lines)} of {1000 * loads}: this shows nothing")
    same_requests("the worker's", trace.requests(), lines, ("id", "pid", "status", "bytes_out"))


@case()
def in_flight_at_attach(t):
    """requests that came before the attach are counted apart, and later ones on those connections exactly"""
    behind = delay_server(t)
    server = nginx(t, upstream=behind.address)
    clients = [RawClient(t, server.address) for _ in range(10)]
    for number, client in enumerate(clients):
        client.get("/proxy/sleep/2s", f"x-request-id: before-{number}")
    with t.trace(server.pid) as trace:
        for client in clients:
            client.response()
        for number, client in enumerate(clients * 3):
            client.get("/small", f"x-request-id: after-{number}").response()
        server.wait_lines(40)
    equal("in flight at attach", 10, trace.counts["in_flight_at_attach"])
    equal("seen", 30, trace.counts["seen"])
    lines = [line for line in server.lines() if line.id.startswith("after")]
    same_requests("after the attach", trace.requests(), lines)
    equal("connections found at the attach: clients, upstreams, and nginx's own channel", 20 + 2,
          trace.summary["connections"]["existing"])


@case()
def idle_connections_at_attach(t):
    """connections that were open and idle at the attach are followed from their next request on"""
    server = nginx(t)
    clients = [RawClient(t, server.address) for _ in range(50)]
    for client in clients:
        client.get("/small").response()
    server.wait_lines(50)
    with t.trace(server.pid) as trace:
        for client in clients * 2:
            client.get("/medium").response()
        server.wait_lines(150)
    same_requests("nginx", trace.requests(), server.lines()[50:])
    equal("connections found at the attach, with both ends of nginx's own channel", 50 + 2,
          trace.summary["connections"]["existing"])
    equal("in flight at attach", 0, trace.counts["in_flight_at_attach"])


@case()
def proxied(t):
    """a proxy has two sides: served by its log, asked by its upstream's"""
    behind = delay_server(t)
    server = nginx(t, upstream=behind.address)
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 600, "-c", 8, "--get", "/proxy/early", "--get",
             "/proxy/chunked/3x50", "--get", "/proxy/no-step", "--get", "/small")
        server.wait_lines(600)
    same_as_log(trace, server, 600)
    equal("client errors", 150, trace.counts["client_errors"])
    equal("asked upstream", 450, trace.client_counts["matched"])
    same_requests("upstream", trace.requests("client"),
                  behind.lines(), ("method", "status", "bytes_out", "bytes_in", "id"))


@case()
def no_body(t):
    """HEAD, 304, 204 and 404 on one connection: each ends where the RFC says"""
    server = nginx(t, server="location /nothing { return 204; }")
    client = RawClient(t, server.address)
    with t.trace(server.pid) as trace:
        for _ in range(5):
            client.get("/large", method="HEAD").read_until(b"\r\n\r\n")
            tag = client.get("/small").response()[0].split(b"ETag: ")[1].split(b"\r\n")[0]
            client.get("/small", f"If-None-Match: {tag.decode()}").read_until(b"\r\n\r\n")
            client.get("/nothing").read_until(b"\r\n\r\n")
            client.get("/missing").response()
            client.get("/small", method="OPTIONS").response()
        server.wait_lines(30)
    same_as_log(trace, server, 30)
    equal("client errors", 10, trace.counts["client_errors"])
    equal("server errors", 0, trace.counts["server_errors"])


@case()
def http_1_0(t):
    """HTTP/1.0, with and without keep-alive"""
    server = nginx(t)
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 100, "-c", 5, "--http10", "--get", "/small")
        client = RawClient(t, server.address)
        for _ in range(10):
            client.get("/medium", "Connection: keep-alive", version="1.0").response()
        server.wait_lines(110)
    same_as_log(trace, server, 110)
    equal("versions", {"1.0"}, {record["network.protocol.version"] for record in trace.requests()})


@case()
def garbage(t):
    """what is no HTTP is answered with 400 and counted, and does not disturb other connections"""
    server = nginx(t, http="lingering_close off;")
    with t.trace(server.pid) as trace:
        for text in ("rubbish\r\n\r\n", "GET\r\n\r\n", "\x00\x01\x02\x03\r\n", "GET /small HTTP/9.9\r\n\r\n",
                     "GET /small HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"):
            client = RawClient(t, server.address)
            client.get("/small").response()
            client.send(text).read_all()
            RawClient(t, server.address).send(text).read_all()
        server.wait_lines(15)
    lines = server.lines()
    equal("lines in the access log", 15, len(lines))
    equal("requests matched", 15, trace.counts["matched"])
    same_requests("good ones", [r for r in trace.requests() if r.get("http.response.status_code") == 200],
                  [line for line in lines if line.status == 200])
    equal("bytes of all answers", sum(line.bytes_out for line in lines),
          trace.counts["response_bytes"])


@case()
def split_requests(t):
    """a request that comes byte by byte, and heads of 20 kB"""
    server = nginx(t, http="large_client_header_buffers 8 64k;")
    client = RawClient(t, server.address)
    client.socket.setsockopt(6, 1, 1)  # TCP_NODELAY
    with t.trace(server.pid) as trace:
        for byte in b"GET /small HTTP/1.1\r\nHost: test\r\n\r\n":
            client.send(bytes([byte]))
        client.response()
        for _ in range(20):
            client.get("/medium", "Cookie: " + "c" * 20_000).response()
            client.get("/small").response()
        server.wait_lines(41)
    same_as_log(trace, server, 41)


@case()
def client_abort(t):
    """clients that go away in the middle of a download, and before any answer"""
    behind = delay_server(t)
    server = nginx(t, upstream=behind.address)
    with t.trace(server.pid) as trace:
        for number in range(5):
            client = RawClient(t, server.address)
            client.get("/huge", f"x-request-id: middle-{number}").read_size(100_000)
            client.close()
            client = RawClient(t, server.address)
            client.get("/proxy/sleep/500ms", f"x-request-id: before-{number}")
            client.close()
            RawClient(t, server.address).get("/small", f"x-request-id: whole-{number}").response()
        server.wait_lines(15)
    lines = server.lines()
    equal("lines in the access log", 15, len(lines))
    equal("requests seen", 15, trace.counts["seen"])
    by_id = trace.by_id()
    for record, line in joined("by id", by_id, lines):
        if line.id.startswith("whole"):
            check("error.type" not in record, f"{line.id} is an error: {record}")
        else:
            check(record.get("error.type") in ("client_abort", "connection_reset"),
                  f"{line.id}: error.type is {record.get('error.type')}")
        if line.id.startswith("before"):  # nginx: 499, no byte sent
            equal(f"outcome of {line.id}", "unmatched", record["tailwhy.outcome"])
        else:
            equal(f"bytes of {line.id}", line.bytes_out, record["tailwhy.response.bytes"])
    equal("failed", 10, trace.counts["failed"])
    equal("unmatched", 5, trace.counts["unmatched"])


@case()
def no_answer(t):
    """a server that closes or resets instead of answering: unmatched, with the reason"""
    server = delay_server(t)
    with t.trace(server.pid) as trace:
        for path in ("/drop", "/reset", "/size/5"):
            load(t, server.address, "-n", 10, "-c", 2, "--get", path, check_status=False)
    counts = trace.counts
    equal("seen, matched, unmatched", (30, 10, 20),
          (counts["seen"], counts["matched"], counts["unmatched"]))
    errors = [r.get("error.type") for r in trace.requests(outcome="unmatched")]
    equal("errors", {"no_response": 10, "connection_reset": 10},
          {kind: errors.count(kind) for kind in sorted(set(errors), reverse=True)})
    equal("resets sent", 10, trace.summary["connections"]["reset_by_target"])


@case()
def clean_closes(t):
    """idle keep-alive connections that close, on either side, are no errors"""
    server = nginx(t, http="keepalive_timeout 1s;")
    with t.trace(server.pid) as trace:
        clients = [RawClient(t, server.address) for _ in range(20)]
        for client in clients:
            client.get("/small").response()
        for client in clients[:10]:
            client.close()
        for client in clients[10:]:
            equal("bytes after the close", b"", client.read_all())
        time.sleep(0.3)  # a FIN may be acknowledged late, and only then is the socket closed
        server.wait_lines(20)
    same_as_log(trace, server, 20)
    equal("failed", 0, trace.counts["failed"])
    equal("opened, closed", (20, 20), (trace.summary["connections"]["opened"],
                                       trace.summary["connections"]["closed"]))


@case()
def nginx_reloads(t):
    """`nginx -s reload` under load: old and new workers are counted together"""
    server = nginx(t, workers=2)
    with t.trace(server.pid) as trace:
        clients = threading.Thread(target=lambda: load(
            t, server.address, "-n", 3000, "-c", 8, "--rate", 1500, "--close", "--get", "/small"))
        clients.start()
        for _ in range(2):
            threading.Event().wait(0.6)
            server.process.signal(signal.SIGHUP)
        clients.join()
        server.wait_lines(3000)
    same_as_log(trace, server, 3000)
    check(len({line.pid for line in server.lines()}) > 2, "no new worker served: shows nothing")
