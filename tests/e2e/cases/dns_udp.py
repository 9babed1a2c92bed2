"""DNS over UDP by unbound's counts, by what its clients were answered, and by their clocks."""
import signal
import socket
import threading
import time

from cases.dns import CANARY, QUESTIONS, check_counts, check_nothing_unexplained, codes, named, requests_of
from harness.case import between, case, check, equal
from harness.context import free_port
from harness.dns import LOOPBACK, Counted, answer, dnsperf, query, unbound
from harness.secrets import check_no_canary, recorded


class Peer:
    """A client with a socket of its own."""

    def __init__(self, t, server, timeout=10):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((LOOPBACK, server.port))
        self.socket.settimeout(timeout)
        t.defer(self.socket.close)

    def ask(self, message):
        """Stamps around the question, and the answer's id and code."""
        begun = time.monotonic_ns()
        self.socket.send(message)
        sent = time.monotonic_ns()
        got = self.socket.recv(65536)
        return begun, sent, time.monotonic_ns(), got


class Upstream:
    """Answers each question after `seconds`; logs when it got one and when it begins to answer."""

    def __init__(self, t, seconds):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOOPBACK, 0))
        self.seconds, self.log = seconds, []
        self.port = self.socket.getsockname()[1]
        self.address = f"{LOOPBACK}@{self.port}"
        t.defer(self.socket.close)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                message, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            begun = time.monotonic_ns()
            time.sleep(self.seconds)
            self.log.append((begun, time.monotonic_ns()))
            self.socket.sendto(answer(message), peer)


def check_udp(trace):
    equal("transports", {"udp"}, {r["network.transport"] for r in requests_of(trace)})
    check_nothing_unexplained(trace)


@case(breaks=("drop_request", "invent_request", "add_loss"))
def counts(t):
    """dnsperf: as many questions of each type and answers of each code as unbound has counted"""
    server = unbound(t, forwards=[("away.", f"{LOOPBACK}@{free_port()}")], tcp="yes")
    before = server.statistics()
    with t.trace(server.pid) as trace:
        asked = dnsperf(t, server, QUESTIONS * 25, times=10, tcp=False)
    check_counts(trace, Counted(before, server.statistics()), asked)
    check_udp(trace)
    equal("codes", {"NOERROR": 1250, "NXDOMAIN": 250, "REFUSED": 250, "SERVFAIL": 250}, codes(trace))
    equal("server errors", 250, trace.counts["server_errors"])
    known = sum(r["queue_known"] for r in requests_of(trace))
    between("requests whose time in the queue is known", 1900, known, 2000)
    t.notes.append(f"queue known of {known}")


@case(breaks=("drop_request",))
def many_clients(t):
    """the same question with the same ids by many sockets, and to a server of several threads"""
    server = unbound(t, threads=2)
    before = server.statistics()
    with t.trace(server.pid) as trace:
        asked = dnsperf(t, server, [("www.example", "A")], times=4000, clients=20, outstanding=100, tcp=False)
    check_counts(trace, Counted(before, server.statistics()), asked)
    check_udp(trace)


@case()
def times(t):
    """each exchange lies between its client's stamps, with its time in the queue"""
    server = unbound(t)
    peer = Peer(t, server)
    peer.ask(query(1, "www.example"))
    with t.trace(server.pid, "--client-address") as trace:
        samples = [peer.ask(query(i, "www.example")) for i in range(200)]
    found = requests_of(trace)
    equal("requests", 200, len(found))
    check_udp(trace)
    known = 0
    for (begun, _, ended, _), request in zip(samples, found):
        known += request["queue_known"]
        stamps = [begun, request.get("arrived_ns", request["read_first_ns"]), request["read_first_ns"],
                  request["read_last_ns"], request["write_first_ns"]]
        check(stamps == sorted(stamps), f"out of order: {stamps}")
        check(request["duration_ns"] < ended - begun + 1e6, f"longer than its client's: {request}")
        equal("whose", (LOOPBACK, peer.socket.getsockname()[1]),
              (request["network.peer.address"], request["network.peer.port"]))
        equal("bytes", (29, 45), (request["tailwhy.request.bytes"], request["tailwhy.response.bytes"]))
    between("with a time in the queue", 190, known, 200)


