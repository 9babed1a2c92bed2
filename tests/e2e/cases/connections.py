"""Many, short, old and odd connections: identity is the socket, whatever happens to its number."""
import os
import signal
import socket
import threading
import time

from harness.case import case, check, equal
from harness.context import free_port
from harness.loads import RawClient, load, same_connections
from harness.oracles import joined, same_requests
from harness.process import children_of
from harness.servers import delay_server, nginx, python_server

JOINED = ("id", "method", "path", "status", "bytes_out", "bytes_in")


@case()
def thousand(t):
    """1,000 connections at once with keep-alive"""
    server = nginx(t, workers=2)
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 10_000, "-c", 1000, "--get", "/small")
        server.wait_lines(10_000)
    same_requests("nginx", trace.requests(), server.lines(), JOINED)
    equal("connections opened", 1000, trace.summary["connections"]["opened"])
    equal("connections of the records", 1000,
          len({record["tailwhy.connection.id"] for record in trace.requests()}))


@case(breaks=("drop_request",))
def one_per_request(t):
    """a new connection for each of 3,000 requests, closed by the server"""
    server = nginx(t)
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 3000, "-c", 16, "--close", "--get", "/small")
        server.wait_lines(3000)
    same_requests("nginx", trace.requests(), server.lines(), JOINED)
    connections = trace.summary["connections"]
    equal("opened", 3000, connections["opened"])
    equal("closed", 3000, connections["closed"])
    equal("number of each request on its connection", {1},
          {record["tailwhy.request.number"] for record in trace.requests()})


@case()
def fd_reuse(t):
    """connections of three requests that close after random times: numbers are reused, records are not mixed up"""
    server = delay_server(t)
    with t.trace(server.pid) as trace:
        samples = load(t, server.address, "-n", 3000, "-c", 48, "--per-connection", 3, "--hold", 15,
                       "--get", "/size/100", "--get", "/size/5000", "--get", "/status/404",
                       "--get", "/sleep/1ms/size/7")
    same_requests("the server", trace.requests(), server.lines(),
                  ("id", "method", "status", "bytes_out", "bytes_in"))
    same_connections(trace.requests(), samples)
    opened = trace.summary["connections"]["opened"]
    check(1000 <= opened == len({sample.connection for sample in samples}), f"opened: {opened}")
    for record, sample in joined("by id", trace.by_id(), samples):
        check(sample.begin <= record["arrived_ns"] if "arrived_ns" in record else True,
              f"{sample.id} arrived before it was sent")


@case()
def ipv6(t):
    """IPv6, and IPv4 clients of an IPv6 socket (v4-mapped)"""
    server = nginx(t, address=f"[::1]:{free_port('::1')}")
    mapped_port = free_port()
    mapped = delay_server(t, "--listen", f"[::]:{mapped_port}")
    with t.trace([server.pid, mapped.pid], "--client-address") as trace:
        load(t, server.address, "-n", 300, "-c", 5, "--get", "/small")
        load(t, f"127.0.0.1:{mapped_port}", "-n", 100, "-c", 5, "--get", "/size/20")
        server.wait_lines(300)
    ours = trace.requests()
    own = [record for record in ours if record["process.pid"] == mapped.pid]
    same_requests("nginx", [record for record in ours if record not in own], server.lines(), JOINED)
    equal("v4-mapped", 100, len(own))
    peers = {record["network.peer.address"] for record in own}
    check(peers <= {"127.0.0.1", "::ffff:127.0.0.1"}, f"peers {peers}")
    equal("peers over IPv6", {"::1"},
          {record["network.peer.address"] for record in ours if record not in own})


@case(breaks=("drop_request", "change_response_bytes"))
def unix_socket(t):
    """nginx and a threaded server on Unix stream sockets"""
    server = nginx(t, address=f"unix:{t.folder}/nginx.sock")
    threads = delay_server(t, "--listen", f"unix:{t.folder}/delay.sock")
    with t.trace([server.pid, threads.pid]) as trace:
        load(t, server.address, "-n", 500, "-c", 10, "--get", "/small", "--get", "/large")
        load(t, server.address, "-n", 200, "-c", 4, "--close", "--get", "/small")
        load(t, threads.address, "-n", 200, "-c", 4, "--depth", 4, "--get", "/size/300")
        server.wait_lines(700)
    own = [record for record in trace.requests() if record["process.pid"] == threads.pid]
    others = [record for record in trace.requests() if record["process.pid"] != threads.pid]
    same_requests("nginx", others, server.lines(), JOINED)
    same_requests("threads", own, threads.lines(), ("id", "status", "bytes_out", "bytes_in"))
    equal("transport", {"unix"}, {record["network.transport"] for record in trace.requests()})


