"""memcached by its own counts: `stats` counts keys, so of requests with one key each it counts requests."""
import signal
import struct
import threading
import time
from collections import Counter
from pathlib import Path

from harness.case import between, case, check, equal
from harness.context import wait_until
from harness.loads import RawClient
from harness.secrets import check_no_canary, recorded
from harness.servers import memcached

CANARY = "s3cr3t-canary-9d2f"
OPERATIONS = {"get": 0x00, "set": 0x01, "delete": 0x04, "incr": 0x05, "quit": 0x07, "getq": 0x09, "noop": 0x0a,
              "stats": 0x10, "setq": 0x11, "quitq": 0x17, "touch": 0x1c}
EXTRAS = {"set": 8, "setq": 8, "incr": 20, "touch": 4}
# What of `stats` counts what, by the operation and the status that say the same of a request.
COUNTERS = {"get_hits": ("get", None), "get_misses": ("get", "NOT_FOUND"), "cmd_set": ("set", None),
            "delete_hits": ("delete", None), "delete_misses": ("delete", "NOT_FOUND"),
            "incr_hits": ("incr", None), "incr_misses": ("incr", "NOT_FOUND"),
            "touch_hits": ("touch", None), "touch_misses": ("touch", "NOT_FOUND")}
ROUNDS = ((1, 20), (16, 5), (100, 2))  # of pipelines of each depth: 300 of each command
META = {"get": "mg", "set": "ms", "delete": "md", "incr": "ma"}


def frame(operation, opaque, key=b"", value=b""):
    extras = b"\0" * EXTRAS.get(operation, 0)
    body = extras + key + value
    return struct.pack(">BBHBBHIIQ", 0x80, OPERATIONS[operation], len(key), len(extras), 0, 0, len(body),
                       opaque, 0) + body


def statuses(client, count):
    """Reads so many frames; gives the opaque, the status and the body's size of each."""
    found = []
    for _ in range(count):
        _, _, _, _, _, status, size, opaque, _ = struct.unpack(">BBHBBHIIQ", client.read_size(24))
        client.read_size(size)
        found.append((opaque, status, size))
    return found


def seen(trace):
    requests = trace.requests(outcome=None)
    equal("protocols", {"memcached"}, {record["network.protocol.name"] for record in requests})
    equal("bytes not parsed", 0, trace.summary["bytes_not_parsed"])
    equal("answers that nobody asked for", 0, trace.summary["unknown_details"]["unsolicited"])
    equal("all is answered", trace.counts["seen"], trace.counts["matched"])
    return Counter(r["db.operation.name"] for r in requests)


def counted(server, trace_of, load, names=None):
    """Runs the load inside the trace; operations and their outcomes must be those of `stats`."""
    before = server.stats()
    with trace_of as trace:
        load()
        after = server.stats()
    found = seen(trace)
    outcomes = Counter((r["db.operation.name"], r.get("db.response.status_code")) for r in trace.requests())
    names = names or {}
    equal("what stats counts", {name: after[name] - before[name] for name in COUNTERS},
          {name: outcomes[names.get(operation, operation), status]
           for name, (operation, status) in COUNTERS.items()})
    return trace, found


def silent(trace):
    return dict(Counter(r["db.operation.name"] for r in trace.requests() if "write_last_ns" not in r))


@case(breaks=("drop_request", "invent_request", "add_loss"))
def text(t):
    """pipelines of 1, 16 and 100 in the text protocol: as many of each outcome as `stats` counts"""
    server = memcached(t)
    steps = (("set key 0 0 2\r\n10\r\n", "STORED\r\n"), ("get key\r\n", "VALUE key 0 2\r\n10\r\nEND\r\n"),
             ("get none\r\n", "END\r\n"), ("incr key 0\r\n", "10\r\n"), ("incr none 1\r\n", "NOT_FOUND\r\n"),
             ("touch key 0\r\n", "TOUCHED\r\n"), ("touch none 0\r\n", "NOT_FOUND\r\n"),
             ("delete none\r\n", "NOT_FOUND\r\n"),
             ("delete key noreply\r\nset key 0 0 2 noreply\r\n10\r\nmn\r\n", "MN\r\n"))

    def load():
        for depth, rounds in ROUNDS:
            client = RawClient(t, server.address)
            for _ in range(rounds):
                for command, answer in steps:
                    client.send(command * depth).read_size(len(answer) * depth)
    trace, found = counted(server, t.trace(server.pid), load)
    equal("operations", {"set": 600, "get": 600, "incr": 600, "touch": 600, "delete": 600, "mn": 300, "stats": 1}, dict(found))
    equal("without an answer", {"set": 300, "delete": 300}, silent(trace))
    deepest = max(r["tailwhy.pipeline.depth"] for r in trace.requests())
    between("depth of the deepest pipeline, of three commands a hundred times", 100, deepest, 300)
    t.notes.append(f"{found.total()} requests")