@case()
def queue(t):
    """what waits while the server is stopped has waited in its queue"""
    server = unbound(t)
    peer = Peer(t, server)
    peer.ask(query(0, "www.example"))
    with t.trace(server.pid) as trace:
        peer.ask(query(0, "www.example"))
        server.process.signal(signal.SIGSTOP)
        time.sleep(0.05)
        for i in range(20):
            peer.socket.send(query(i, "www.example"))
        time.sleep(0.2)
        server.process.signal(signal.SIGCONT)
        for _ in range(20):
            peer.socket.recv(4096)
    waited = [r for r in requests_of(trace) if r.get("queue_ns", 0) > 150e6]
    equal("that waited", 20, len(waited))
    for request in waited:
        between("in the queue in ms", 200, request["queue_ns"] / 1e6, 300)
    check_udp(trace)


@case()
def slow_upstream(t):
    """what unbound waits for the server that it asks is downstream, with who that is"""
    upstream = Upstream(t, 0.1)
    server = unbound(t, forwards=[("away.", upstream.address)])
    with t.trace(server.pid) as trace:
        peer = Peer(t, server)
        for i in range(10):
            peer.ask(query(i, f"name-{i}.away"))
    found = requests_of(trace)
    equal("requests", 10, len(found))
    calls = requests_of(trace, "client")
    equal("calls to upstream", len(upstream.log), len(calls))
    for request, (begun, ended) in zip(found, upstream.log):
        between("a question in ms", (ended - begun) / 1e6, request["duration_ns"] / 1e6, 200)
        between("of it downstream", (ended - begun) * 0.98, request["tailwhy.budget"]["downstream"],
                request["duration_ns"])
        equal("who", ("dns", LOOPBACK, upstream.port),
              tuple(request[f"tailwhy.downstream.{key}"] for key in ("protocol", "address", "port")))
    for request in calls:
        between("a call in ms", 99, request["duration_ns"] / 1e6, 200)
        equal("transport", "udp", request["network.transport"])
    check_udp(trace)


@case()
def asking_target(t):
    """a target that asks a name server: each question is an exchange, also one that is sent again"""
    upstream = Upstream(t, 0.02)
    target = t.start(["/usr/bin/python3", "-u", t.asset("dns_client.py"), upstream.port, "10"], "dns_client")
    with t.trace(target.pid) as trace:
        target.signal(signal.SIGUSR1)
        target.wait(20)
    equal("calls", {"A": 10}, named(trace, "client"))
    equal("codes", {"NOERROR": 10}, codes(trace, "client"))
    equal("seen and matched", (10, 10), (trace.client_counts["seen"], trace.client_counts["matched"]))
    for request in requests_of(trace, "client"):
        between("a call in ms", 20, request["duration_ns"] / 1e6, 100)
        equal("whom", (LOOPBACK, upstream.port),
              (request["network.peer.address"], request["network.peer.port"]))


@case()
def what_is_not_dns(t):
    """other datagrams are counted, and no requests; neither do they lose or displace anything"""
    server = unbound(t)
    with t.trace(server.pid) as trace:
        peer, other = Peer(t, server), Peer(t, server)
        for i in range(500):
            other.socket.send(b"\xc3\xff\0\0\1\x08" + bytes(range(200)))
            if i % 50 == 0:
                peer.ask(query(i, "www.example"))
    equal("requests", {"A": 10}, named(trace))
    check_udp(trace)
    # unbound answers some of them with FORMERR; those answers are nobody's
    between("datagrams of others", 500, trace.summary["unknown_details"]["datagram_other"], 1000)


@case()
def secrets(t):
    """names that are asked for and what is answered are in no output and no recording"""
    server = unbound(t, text=CANARY)
    with recorded(t, server.pid) as trace:
        peer = Peer(t, server)
        for dotted, kind in ((f"{CANARY}.example", "A"), ("text.example", "TXT"), (f"{CANARY}.refused", "MX")):
            peer.ask(query(7, dotted, kind))
    equal("types", {"A": 1, "TXT": 1, "MX": 1}, named(trace))
    check_no_canary(t, trace, CANARY, "TXT")
