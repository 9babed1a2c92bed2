"""MongoDB: its own client library against a scripted server, for none is packaged; what that one logs is counted."""
import json
import socket
import struct
import threading
import time
from collections import Counter

from harness.case import Skip, between, case, check, equal
from harness.secrets import check_no_canary, recorded
from harness.servers import Printed

CANARY = "canary-9c2e"


class Server(Printed):
    def commands(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def client(self, **options):
        try:
            import pymongo  # pylint: disable=import-outside-toplevel
        except ImportError as error:
            raise Skip("python3-pymongo is not installed") from error
        return pymongo.MongoClient(f"mongodb://{self.address}/", serverSelectionTimeoutMS=10_000, **options)


def mongodb(t):
    try:
        import bson as _  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        raise Skip("python3-bson is not installed") from error
    log = t.folder / "mongodb.log"
    command = ["/usr/bin/python3", "-u", t.asset("mongodb_server.py"), log]
    return Server(t, t.start(command, "mongodb_server"), log)


def command(number, elements, flags=0):
    body = struct.pack("<i", len(elements) + 5) + elements + b"\0"
    return struct.pack("<iiiiIb", 21 + len(body), number, 0, 2013, flags, 0) + body


def text(name, value):
    return b"\x02" + name.encode() + b"\0" + struct.pack("<i", len(value) + 1) + value.encode() + b"\0"


class Raw:
    """A client that sends what it is told to, and reads so many answers."""

    def __init__(self, server):
        host, port = server.address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        self.data = b""

    def send(self, data):
        self.socket.sendall(data)

    def answers(self, count):
        """What they answer."""
        found = []
        while len(found) < count:
            size = struct.unpack_from("<i", self.data)[0] if len(self.data) >= 4 else 1 << 30
            if len(self.data) >= size:
                found.append(struct.unpack_from("<i", self.data, 8)[0])
                self.data = self.data[size:]
                continue
            more = self.socket.recv(65536)
            check(more, "the server hung up")
            self.data += more
        return found


def seen(trace):
    requests = trace.requests("server", None)
    equal("protocols", {"mongodb"}, {r["network.protocol.name"] for r in requests})
    return Counter((r.get("db.operation.name"), r.get("db.collection.name"), r.get("db.response.status_code"))
                   for r in requests)


def wanted(server):
    return Counter((None, None, None) if c["packed"] else (c["name"], c["collection"], c["status"])
                   for c in server.commands())


@case(breaks=("drop_request", "invent_request", "add_loss"))
def counts(t):
    """pymongo: as many of each command, collection and status as the server logs"""
    server = mongodb(t)
    with t.trace(server.pid) as trace:
        client = server.client()
        shop = client.shop
        for number in range(100):
            shop.users.find_one({"name": CANARY})
            shop.carts.insert_one({"_id": number, "v": CANARY})
        for row in shop.long.find({}):
            check(row["_id"] == 0, "the row")
        shop.carts.insert_many([{"_id": n} for n in range(1000, 1200)])
        shop.carts.update_one({"v": CANARY}, {"$set": {"v": 1}})
        for function in (lambda: shop.carts.insert_one({"_id": 5}), lambda: shop.command(CANARY.replace("-", "_")),
                         lambda: shop.missing.find_one()):
            try:
                function()
                check(False, "that should have failed")
            except client_errors():
                pass
        shop.get_collection("carts", write_concern=no_answer()).insert_one({"_id": 7000})
        shop.users.find_one()
        big = list(shop.users.find({}, limit=3000))
        equal("rows of a big answer", 3000, len(big))
        client.close()
        time.sleep(0.2)
    logged = wanted(server)
    logged[("_OTHER", None, "CommandNotFound")] = logged.pop(("canary_9c2e", None, "CommandNotFound"))
    equal("commands", logged, seen(trace))
    equal("server errors", 3, trace.counts["server_errors"])
    check(not [r for r in trace.requests() if "incomplete" in r and "tailwhy.open_ended" not in r],
          "some are incomplete")
    equal("without an answer", [("insert", "carts")],
          [(r["db.operation.name"], r["db.collection.name"]) for r in trace.requests() if "write_last_ns" not in r])
    waiting = [r for r in trace.requests("server", None) if r.get("tailwhy.open_ended")]
    check(all(r["db.operation.name"].lower() in ("ismaster", "hello") for r in waiting), "who waits")


def client_errors():
    import pymongo.errors  # pylint: disable=import-outside-toplevel
    return pymongo.errors.PyMongoError


def no_answer():
    import pymongo  # pylint: disable=import-outside-toplevel
    return pymongo.WriteConcern(w=0)


@case(breaks=("drop_request", "invent_request"))
def pipelines(t):
    """1, 16 and 100 commands before an answer, with those among them that want none"""
    server = mongodb(t)
    with t.trace(server.pid) as trace:
        for depth in (1, 16, 100):
            client = Raw(server)
            client.send(b"".join(command(n + 1, text("count", "users") + text("$db", "shop")) for n in range(depth)))
            equal("answers", list(range(1, depth + 1)), client.answers(depth))
            client.send(command(500, text("delete", "carts"), flags=2) + command(501, text("find", "missing")))
            equal("answers", [501], client.answers(1))
    equal("commands", wanted(server), seen(trace))
    equal("matched", 117 + 6, trace.counts["matched"])


@case()
def streams(t):
    """an answer of three messages is one exchange, from the first question to the last message"""
    server = mongodb(t)
    with t.trace(server.pid) as trace:
        client = Raw(server)
        client.send(command(1, b"\x10hello\0\1\0\0\0" + text("$db", "admin"), flags=1 << 16))
        client.answers(3)
        client.send(command(2, b"\x10ping\0\1\0\0\0"))
        client.answers(1)
    hello, ping = trace.requests()
    equal("names", ("hello", "ping"), (hello["db.operation.name"], ping["db.operation.name"]))
    between("three messages in ms", 200, hello["duration_ns"] / 1e6, 260)
    between("its bytes", 3 * 200, hello["tailwhy.response.bytes"], 3 * 400)


@case()
def compressed(t):
    """OP_COMPRESSED has no name and no status, and its own times"""
    server = mongodb(t)
    with t.trace(server.pid) as trace:
        client = server.client(compressors="zlib")
        client.shop.command("ping", slow=True)
        client.close()
        time.sleep(0.2)
    packed = [r for r in trace.requests() if "db.operation.name" not in r]
    equal("compressed", len([c for c in server.commands() if c["packed"]]), len(packed))
    slow = [r for r in packed if r["duration_ns"] > 100e6]
    equal("slow ones", 1, len(slow))
    between("it in ms", 200, slow[0]["duration_ns"] / 1e6, 240)


@case()
def attach_in_mid_connection(t):
    """connections in use at the attach: no phantom, no wrong name, and every request after it"""
    server = mongodb(t)
    clients = [Raw(server) for _ in range(4)]
    stop = threading.Event()
    sent = [0] * 4

    def work(index):
        while not stop.is_set():
            clients[index].send(command(sent[index], text(("find", "count")[sent[index] % 2], "users")))
            clients[index].answers(1)
            sent[index] += 1
            stop.wait(0.001)

    clients[0].send(command(77, b"\x10ping\0\1\0\0\0" + b"\x08slow\0\1"))  # answered after the attach
    clients[0].answers(1)
    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    while sum(sent) < 20:
        stop.wait(0.01)
    earlier = sum(sent)
    with t.trace(server.pid) as trace:
        before = sum(sent)
        while sum(sent) < before + 100:
            stop.wait(0.01)
        stop.set()
        for thread in threads:
            thread.join()
    counted = Counter(r["db.operation.name"] for r in trace.requests())
    check(set(counted) <= {"find", "count"}, f"names that nobody sent: {counted}")
    between("requests", sum(sent) - before, counted.total(), sum(sent) - earlier)
    equal("unmatched", 0, trace.counts["unmatched"])


@case()
def attach_in_mid_request(t):
    """what was asked before the attach is counted apart, what follows on its connection is read"""
    server = mongodb(t)
    client = Raw(server)
    with_wait = command(1, b"\x10ping\0\1\0\0\0" + b"\x08slow\0\1" + text("pad", "x" * 200))
    client.send(with_wait[:40])
    time.sleep(0.1)
    with t.trace(server.pid) as trace:
        client.send(with_wait[40:])
        client.answers(1)
        client.send(command(2, text("find", "users")))
        client.answers(1)
    equal("in flight", 1, trace.counts["in_flight_at_attach"])
    equal("read", [("find", "users")],
          [(r.get("db.operation.name"), r.get("db.collection.name")) for r in trace.requests()])


@case()
def secrets(t):
    """values, keys, unknown commands and texts of errors are in no output and no recording"""
    server = mongodb(t)
    with recorded(t, server.pid) as trace:
        client = server.client(appname=CANARY)
        shop = client[CANARY]
        list(shop.users.find({CANARY: CANARY}, limit=50))
        shop.carts.insert_one({"_id": CANARY, CANARY: CANARY})
        for function in (lambda: shop.carts.insert_one({"_id": CANARY}), lambda: shop.command(CANARY),
                         lambda: shop.command("find", "missing", **{CANARY: CANARY})):
            try:
                function()
            except client_errors():
                pass
        client.close()
    check_no_canary(t, trace, CANARY, "carts")
