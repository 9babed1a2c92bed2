"""Kafka against a scripted broker: no real one is packaged. What the client asks is counted."""
import socket
import struct
import threading
import time
from collections import Counter

from harness.case import between, case, check, equal
from harness.servers import Printed

APIS = {3: "Metadata", 18: "ApiVersions", 1: "Fetch", 0: "Produce"}
CANARY = b"canary-5b1d"


def kafka(t):
    command = ["/usr/bin/python3", "-u", t.asset("kafka_server.py")]
    return Printed(t, t.start(command, "kafka_server"))


def ask(api, correlation, client=b"client", version=None, rest=CANARY):
    body = struct.pack(">HHIH", api, 7 if version is None else version, correlation, len(client)) + client + rest
    return struct.pack(">I", len(body)) + body


def produce(correlation, acks):
    return ask(0, correlation, rest=struct.pack(">hhI", -1, acks, 1000) + CANARY * 300)


class Client:
    def __init__(self, server):
        host, port = server.address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=20)

    def send(self, data):
        self.socket.sendall(data)

    def answers(self, count):
        data = b""
        while len(data) < 48 * count:
            more = self.socket.recv(65536)
            check(more, "the broker hung up")
            data += more
        return [struct.unpack(">I", data[at + 4:at + 8])[0] for at in range(0, len(data), 48)]


def named(trace):
    equal("protocols", {"kafka"}, {r["network.protocol.name"] for r in trace.requests("server", None)})
    return Counter(r["messaging.operation.name"] for r in trace.requests("server", None))


@case(breaks=("drop_request", "invent_request", "add_loss"))
def counts(t):
    """pipelines of 1, 16 and 100, answered in any order; Produce with and without acks"""
    server = kafka(t)
    with t.trace(server.pid) as trace:
        wanted = Counter()
        for depth in (1, 16, 100):
            client = Client(server)
            apis = [(18, 3, 1)[i % 3] for i in range(depth)]
            client.send(b"".join(ask(api, i, b"slow" if i % 5 == 0 else b"fast")
                                 for i, api in enumerate(apis)))
            equal("answers", set(range(depth)), set(client.answers(depth)))
            client.send(produce(1000, 1) + produce(1001, 0) + ask(3, 1002))
            equal("answers", {1000, 1002}, set(client.answers(2)))
            wanted += Counter(APIS[api] for api in apis + [0, 0, 3])
    equal("operations", wanted, named(trace))
    equal("seen and matched", (wanted.total(),) * 2, (trace.counts["seen"], trace.counts["matched"]))
    slow = [r for r in trace.requests() if r.get("duration_ns", 0) > 15e6]
    equal("slow ones", 1 + 4 + 20, len(slow))
    for r in slow:
        between("a slow answer in ms", 20, r["duration_ns"] / 1e6, 60)
    one_way = [r for r in trace.requests() if "duration_ns" not in r]
    equal("without an answer", ["Produce"] * 3, [r["messaging.operation.name"] for r in one_way])
    for file in t.folder.glob("tailwhy-*"):
        check(CANARY not in file.read_bytes(), f"{file} has what the client sent")


@case()
def attach_in_mid_connection(t):
    """connections in use at the attach: no phantom, no wrong name, and every request after it"""
    server = kafka(t)
    clients = [Client(server) for _ in range(4)]
    stop = threading.Event()
    sent = [0] * 4

    def work(index):
        while not stop.is_set():
            clients[index].send(ask((3, 18)[sent[index] % 2], sent[index], b"slow"))
            clients[index].answers(1)
            sent[index] += 1

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    while sum(sent) < 20:
        stop.wait(0.01)
    with t.trace(server.pid) as trace:
        before = sum(sent)
        while sum(sent) < before + 100:
            stop.wait(0.01)
        stop.set()
        for thread in threads:
            thread.join()
    counted = Counter(r["messaging.operation.name"] for r in trace.requests())
    check(set(counted) <= {"Metadata", "ApiVersions"}, f"names that nobody sent: {counted}")
    between("requests", 100, counted.total(), sum(sent) - before + 4)
    check(trace.counts["in_flight_at_attach"] <= 4, "more in flight than there are connections")
    equal("unmatched", 0, trace.counts["unmatched"])


@case(breaks=("drop_request",))
def attach_in_mid_request(t):
    """half of a request at the attach: nothing is taken for it, what follows on its connection is read"""
    server = kafka(t)
    client = Client(server)
    whole = ask(1, 7, rest=ask(3, 8) * 20)  # in it lies what looks like requests
    client.send(whole[:300])
    time.sleep(0.1)
    with t.trace(server.pid) as trace:
        client.send(whole[300:])
        client.answers(1)
        for i in range(3):
            client.send(ask(18, 10 + i, b"slow"))
            client.answers(1)
    equal("in flight", 1, trace.counts["in_flight_at_attach"])
    equal("read", ["ApiVersions"] * 3, [r.get("messaging.operation.name") for r in trace.requests()])
    equal("unmatched", 0, trace.counts["unmatched"])


@case()
def pinned(t):
    """--protocol names a port's protocol where its bytes do not; other ports are not touched"""
    server = kafka(t)
    port = int(server.address.split(":")[1])
    odd = struct.pack(">IHHIh", 10, 3, 7, 5, -1)  # a client without a name is not taken for Kafka
    for arguments, protocol in (((), "unknown"), (("--protocol", f"{port}=kafka"), "kafka"),
                                (("--protocol", f"{port - 1}=kafka"), "unknown")):
        with t.trace(server.pid, *arguments) as trace:
            client = Client(server)
            client.send(odd)
            client.answers(1)
            client.socket.close()
        equal(f"with {arguments}", [protocol],
              [r["network.protocol.name"] for r in trace.requests()])