@case()
def unix_socket_closes(t):
    """Unix connections that the server closes, that the client closes, and that stay open: each counted as such"""
    server = nginx(t, address=f"unix:{t.folder}/nginx.sock")
    stay = [RawClient(t, server.address) for _ in range(3)]
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 200, "-c", 4, "--close", "--get", "/small")  # nginx closes
        load(t, server.address, "-n", 50, "-c", 10, "--get", "/small")  # the client closes
        for client in stay:
            client.get("/small").response()
        server.wait_lines(253)
        time.sleep(2.5)  # the sockets are asked every second
    connections = trace.summary["connections"]
    equal("closed", 210, connections["closed"])
    # nginx also has the channel between its processes
    equal("open at the end", connections["opened"] + connections["existing"] - 210,
          connections["open"])
    check(3 <= connections["open"] <= 5, f"{connections['open']} are open")
    equal("open, as the intervals say it", [connections["open"]] * 2,
          [record["connections"]["open"] for record in trace.of_kind("interval")[1:3]])


@case()
def unix_socket_at_attach(t):
    """Unix connections that were open before the attach"""
    server = delay_server(t, "--listen", f"unix:{t.folder}/delay.sock")
    clients = [RawClient(t, server.address) for _ in range(10)]
    for client in clients:
        client.get("/size/5").response()
    with t.trace(server.pid) as trace:
        for number, client in enumerate(clients * 5):
            client.get("/size/50", f"x-request-id: u{number}").response()
    same_requests("the server", trace.requests(), server.lines()[10:],
                  ("id", "status", "bytes_out", "bytes_in"))


@case()
def fork_after_accept(t):
    """a process per connection: children born during the trace are traced"""
    server = delay_server(t, "--fork")
    with t.trace(server.pid) as trace:
        samples = load(t, server.address, "-n", 400, "-c", 8, "--per-connection", 2, "--get",
                       "/size/100")
    same_requests("the server", trace.requests(), server.lines(),
                  ("id", "status", "bytes_out", "bytes_in"))
    same_connections(trace.requests(), samples)
    equal("processes", len({sample.connection for sample in samples}),
          len({record["process.pid"] for record in trace.requests()}))
    check(len(children_of(server.pid)) <= 8, "children are left")


@case()
def odd_answers(t):
    """interim responses, trailers, chunk extensions, bytes one by one"""
    server = python_server(t, "odd_server.py")
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 200, "-c", 4, "--get", "/continue", "--get", "/trailers",
             "--get", "/slow", "--get", "/else")
        server.wait_lines(200)
    same_requests("the server", trace.requests(), server.lines(),
                  ("method", "path", "status", "bytes_out", "bytes_in"))


@case()
def upgrade(t):
    """after 101 the connection is a tunnel: its bytes are no requests"""
    server = python_server(t, "odd_server.py")
    with t.trace(server.pid) as trace:
        for _ in range(5):
            client = RawClient(t, server.address)
            client.get("/else").response()
            client.get("/tunnel", "Connection: Upgrade", "Upgrade: echo").read_until(b"\r\n\r\n")
            for text in (b"GET /no HTTP/1.1\r\n\r\n", b"\x00" * 1000):
                client.send(text).read_size(len(text))
            client.close()
            client = RawClient(t, server.address)
            client.get("elsewhere:443", method="CONNECT").read_until(b"\r\n\r\n")
            client.send(b"\x16\x03\x01" * 500).read_size(1500)
            client.close()
        server.wait_lines(15)
    same_requests("the server", trace.requests(), server.lines(), ("method", "status", "bytes_out"))
    equal("seen", 15, trace.counts["seen"])


@case()
def ended_by_close(t):
    """answers without a length, that only the close ends"""
    server = delay_server(t)
    with t.trace(server.pid) as trace:
        samples = load(t, server.address, "-n", 60, "-c", 3, "--get", "/close/500", "--get",
                       "/close/300000", "--per-connection", 1)
    same_requests("the server", trace.requests(), server.lines(), ("id", "status", "bytes_out"))
    equal("bytes out as the client read them", sum(s.bytes_in for s in samples),
          trace.counts["response_bytes"])
    equal("ends", {"close"}, {record["tailwhy.end_rule"] for record in trace.requests()})
    equal("failed", 0, trace.counts["failed"])


@case()
def passed_to_another_process(t):
    """connections that one process accepts and another one serves (SCM_RIGHTS)"""
    server = python_server(t, "passing_server.py")
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 400, "-c", 8, "--per-connection", 5, "--get", "/x")
        server.wait_lines(400)
    same_requests("the server", trace.requests(), server.lines(), (*JOINED, "pid"))