@case(breaks=("drop_request",))
def meta(t):
    """pipelines of 1, 16 and 100 meta commands, quiet ones included: as many as `stats` counts"""
    server = memcached(t)
    steps = (("ms key 2\r\n10\r\n", "HD\r\n"), ("mg key v\r\n", "VA 2\r\n10\r\n"), ("mg none v\r\n", "EN\r\n"),
             ("ma key D0\r\n", "HD\r\n"), ("ma none\r\n", "NF\r\n"), ("md none\r\n", "NF\r\n"),
             ("mg none q\r\nmg key q\r\nma none q\r\nma key D0 q\r\nmn\r\n", "HD\r\nNF\r\nMN\r\n"),
             ("md none q\r\nmd key q\r\nms key 2 q\r\n10\r\nmn\r\n", "NF\r\nMN\r\n"))

    def load():
        for depth, rounds in ROUNDS:
            client = RawClient(t, server.address)
            for _ in range(rounds):
                for command, answer in steps:
                    client.send(command * depth).read_size(len(answer) * depth)
    trace, found = counted_meta(server, t.trace(server.pid), load)
    equal("operations", {"ms": 600, "mg": 1200, "ma": 1200, "md": 900, "mn": 600, "stats": 1}, dict(found))
    equal("without an answer", {"ms": 300, "mg": 300, "ma": 300, "md": 300}, silent(trace))
    t.notes.append(f"{found.total()} requests")


def counted_meta(server, trace_of, load):
    """As counted(), where requests without an answer have the outcome that is hidden."""
    before = server.stats()
    with trace_of as trace:
        load()
        after = server.stats()
    found = seen(trace)
    outcomes = Counter()
    for r in trace.requests():
        hidden = "NOT_FOUND" if r["db.operation.name"] == "mg" and "write_last_ns" not in r else None
        outcomes[r["db.operation.name"], r.get("db.response.status_code", hidden)] += 1
    names = [name for name, (operation, _) in COUNTERS.items() if operation in META]
    equal("what stats counts", {name: after[name] - before[name] for name in names},
          {name: outcomes[META[COUNTERS[name][0]], COUNTERS[name][1]] for name in names})
    return trace, found


@case(breaks=("drop_request",))
def binary(t):
    """the binary protocol, quiet operations included: a quiet miss is a request without an answer"""
    server = memcached(t)

    def load():
        client = RawClient(t, server.address)
        for depth in (1, 16, 100):
            for step, status in ((frame("set", 1, b"key", b"10"), 0), (frame("get", 2, b"key"), 0),
                                 (frame("get", 3, b"none"), 1), (frame("touch", 4, b"key"), 0),
                                 (frame("touch", 5, b"none"), 1), (frame("incr", 6, b"key"), 0),
                                 (frame("delete", 7, b"none"), 1)):
                client.send(step * depth)
                equal("statuses", {status}, {answer[1] for answer in statuses(client, depth)})
        for _ in range(20):
            quiet = [frame("getq", n, b"none" if n % 3 else b"key") for n in range(10, 40)]
            client.send(b"".join(quiet) + frame("setq", 50, b"key", b"x") + frame("noop", 51))
            equal("the last of the quiet ones", (51, 0, 0), statuses(client, 11)[-1])
        client.send(frame("stats", 60))
        while statuses(client, 1) != [(60, 0, 0)]:
            pass
        client.send(frame("quit", 61))
        statuses(client, 1)
        client = RawClient(t, server.address)
        client.send(frame("setq", 70, b"key", b"x") + frame("quitq", 71))
        equal("bytes after quitq", b"", client.socket.recv(1))
    before = server.stats()
    with t.trace(server.pid) as trace:
        load()
        after = server.stats()
    found = seen(trace)
    equal("gets and sets", (after["cmd_get"] - before["cmd_get"], after["cmd_set"] - before["cmd_set"]),
          (found["get"], found["set"]))
    equal("operations", {"set": 138, "get": 834, "touch": 234, "incr": 117, "delete": 117, "noop": 20, "stats": 2,
                         "quit": 2}, dict(found))
    equal("without an answer", {"get": 400, "set": 21, "quit": 1}, silent(trace))
    words = Counter((r["db.operation.name"], r.get("db.response.status_code")) for r in trace.requests())
    equal("misses that were told", (117, 117, 117),
          (words["get", "NOT_FOUND"], words["touch", "NOT_FOUND"], words["delete", "NOT_FOUND"]))
    equal("misses that stats counts", after["get_misses"] - before["get_misses"], 117 + 400)
    equal("errors", (0, 0), (trace.counts["client_errors"], trace.counts["server_errors"]))
    t.notes.append(f"{found.total()} requests")


