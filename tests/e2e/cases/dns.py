"""DNS over TCP by the counts of unbound and nsd, and by what dnsperf and dig were answered."""
import re
import socket
import threading
import time
from collections import Counter

from harness.case import between, case, check, equal
from harness.context import free_port
from harness.dns import LOOPBACK, Client, Counted, answer, dnsperf, framed, nsd, query, unbound
from harness.secrets import check_no_canary, recorded

CANARY = "s3cr3t-canary-7e4a"
QUESTIONS = [("www.example", "A"), ("www.example", "AAAA"), ("www.example", "MX"), ("text.example", "TXT"),
             ("none.example", "A"), ("www.example", "TYPE4711"), ("any.refused", "A"), ("broken.away", "A")]


def requests_of(trace, role="server"):
    """Those of DNS: whoever reads unbound's statistics speaks with it, too."""
    return [r for r in trace.requests(role, None) if r["network.protocol.name"] == "dns"]


def named(trace, role="server"):
    return dict(Counter(r["tailwhy.dns.question.type"] for r in requests_of(trace, role)))


def codes(trace, role="server"):
    return dict(Counter(r.get("tailwhy.dns.response_code") for r in requests_of(trace, role)))


def check_nothing_unexplained(trace):
    equal("bytes not parsed", 0, trace.summary["bytes_not_parsed"])
    equal("answers that nobody asked for", 0, trace.summary["unknown_details"]["unsolicited"])
    for request in requests_of(trace):
        equal("end", ("matched", "framing"), (request["tailwhy.outcome"], request.get("tailwhy.end_rule")))


def check_counts(trace, counted, asked):
    """As unbound has counted them and as their client was answered."""
    by_type = {kind if kind != "other" else "_OTHER": count
               for kind, count in counted.by("num.query.type.").items()}
    equal("questions by their type", by_type, named(trace))
    by_code = counted.by("num.answer.rcode.")
    by_code.pop("nodata", None)  # some of NOERROR
    equal("answers by their code, as unbound has them", by_code, codes(trace))
    equal("answers by their code, as the client has them", asked, codes(trace))
    equal("queries", counted["total.num.queries"], len(requests_of(trace)))


class Upstream:
    """Answers over TCP, each question after `seconds`; logs when it got one and when it begins to answer."""

    def __init__(self, t, seconds):
        self.socket = socket.create_server((LOOPBACK, 0))
        self.seconds, self.log = seconds, []
        self.address = f"{LOOPBACK}@{self.socket.getsockname()[1]}"
        t.defer(self.socket.close)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                found, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(found,), daemon=True).start()

    def serve(self, found):
        with found, found.makefile("rb") as stream:
            while size := stream.read(2):
                message = stream.read(int.from_bytes(size, "big"))
                begun = time.monotonic_ns()
                time.sleep(self.seconds)
                self.log.append((begun, time.monotonic_ns()))
                found.sendall(framed(answer(message)))


@case(breaks=("drop_request", "invent_request", "add_loss"))
def counts(t):
    """dnsperf: as many questions of each type and answers of each code as unbound has counted"""
    server = unbound(t, forwards=[("away.", f"{LOOPBACK}@{free_port()}")], tcp="yes")
    before = server.statistics()
    with t.trace(server.pid) as trace:
        asked = dnsperf(t, server, QUESTIONS * 25, times=10)
    check_counts(trace, Counted(before, server.statistics()), asked)
    check_nothing_unexplained(trace)
    equal("codes", {"NOERROR": 1250, "NXDOMAIN": 250, "REFUSED": 250, "SERVFAIL": 250}, codes(trace))
    equal("server errors", 250, trace.counts["server_errors"])
    equal("errors", {"SERVFAIL": 250}, dict(Counter(r["error.type"] for r in requests_of(trace)
                                                    if "error.type" in r)))
    equal("requests of DNS", 2000, len(requests_of(trace)))


@case(breaks=("drop_request", "invent_request"))
def pipelines(t):
    """1, 16 and 100 questions in one piece, or byte by byte: each is a request with its depth"""
    server = unbound(t)
    with t.trace(server.pid) as trace:
        for depth in (1, 16, 100):
            client = Client(t, server.address)
            kinds = [QUESTIONS[i % 5] for i in range(depth)]
            client.ask(*(query(i, *kinds[i]) for i in range(depth)))
            got = client.answers(depth)
            equal("answers", set(range(depth)), {number for number, _ in got})
            for byte in framed(query(0, "www.example", "AAAA")):
                client.send(bytes([byte]))
            equal("answer", [(0, "NOERROR")], client.answers(1))
            client.close()
    equal("types", {"A": 1 + 4 + 3 + 40, "AAAA": 3 + 3 + 20, "MX": 3 + 20, "TXT": 3 + 20}, named(trace))
    equal("codes", {"NOERROR": 120 - 3 - 20, "NXDOMAIN": 3 + 20}, codes(trace))
    check_nothing_unexplained(trace)


