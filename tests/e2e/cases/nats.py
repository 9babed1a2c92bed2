"""NATS by its own counts: in_msgs of /varz are the PUB and HPUB that it read."""
import signal
import threading
import time
from collections import Counter
from pathlib import Path

from harness.case import between, case, check, equal
from harness.context import wait_until
from harness.loads import RawClient
from harness.secrets import check_no_canary, recorded
from harness.servers import nats

CANARY = "s3cr3t-canary-7e3b"
QUIET = 'CONNECT {"verbose":false,"pedantic":false,"headers":true,"lang":"python"}\r\n'
VERBOSE = 'CONNECT {"verbose":true,"pedantic":true,"headers":true,"lang":"python"}\r\n'
DEPTHS = ((1, 20), (16, 5), (100, 2))  # and rounds: 300 of each command
ACCOUNTS = f"""authorization {{ users = [
  {{user: {CANARY}, password: {CANARY}}}
  {{user: some, password: {CANARY}, permissions: {{publish: "yes.>", subscribe: "yes.>"}}}}
] }}"""


def pub(payload="hello", subject="foo.bar", reply=""):
    return f"PUB {subject} {reply}{len(payload)}\r\n{payload}\r\n"


def hpub(payload="hello"):
    head = "NATS/1.0\r\nName: value\r\n\r\n"
    return f"HPUB foo.bar {len(head)} {len(head) + len(payload)}\r\n{head}{payload}\r\n"


def connected(t, server, connect=QUIET):
    """A client, connected as all begin: what it says of itself and a PING come together."""
    client = RawClient(t, server.address)
    client.read_until(b"\r\n")
    client.send(connect + "PING\r\n").read_until(b"PONG\r\n")
    return client


def spoken(trace):
    return [r for r in trace.requests(outcome=None) if r["network.protocol.name"] == "nats"]


def seen(trace):
    others = {r["network.protocol.name"] for r in trace.requests(outcome=None)} - {"nats"}
    equal("other protocols", set(), others)
    equal("bytes not parsed", 0, trace.summary["bytes_not_parsed"])
    equal("answers that nobody asked for", 0, trace.summary["unknown_details"]["unsolicited"])
    equal("all is answered", trace.counts["seen"], trace.counts["matched"])
    check(not [r for r in spoken(trace) if "messaging.destination.name" in r], "a subject is told")
    return Counter(r["messaging.operation.name"] for r in spoken(trace))


def silent(trace):
    return dict(Counter(r["messaging.operation.name"] for r in spoken(trace) if "write_last_ns" not in r))


def published(server, before):
    """What the server has read since. It counts what a read held before it answers any of it."""
    return server.varz()["in_msgs"] - before["in_msgs"]


@case(breaks=("drop_request", "invent_request", "add_loss"))
def counts(t):
    """pipelines of 1, 16 and 100, verbose and not: as many PUB and HPUB as in_msgs"""
    server = nats(t)
    before = server.varz()
    with t.trace(server.pid) as trace:
        for connect, ok in ((QUIET, b""), (VERBOSE, b"+OK\r\n")):
            client = connected(t, server, connect)
            for depth, rounds in DEPTHS:
                for _ in range(rounds):
                    for command in (pub(), hpub(), "SUB other 7\r\nUNSUB 7\r\n"):
                        client.send(command * depth + "PING\r\n")
                        times = 2 if command[0] == "S" else 1
                        client.read_size(len(ok) * depth * times + len("PONG\r\n"))
                    client.send("PING\r\n" * depth).read_size(len("PONG\r\n") * depth)
    found = seen(trace)
    equal("as the client asked", 1200, published(server, before))
    equal("PUB and HPUB", published(server, before), found["PUB"] + found["HPUB"])
    equal("operations", {"CONNECT": 2, "PUB": 600, "HPUB": 600, "SUB": 600, "UNSUB": 600,
                         "PING": 2 * (1 + 3 * 27 + 300)}, dict(found))
    equal("without an answer", {"CONNECT": 1, "PUB": 300, "HPUB": 300, "SUB": 300, "UNSUB": 300}, silent(trace))
    equal("errors", 0, trace.counts["server_errors"])
    between("depth of the deepest pipeline", 100, max(r["tailwhy.pipeline.depth"] for r in spoken(trace)), 201)
    t.notes.append(f"{found.total()} requests")