@case()
def reuseport(t):
    """a listening socket for each worker (SO_REUSEPORT)"""
    server = nginx(t, workers=3, listen="reuseport")
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 900, "-c", 30, "--per-connection", 3, "--get", "/small")
        server.wait_lines(900)
    same_requests("nginx", trace.requests(), server.lines(), (*JOINED, "pid"))


@case()
def refused_and_reset(t):
    """connections that the target opens and are refused, and those that its peers reset"""
    closed = free_port()
    server = nginx(t, upstream=f"127.0.0.1:{closed}")
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 20, "-c", 2, "--get", "/proxy/x")
        for _ in range(7):
            client = RawClient(t, server.address)
            client.get("/small").response()
            client.reset()
        server.wait_lines(27)
    same_requests("nginx", trace.requests(), server.lines(), ("path", "status", "bytes_out"))
    equal("502s", 20, trace.counts["server_errors"])
    refused = trace.summary["connections"]["refused"]
    # nginx stops asking a dead upstream for 10 s: at least once, not more often than it was asked
    check(1 <= refused <= 20, f"refused: {refused}")
    equal("reset by peers", 7, trace.summary["connections"]["reset_by_peer"])


@case()
def reset_in_accept_queue(t):
    """clients that ask and reset before the server has accepted them: reset, and nothing stays open"""
    server = nginx(t)
    worker, = server.workers()
    with t.trace(server.pid) as trace:
        os.kill(worker, signal.SIGSTOP)
        t.defer(lambda: os.kill(worker, signal.SIGCONT))
        for number in range(10):
            client = RawClient(t, server.address)
            if number % 2:
                client.get("/small")
            time.sleep(0.02)
            client.reset()
        os.kill(worker, signal.SIGCONT)
        RawClient(t, server.address).get("/small", "Connection: close").response()
        time.sleep(0.2)
    connections = trace.summary["connections"]
    equal("open", connections["existing"], connections["open"])
    equal("in flight", 0, trace.counts["in_flight"])
    check(5 <= connections["reset_by_peer"] <= 10, f"{connections['reset_by_peer']} were reset")
    equal("answered and not failed", 1, sum("error.type" not in r for r in trace.requests()))


@case()
def opened_during_attach(t):
    """connections that are opened while the hooks are attached are the clients' and not outgoing ones"""
    server = nginx(t)
    clients = threading.Thread(target=lambda: load(
        t, server.address, "-n", 4000, "-c", 8, "--per-connection", 40, "--rate", 2000, "--get",
        "/small"))
    clients.start()
    time.sleep(0.3)
    with t.trace(server.pid) as trace:
        clients.join()
        server.wait_lines(4000)
    equal("outgoing calls", 0, len(trace.requests("client", None)))
    seen = len(trace.requests())
    check(1000 < seen < 4000, f"{seen} requests: this shows nothing")
    # requests that were read before the attach are told by their answers: they have no id
    ids = [r.get("http.request.header.x-request-id") for r in trace.requests("server", None)
           if r["tailwhy.outcome"] != "in_flight_at_attach"]
    equal("seen twice", len(ids), len(set(ids)))
    equal("not in the log", set(), set(ids) - {line.id for line in server.lines()})
    check(trace.counts["in_flight_at_attach"] <= 8, "more in flight than there are connections")


@case()
def answers_with_fin(t):
    """outgoing calls whose answer and FIN come before the target reads: answered, with all their bytes"""
    behind = delay_server(t)
    # nginx asks its upstream with HTTP/1.0 and closes, unless it is told otherwise
    front = nginx(t, server=f"location /plain/ {{ proxy_pass http://{behind.address}/; }}")
    with t.trace(front.pid) as trace:
        load(t, front.address, "-n", 600, "-c", 8, "--get", "/plain/size/100", "--get",
             "/plain/size/20000")
        front.wait_lines(600)
    equal("outgoing calls", 600, len(trace.requests("client")))
    equal("failed", 0, trace.summary["client_requests"]["failed"])
    same_requests("the upstream", trace.requests("client"), behind.lines(),
                  ("method", "status", "bytes_out"))


@case()
def only_connections(t):
    """clients that connect and leave without a word: connections, no requests"""
    server = nginx(t)
    with t.trace(server.pid) as trace:
        for _ in range(25):
            RawClient(t, server.address).close()
        RawClient(t, server.address).get("/small").response()
        server.wait_lines(1)
    equal("seen", 1, trace.counts["seen"])
    equal("opened", 26, trace.summary["connections"]["opened"])
    equal("failed", 0, trace.counts["failed"])