@case()
def transfers(t):
    """a zone is one answer, in one message or in many, ended by its SOA or by what comes after it"""
    server = nsd(t, small=3, large=20_000)
    dig = [t.tool("dig"), "+tcp", "+time=10", "+tries=1", f"@{LOOPBACK}", "-p", server.port]
    sizes = {}
    with t.trace(server.pid) as trace:
        for zone, kind in (("small", "AXFR"), ("large", "AXFR"), ("none", "AXFR"), ("small", "IXFR=7")):
            text = t.run([*dig, f"{zone}.example", kind]).stdout
            size = re.search(r"^;; XFR size: .* \(messages (\d+), bytes (\d+)\)", text, re.M)
            sizes[zone, kind] = size and int(size[2]) + 2 * int(size[1])
        client = Client(t, server.address)
        client.ask(query(1, "large.example", "AXFR"))
        while not client.read_message().endswith(b"\0\1\x51\x80\0\0\1\x2c"):  # expire, minimum
            pass
        client.ask(query(2, "host-1.small.example"))
        equal("answer", [(2, "NOERROR")], client.answers(1))
    found = requests_of(trace)
    equal("types", {"AXFR": 4, "IXFR": 1, "A": 1}, named(trace))
    equal("matched", 6, trace.counts["matched"])
    whole = {r["tailwhy.response.bytes"]: r["tailwhy.end_rule"] for r in found}
    t.notes.append(f"{sizes} {sorted(whole.items())}")
    equal("end of what is one message", ("framing", "framing"),
          (whole.get(sizes["small", "AXFR"]), whole.get(sizes["small", "IXFR=7"])))
    equal("end of what is many", "close", whole.get(sizes["large", "AXFR"]))
    large = [r for r in found if r["tailwhy.response.bytes"] > 100_000]
    equal("ends of the large zone", {"close", "direction_reversal"}, {r["tailwhy.end_rule"] for r in large})
    equal("large answers", 2, len(large))
    equal("answers that nobody asked for", 0, trace.summary["unknown_details"]["unsolicited"])


@case()
def slow_upstream(t):
    """what unbound waits for the server that it asks is downstream, with who that is"""
    upstream = Upstream(t, 0.1)
    server = unbound(t, forwards=[("away.", upstream.address)], tcp="yes")
    with t.trace(server.pid) as trace:
        client = Client(t, server.address)
        for i in range(10):
            client.ask(query(i, f"name-{i}.away"))
            equal("answer", [(i, "NOERROR")], client.answers(1))
    found = requests_of(trace)
    equal("requests", 10, len(found))
    equal("calls to upstream", len(upstream.log), len(requests_of(trace, "client")))
    for request, (begun, ended) in zip(found, upstream.log):
        between("a question in ms", (ended - begun) / 1e6, request["duration_ns"] / 1e6, 200)
        between("of it downstream", (ended - begun) * 0.98, request["tailwhy.budget"]["downstream"],
                request["duration_ns"])
        equal("who", "dns", request["tailwhy.downstream.protocol"])
    for request in requests_of(trace, "client"):
        between("a call in ms", 99, request["duration_ns"] / 1e6, 200)
    check_nothing_unexplained(trace)


@case()
def attach_in_mid_connection(t):
    """connections in use at the attach: no phantom, no wrong name, and every request after it"""
    server = unbound(t)
    clients = [Client(t, server.address) for _ in range(5)]
    for client in clients:
        client.ask(query(1, "www.example"), query(2, "www.example"))
        client.answers(2)
    with t.trace(server.pid) as trace:
        for client in clients:
            for i in range(4):
                client.ask(query(i, "none.example", "TXT"), query(i + 100, "www.example"))
                client.answers(2)
    equal("types", {"TXT": 20, "A": 20}, named(trace))
    equal("codes", {"NXDOMAIN": 20, "NOERROR": 20}, codes(trace))
    check_nothing_unexplained(trace)


@case()
def secrets(t):
    """names that are asked for and what is answered are in no output and no recording"""
    server = unbound(t, text=CANARY)
    with recorded(t, server.pid) as trace:
        client = Client(t, server.address)
        for dotted, kind in ((f"{CANARY}.example", "A"), ("text.example", "TXT"), (f"{CANARY}.refused", "MX")):
            client.ask(query(7, dotted, kind), query(8, dotted, kind))
            client.answers(2)
    equal("types", {"A": 2, "TXT": 2, "MX": 2}, named(trace))
    check_no_canary(t, trace, CANARY, "TXT")