@case(breaks=("drop_request",))
def errors(t):
    """each error once, by its word, and with the request that it answers"""
    server = nats(t, "max_payload: 1000\n" + ACCOUNTS)
    some = f'CONNECT {{"verbose":true,"pedantic":true,"user":"some","pass":"{CANARY}"}}\r\n'
    quiet, all_allowed = some.replace("true", "false"), some.replace("some", CANARY)
    wanted = Counter()
    with t.trace(server.pid) as trace:
        for connect, command, operation, word in (
                ('CONNECT {"user":"some","pass":"wrong"}\r\n', "PING\r\n", "CONNECT", "AuthorizationViolation"),
                (QUIET, "PING\r\n", "CONNECT", "AuthorizationViolation"),
                (some, f"{CANARY}\r\n", "_OTHER", "UnknownProtocolOperation"),
                (some, "PUB yes.a 1001\r\n", "PUB", "MaxPayloadViolation"),
                (all_allowed, "SUB yes..a 1\r\n", "SUB", "InvalidSubject"),
                (some, pub(subject="yes.*"), "PUB", "InvalidPublishSubject"),
                (some, pub(subject=CANARY), "PUB", "PermissionsViolation"),
                (some, f"SUB {CANARY} 1\r\n", "SUB", "PermissionsViolation"),
                (quiet, pub(subject=CANARY) + "PING\r\n", "PING", "PermissionsViolation"),
                (quiet, f"SUB {CANARY} 1\r\nPING\r\n", "PING", "PermissionsViolation")):
            client = RawClient(t, server.address)
            client.read_until(b"\r\n")
            client.send(connect)
            if connect in (some, all_allowed):
                client.read_until(b"+OK\r\n")
            end = b"+OK\r\n" if word == "InvalidPublishSubject" else b"PONG\r\n" if operation == "PING" else b"'\r\n"
            answer = client.send(command).read_until(end)
            check(b"-ERR '" in answer, f"the server says {answer}")
            wanted[operation, word] += 1
            client.close()
    words = Counter((r["messaging.operation.name"], r["tailwhy.response.status_code"]) for r in spoken(trace)
                    if "tailwhy.response.status_code" in r)
    equal("errors", wanted, words)
    equal("errors that were counted", wanted.total(), trace.counts["server_errors"])
    types = {r["error.type"] for r in spoken(trace) if "tailwhy.response.status_code" in r}
    equal("their types", {word for _, word in wanted}, types)


@case()
def fan_out(t):
    """what is published to subscribers answers nothing, however long it is"""
    server = nats(t)
    sizes = (5, 3_000, 100_000)
    before = server.varz()
    with t.trace(server.pid) as trace:
        subscribers = [connected(t, server).send("SUB foo.> 1\r\nPING\r\n") for _ in range(3)]
        for subscriber in subscribers:
            subscriber.read_until(b"PONG\r\n")
        publisher = connected(t, server)
        for number in range(30):
            text = chr(ord("a") + number % 26) * sizes[number % 3]
            publisher.send(pub(text, reply="_INBOX.1 ") + "PING\r\n").read_until(b"PONG\r\n")
            for subscriber in subscribers:
                subscriber.read_until(f"{text}\r\n".encode())
        for subscriber in subscribers:
            subscriber.send("PING\r\n").read_until(b"PONG\r\n")
    after = server.varz()
    equal("delivered", 90, after["out_msgs"] - before["out_msgs"])
    found = Counter(r["messaging.operation.name"] for r in spoken(trace))
    equal("operations", {"CONNECT": 4, "SUB": 3, "PUB": after["in_msgs"] - before["in_msgs"],
                         "PING": 4 + 3 + 30 + 3}, dict(found))
    equal("answers that nobody asked for", 0, trace.summary["unknown_details"]["unsolicited"])
    equal("matched", 77, trace.counts["matched"])
    sizes = Counter(r["tailwhy.request.bytes"] for r in spoken(trace) if r["messaging.operation.name"] == "PUB")
    equal("bytes of PUB", {len(pub("x" * size, reply="_INBOX.1 ")): 10 for size in (5, 3_000, 100_000)}, dict(sizes))


@case()
def without_a_flush(t):
    """a client that publishes and goes, and waits for nothing, has not failed; nor has its CONNECT"""
    server = nats(t)
    before = server.varz()
    with t.trace(server.pid) as trace:
        for _ in range(20):
            client = RawClient(t, server.address)
            client.read_until(b"\r\n")
            client.send(QUIET + pub() * 3).close()
        wait_until("all is read", lambda: published(server, before) == 60)
    found = Counter(r["messaging.operation.name"] for r in spoken(trace))
    equal("operations", {"CONNECT": 20, "PUB": 60}, dict(found))
    equal("failed", 0, trace.counts["failed"])


@case()
def server_pings(t):
    """the PING of the server and the client's PONG are no exchange"""
    server = nats(t, 'ping_interval: "200ms"')
    with t.trace(server.pid) as trace:
        client = connected(t, server)
        for _ in range(3):
            client.read_until(b"PING\r\n")
            client.send("PONG\r\n" + pub())
        client.send("PING\r\n").read_until(b"PONG\r\n")
    equal("operations", {"CONNECT": 1, "PUB": 3, "PING": 2}, dict(seen(trace)))