@case(breaks=("drop_request",))
def names_and_outcomes(t):
    """storage outcomes, several keys, meta commands, errors of the client and of the server by their word"""
    server = memcached(t, "-I", "1m")
    big = "x" * 2_000_000
    with t.trace(server.pid) as trace:
        client = RawClient(t, server.address)
        for command, answer in (
                ("set a 0 0 1\r\n1\r\n", "STORED\r\n"), ("add a 0 0 1\r\n1\r\n", "NOT_STORED\r\n"),
                ("cas a 0 0 1 99\r\n2\r\n", "EXISTS\r\n"), ("incr a 5\r\n", "6\r\n"),
                ("get a b c\r\n", "END\r\n"), ("get none\r\n", "END\r\n"), ("gats 10 a\r\n", "END\r\n"),
                ("delete none\r\n", "NOT_FOUND\r\n"), ("touch a 10\r\n", "TOUCHED\r\n"),
                ("mg a v t\r\n", "6\r\n"), ("ms b 2 T60\r\nhi\r\n", "HD\r\n"), ("md none\r\n", "NF\r\n"),
                ("ms a 1 ME\r\n1\r\n", "NS\r\n"), ("ms a 1 C1\r\n1\r\n", "EX\r\n"),
                (f"bogus {CANARY}\r\n", "ERROR\r\n"), ("refresh_certs\r\n", "Error TLS not enabled\r\n"),
                ("set a 0 0 x\r\n", "CLIENT_ERROR bad command line format\r\n"),
                ("incr b 1\r\n", "non-numeric value\r\n"),
                (f"set big 0 0 {len(big)}\r\n{big}\r\n", "object too large for cache\r\n"),
                ("flush_all\r\n", "OK\r\n"), ("lru_crawler metadump all\r\n", "END\r\n"),
                ("stats items\r\n", "END\r\n")):
            client.send(command).read_until(answer.encode())
        client.send("quit\r\n")
        equal("bytes after quit", b"", client.socket.recv(1))
    requests = trace.requests(outcome=None)
    equal("operations", {"set": 3, "add": 1, "cas": 1, "incr": 2, "get": 2, "gats": 1, "delete": 1, "touch": 1,
                         "mg": 1, "ms": 3, "md": 1, "_OTHER": 2, "flush_all": 1, "lru_crawler": 1, "stats": 1,
                         "quit": 1}, dict(Counter(r["db.operation.name"] for r in requests)))
    words = Counter((r["db.operation.name"], r["db.response.status_code"]) for r in requests
                    if "db.response.status_code" in r)
    equal("statuses", {("add", "NOT_STORED"): 1, ("cas", "EXISTS"): 1, ("get", "NOT_FOUND"): 1,
                       ("delete", "NOT_FOUND"): 1, ("md", "NOT_FOUND"): 1, ("ms", "NOT_STORED"): 1,
                       ("ms", "EXISTS"): 1, ("_OTHER", "ERROR"): 1, ("set", "CLIENT_ERROR"): 1,
                       ("incr", "CLIENT_ERROR"): 1, ("set", "SERVER_ERROR"): 1}, dict(words))
    equal("errors of client and server", (3, 1),
          (trace.counts["client_errors"], trace.counts["server_errors"]))
    equal("without an answer", {"quit": 1}, silent(trace))


@case()
def long_answers(t):
    """values and lists of them that are longer than what is captured: ended by their length or their END"""
    server = memcached(t)
    client = RawClient(t, server.address)
    for key in "abcd":
        client.send(f"set {key} 0 0 50000\r\n" + key * 50_000 + "\r\n").read_until(b"STORED\r\n")
    with t.trace(server.pid) as trace:
        for _ in range(20):
            client.send("get a\r\n").read_until(b"a\r\nEND\r\n")
            client.send("get a b c d\r\n").read_until(b"d\r\nEND\r\n")
    equal("operations", {"get": 40}, dict(seen(trace)))
    equal("ends", {"framing": 20, "last_chunk": 20}, dict(Counter(r["tailwhy.end_rule"] for r in trace.requests())))
    one = len("VALUE a 0 50000\r\n") + 50_002
    equal("bytes of answers", {one + 5: 20, 4 * one + 5: 20},
          dict(Counter(r["tailwhy.response.bytes"] for r in trace.requests())))


