"""Cassandra against a scripted server: no real one is packaged. What the server got is counted."""
import hashlib
import struct
import time
from collections import Counter

from harness.case import between, case, check, equal
from harness.loads import RawClient
from harness.secrets import check_no_canary, recorded
from harness.servers import Printed

CANARY = "s3cr3t-canary-7d0a"
STARTUP, OPTIONS, QUERY, PREPARE, EXECUTE, REGISTER, BATCH = 1, 5, 7, 9, 10, 11, 13
SELECT = f"SELECT a FROM users WHERE b = '{CANARY}'"
INSERT = f"INSERT INTO orders (a, b) VALUES ('{CANARY}', ?)"


def server_of(t):
    log = t.folder / "cassandra.log"
    return Printed(t, t.start(["/usr/bin/python3", "-u", t.asset("cassandra_server.py"), log], "cassandra"), log)


def ask(stream, opcode, body=b""):
    return struct.pack(">BBhBI", 4, 0, stream, opcode, len(body)) + body


def statement(stream, text, opcode=QUERY):
    return ask(stream, opcode, struct.pack(">I", len(text)) + text.encode() + (b"\0\1\0" if opcode == QUERY else b""))


def execute(stream, text):
    return ask(stream, EXECUTE, b"\0\x10" + hashlib.md5(text.encode()).digest() + b"\0\1\1\0\1"
               + struct.pack(">I", len(CANARY)) + CANARY.encode())


class Client(RawClient):
    """Connected, and through the handshake."""

    def __init__(self, t, server):
        super().__init__(t, server.address)
        self.send(ask(0, OPTIONS)).answers(1)
        self.send(ask(0, STARTUP, b"\0\1\0\x0bCQL_VERSION\0\x053.0.0")).answers(1)

    def answers(self, count):
        """The streams of so many answers; events do not count."""
        found = []
        while len(found) < count:
            _, _, stream, _, size = struct.unpack(">BBhBI", self.read_size(9))
            self.read_size(size)
            if stream >= 0:
                found.append(stream)
        return found


def named(trace):
    requests = trace.requests("server", None)
    equal("protocols", {"cassandra"}, {r["network.protocol.name"] for r in requests})
    return Counter((r["db.operation.name"], r.get("db.query.summary"), r.get("db.response.status_code")) for r in requests)


def check_all_seen(trace):
    equal("seen and matched", trace.counts["seen"], trace.counts["matched"])
    equal("bytes not parsed", 0, trace.summary["bytes_not_parsed"])
    equal("answers that nobody asked for", 0, trace.summary["unknown_details"]["unsolicited"])
    check(not [r for r in trace.requests() if "incomplete" in r], "some are incomplete")


@case(breaks=("drop_request", "invent_request", "add_loss"))
def counts(t):
    """pipelines of 1, 16 and 100, slow ones among them: as many as the server got, by statement and error"""
    server = server_of(t)
    wanted = Counter()
    with t.trace(server.pid) as trace:
        client = Client(t, server)
        client.send(statement(1, INSERT, PREPARE)).answers(1)
        wanted += Counter({("OPTIONS", None, None): 1, ("STARTUP", None, None): 1, ("PREPARE", None, None): 1})
        kinds = ((lambda n: statement(n, SELECT), ("SELECT", "SELECT users", None)),
                 (lambda n: execute(n, INSERT), ("INSERT", "INSERT orders", None)),
                 (lambda n: statement(n, "SELECT a FROM broken"), ("SELECT", "SELECT broken", "READ_TIMEOUT")),
                 (lambda n: statement(n, "UPDATE wrong SET a = 1"), ("UPDATE", "UPDATE wrong", "INVALID")),
                 (lambda n: statement(n, "DELETE FROM slow"), ("DELETE", "DELETE slow", None)),
                 (lambda n: ask(n, BATCH, b"\0\0\0"), ("BATCH", None, None)),
                 (lambda n: ask(n, REGISTER, b"\0\0"), ("REGISTER", None, None)))
        for depth in (1, 16, 100):
            chosen = [kinds[n % len(kinds)] for n in range(depth)]
            client.send(b"".join(make(n) for n, (make, _) in enumerate(chosen)))
            equal("answers", set(range(depth)), set(client.answers(depth)))
            wanted += Counter(what for _, what in chosen)
    equal("operations, statements and errors", wanted, named(trace))
    equal("as many as the server got", len(server.log.read_text().splitlines()), trace.counts["seen"])
    equal("errors", sum(n for what, n in wanted.items() if what[2]), trace.counts["server_errors"])
    check_all_seen(trace)
    for r in trace.requests():
        if r.get("db.query.summary") == "DELETE slow":
            between("a slow one in ms", 99, r["duration_ns"] / 1e6, 250)
        else:
            check(r["duration_ns"] < 90e6, f"one that does not wait took {r['duration_ns'] / 1e6} ms")


@case()
def attach_in_mid_connection(t):
    """attached between requests and within one: all after that, and what was prepared before by its opcode"""
    server = server_of(t)
    idle, cut = Client(t, server), Client(t, server)
    for client in (idle, cut):
        client.send(statement(1, INSERT, PREPARE)).answers(1)
    half = statement(2, SELECT)
    cut.send(half[:30])
    time.sleep(0.1)
    with t.trace(server.pid) as trace:
        cut.send(half[30:]).answers(1)
        for n in range(10):
            for client in (idle, cut):
                client.send(statement(n, SELECT)).answers(1)
                client.send(execute(n, INSERT)).answers(1)
    found = Counter((r.get("db.operation.name"), r.get("db.query.summary"))
                    for r in trace.requests(outcome=None) if r["network.protocol.name"] == "cassandra")
    equal("requests", {("SELECT", "SELECT users"): 20, ("EXECUTE", None): 20}, dict(found))
    equal("unmatched", 0, trace.counts["unmatched"])


@case()
def secrets(t):
    """literals, values, rows and texts of errors are in no output and no recording"""
    server = server_of(t)
    with recorded(t, server.pid) as trace:
        client = Client(t, server)
        client.send(statement(1, SELECT) + statement(2, INSERT, PREPARE)).answers(2)
        client.send(execute(3, INSERT) + statement(4, f"UPDATE wrong SET a = '{CANARY}'")).answers(2)
        client.send(ask(5, BATCH, CANARY.encode() * 10)).answers(1)
    equal("requests", 7, named(trace).total())
    check_no_canary(t, trace, CANARY, "INSERT orders")