@case()
def held_up(t):
    """a server that stands still for 150 ms: the PING that waits for it takes as long, the others do not"""
    server = nats(t)
    with t.trace(server.pid) as trace:
        client = connected(t, server)
        server.process.signal(signal.SIGSTOP)
        wait_until("it stands still", lambda: " T " in Path(f"/proc/{server.pid}/stat").read_text())
        begin = time.monotonic()
        client.send("PING\r\n")
        time.sleep(0.15)
        server.process.signal(signal.SIGCONT)
        client.read_until(b"PONG\r\n")
        took = (time.monotonic() - begin) * 1e3
    fast, slow = (r["duration_ns"] / 1e6 for r in spoken(trace) if r["messaging.operation.name"] == "PING")
    check(fast < 20, f"the PING that did not wait took {fast} ms")
    between("the PING in ms", 149, slow, took)


@case()
def attach_in_mid_message(t):
    """attached in the middle of a payload: what comes then is read, and nothing is taken for it"""
    server = nats(t)
    half, whole = connected(t, server), connected(t, server)
    half.send("PUB foo 20\r\nPUB a")
    time.sleep(0.1)
    with t.trace(server.pid) as trace:
        half.send(" 7 xxxxxxxxxxxx\r\nPING\r\n").read_until(b"PONG\r\n")
        for client in (half, whole) * 10:
            client.send(pub() + "PING\r\n").read_until(b"PONG\r\n")
    found = Counter(r.get("messaging.operation.name") for r in spoken(trace))
    equal("PUB", 20, found["PUB"])
    between("PING", 20, found["PING"], 21)
    equal("unmatched", 0, trace.counts["unmatched"])


@case()
def busy_at_attach(t):
    """connections in full use at the attach, verbose and not: only what was asked, only by its name"""
    for name, connect, ok in (("quiet", QUIET, b""), ("verbose", VERBOSE, b"+OK\r\n")):
        server = nats(t)
        stop = threading.Event()
        clients = [connected(t, server, connect) for _ in range(4)]

        def load(client, ok=ok, stop=stop):
            while not stop.is_set():
                client.send(pub() * 8 + "PING\r\n").read_size(8 * len(ok) + 6)
        threads = [threading.Thread(target=load, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        try:
            time.sleep(0.2)
            before = server.varz()["in_msgs"]
            with t.trace(server.pid, log=False) as trace:
                begun = server.varz()["in_msgs"]
                time.sleep(0.3)
                ends = server.varz()["in_msgs"]
            after = server.varz()["in_msgs"]
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        server.process.end()
        rows = [r for r in trace.summary["routes"] if r["network.protocol.name"] == "nats"]
        equal("operations", {"PUB", "PING"}, {r["messaging.operation.name"] for r in rows})
        equal("failed", 0, trace.counts["failed"])
        count = sum(r["count"] for r in rows if r["messaging.operation.name"] == "PUB")
        between(f"PUB, {name}", ends - begun, count, after - before)
        t.notes.append(f"{name}: {count}")


@case()
def secrets(t):
    """users, passwords, subjects, ids, headers and payloads are in no output and no recording"""
    server = nats(t, ACCOUNTS)
    with recorded(t, server.pid) as trace:
        connect = f'CONNECT {{"verbose":false,"headers":true,"user":"{CANARY}","pass":"{CANARY}","name":"{CANARY}"}}\r\n'
        client = connected(t, server, connect)
        client.send(f"SUB {CANARY} {CANARY}\r\nPING\r\n").read_until(b"PONG\r\n")
        client.send(pub(CANARY * 200, CANARY, f"_INBOX.{CANARY} ")).read_until(CANARY.encode() + b"\r\n")
        head = f"NATS/1.0\r\n{CANARY}: {CANARY}\r\n\r\n"
        client.send(f"HPUB {CANARY} {len(head)} {len(head) + len(CANARY)}\r\n{head}{CANARY}\r\n")
        client.read_until(CANARY.encode() + b"\r\n")
        client.send(f"{CANARY} {CANARY}\r\n").read_until(b"'\r\n")
        some = connected(t, server, connect.replace(f'"user":"{CANARY}"', '"user":"some"'))
        some.send(pub(CANARY, CANARY) + "PING\r\n").read_until(b"PONG\r\n")
    equal("operations", {"CONNECT": 2, "PING": 4, "SUB": 1, "PUB": 2, "HPUB": 1, "_OTHER": 1}, dict(seen(trace)))
    check_no_canary(t, trace, CANARY, "HPUB")