@case()
def held_up(t):
    """a server that stands still for 150 ms: the requests that wait for it take as long, the others do not"""
    server = memcached(t)
    client = RawClient(t, server.address)
    client.send("get none\r\n").read_until(b"END\r\n")
    took = []
    with t.trace(server.pid) as trace:
        client.send("get none\r\n").read_until(b"END\r\n")
        for command, answer in (("get none\r\n", b"END\r\n"), ("delete none\r\n" * 3, b"NOT_FOUND\r\n" * 3)):
            server.process.signal(signal.SIGSTOP)
            wait_until("it stands still", lambda: " T " in Path(f"/proc/{server.pid}/stat").read_text())
            begin = time.monotonic()
            client.send(command)
            time.sleep(0.15)
            server.process.signal(signal.SIGCONT)
            client.read_size(len(answer))
            took.append((time.monotonic() - begin) * 1e3)
    fast, slow, *three = (r["duration_ns"] / 1e6 for r in trace.requests())
    check(fast < 20, f"the get that did not wait took {fast} ms")
    between("the get in ms", 149, slow, took[0])
    for each in three:
        between("a delete in ms", 149, each, took[1])


@case()
def attach_in_mid_request(t):
    """attached between a set's line and its data: what comes then is read, and nothing is taken for it"""
    server = memcached(t)
    half, whole = RawClient(t, server.address), RawClient(t, server.address)
    half.send("set key 0 0 20\r\nget a\r\nde")
    whole.send("get none\r\n").read_until(b"END\r\n")
    with t.trace(server.pid) as trace:
        half.send("lete b\r\nxxx\r\n").read_until(b"STORED\r\n")
        for client in (half, whole) * 10:
            client.send("get key\r\n").read_until(b"END\r\n")
    found = Counter(r.get("db.operation.name") for r in trace.requests())
    del found[None]
    equal("operations", {"get": 20}, dict(found))
    equal("unmatched", 0, trace.counts["unmatched"])


@case()
def busy_at_attach(t):
    """text and binary connections in full use at the attach: only whole requests, only by their names"""
    for kind in ("text", "binary"):
        server = memcached(t)
        stop = threading.Event()
        clients = [RawClient(t, server.address) for _ in range(4)]

        def load(client, kind=kind, stop=stop):
            while not stop.is_set():
                if kind == "text":
                    client.send("get none\r\n" * 8).read_size(8 * 5)
                else:
                    client.send(b"".join(frame("get", n, b"none") for n in range(8)))
                    statuses(client, 8)
        threads = [threading.Thread(target=load, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        try:
            time.sleep(0.2)
            before = server.stats()["cmd_get"]
            with t.trace(server.pid, log=False) as trace:
                begun = server.stats()["cmd_get"]
                time.sleep(0.3)
                ends = server.stats()["cmd_get"]
            after = server.stats()["cmd_get"]
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        server.process.end()
        rows = trace.summary["routes"]
        equal("protocols", {"memcached"}, {r["network.protocol.name"] for r in rows})
        equal("operations", {"get", "stats"}, {r["db.operation.name"] for r in rows})
        equal("answers that nobody asked for", 0, trace.summary["unknown_details"]["unsolicited"])
        count = sum(r["count"] for r in rows if r["db.operation.name"] == "get")
        between(f"gets of the {kind} protocol", ends - begun, count, after - before)
        t.notes.append(f"{kind}: {count}")


@case()
def secrets(t):
    """keys, values and unknown commands are in no output and no recording, text and binary"""
    server = memcached(t)
    with recorded(t, server.pid) as trace:
        client = RawClient(t, server.address)
        value = CANARY * 200
        client.send(f"set {CANARY} 0 0 {len(value)}\r\n{value}\r\n").read_until(b"STORED\r\n")
        client.send(f"get {CANARY} {CANARY}-2\r\n").read_until(b"END\r\n")
        client.send(f"set {CANARY} 0 0 {len(CANARY)} noreply\r\n{CANARY}\r\n")
        client.send(f"mg {CANARY} v k O{CANARY}\r\n").read_until(CANARY.encode() + b"\r\n")
        client.send(f"{CANARY} {CANARY}\r\n").read_until(b"ERROR\r\n")
        client.send("lru_crawler metadump all\r\n").read_until(b"END\r\n")
        other = RawClient(t, server.address)
        key = CANARY.encode()
        other.send(frame("set", 1, key, key * 3) + frame("get", 2, key))
        statuses(other, 2)
    equal("operations", {"set": 3, "get": 2, "mg": 1, "_OTHER": 1, "lru_crawler": 1}, dict(seen(trace)))
    check_no_canary(t, trace, CANARY, "lru_crawler")
