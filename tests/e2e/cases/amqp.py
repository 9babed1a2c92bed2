"""AMQP by RabbitMQ's own counts: its counters, which its metrics show. A node takes long to start, so that few cases
ask many things."""
import signal
import struct
import threading
import time
from collections import Counter

from harness.amqp import (Client, declare, frame, get, method, name, open_channel, publish, rabbitmq, select)
from harness.case import Skip, between, case, check, equal
from harness.context import wait_until
from harness.secrets import check_no_canary, recorded

CANARY = "s3cr3t-canary-8e1b"


def asked(trace, role="server"):
    return [r for r in trace.requests(role, None) if r["network.protocol.name"] == "amqp"]


def statuses(trace):
    return Counter((r["messaging.operation.name"], r["error.type"]) for r in asked(trace) if "error.type" in r)


def with_pika(server):
    """A session of another client; gives what it does by operation."""
    try:
        import pika
    except ImportError as error:
        raise Skip("python3-pika is not installed") from error
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.port))
    channel = connection.channel()
    channel.queue_declare(CANARY + "-pika")
    channel.basic_publish("", CANARY + "-pika", CANARY.encode())
    channel.confirm_delivery()
    for _ in range(10):
        channel.basic_publish("", CANARY + "-pika", CANARY.encode())
    for _, _, _ in channel.consume(CANARY + "-pika", auto_ack=True, inactivity_timeout=5):
        break
    channel.cancel()
    channel.queue_delete(CANARY + "-pika")
    connection.close()
    return Counter({"connection.start": 1, "connection.start-ok": 1, "connection.tune-ok": 1, "connection.open": 1,
                    "channel.open": 1, "queue.declare": 1, "basic.publish": 11, "confirm.select": 1,
                    "basic.consume": 1, "queue.delete": 1, "connection.close": 1})


def pipelines(client, queue):
    """Publishes with and without confirms and gets them back; gives what that was by operation."""
    client.send(open_channel(1) + declare(1, queue) + open_channel(2) + select(2)).wait((85, 11))
    wanted = Counter({"channel.open": 2, "queue.declare": 1, "confirm.select": 1})
    for depth in (1, 16, 100):
        client.send(publish(1, queue, CANARY.encode()) * depth + declare(1, queue, 1)).wait((50, 11))
        client.send(publish(2, queue, CANARY.encode()) * depth)
        wanted += Counter({"basic.publish": 2 * depth, "queue.declare": 1})
    client.confirmed(117)
    client.send(publish(2, queue, CANARY.encode() * 5000)).wait((60, 80))
    kinds = Counter()
    for _ in range(5):
        client.send(get(1, queue) * 50)
        kinds += Counter(client.wait((60, 71), (60, 72))[0][1] for _ in range(50))
    equal("got", {71: 235, 72: 15}, dict(kinds))
    return wanted + Counter({"basic.publish": 1, "basic.get": 250})


def refused(t, server):
    """Each mistake once; gives the words of what is told of it."""
    wanted = Counter()
    client = Client(t, server)
    missing = declare(1, CANARY + "-missing", 1)
    for arguments, word in ((missing, "NOT_FOUND"), (declare(1, "amq.x"), "ACCESS_REFUSED"),
                            (declare(1, CANARY, 2), "PRECONDITION_FAILED")):
        client.send(open_channel(1) + arguments).wait((20, 40))
        client.send(method(1, 20, 41))
        wanted["queue.declare", word] += 1
    client.send(open_channel(1) + declare(1, CANARY + "-own", 4)).wait((50, 11))
    other = Client(t, server).send(open_channel(1) + declare(1, CANARY + "-own", 1))
    other.wait((20, 40))
    wanted["queue.declare", "RESOURCE_LOCKED"] += 1
    # a queue that is full refuses what is published to it
    full = (name("x-max-length") + b"I" + struct.pack(">I", 1)
            + name("x-overflow") + b"S" + struct.pack(">I", 14) + b"reject-publish")
    client.send(method(1, 50, 10, b"\0\0" + name(CANARY + "-full") + b"\0" + struct.pack(">I", len(full)) + full))
    client.wait((50, 11))
    client.send(select(1)).wait((85, 11))
    for _ in range(4):
        client.send(publish(1, CANARY + "-full", b"x"))
        (_, kind), _ = client.wait((60, 80), (60, 120))
        wanted["basic.publish", "nack"] += kind == 120
    # a wrong exchange closes the channel under what was published
    client.send(publish(1, "key", b"x", exchange=CANARY + "-missing")).wait((20, 40))
    wanted["basic.publish", "NOT_FOUND"] += 1
    client.send(method(1, 20, 41) + method(2, 20, 10, b"\0") + method(2, 60, 10, bytes(7))).wait((60, 11))
    # what RabbitMQ does not have closes the connection
    client.send(select(2)).wait((85, 11))
    immediate = method(2, 60, 40, b"\0\0" + name("") + name("key") + b"\2")
    client.send(immediate + frame(2, 2, struct.pack(">HHQH", 60, 0, 0, 0))).wait((10, 50))
    client.send(method(0, 10, 51))
    wanted["basic.publish", "NOT_IMPLEMENTED"] += 1
    found, _ = Client(t, server, hello=False).start("guest", "wrong-" + CANARY)
    equal("answer to a wrong password", (10, 50), found)
    wanted["connection.start-ok", "ACCESS_REFUSED"] += 1
    return wanted


@case(limit=120, breaks=("drop_request", "invent_request", "add_loss"))
def counts(t):
    """pipelines of 1, 16 and 100 with and without confirms, basic.get, pika, each error: as RabbitMQ counts"""
    server = rabbitmq(t)
    before = server.counts()
    # a busy node reads 9 kB of a pipeline at once
    with t.trace(server.pid, "--capture", "16K") as trace:
        client = Client(t, server)
        wanted = pipelines(client, CANARY)
        client.send(method(0, 10, 50, struct.pack(">H", 200) + name("") + bytes(4))).wait((10, 51))
        wanted += Counter(["connection.start", "connection.start-ok", "connection.tune-ok", "connection.open",
                           "connection.close"])
        wanted += with_pika(server)
        refusals = refused(t, server)
        time.sleep(0.2)
        after = server.counts()
    counted = Counter({key: after[key] - before.get(key, 0) for key in after})
    records = asked(trace)
    found = Counter(r["messaging.operation.name"] for r in records)
    for operation in ("basic.get", "basic.consume", "queue.delete", "connection.close"):
        equal(operation, wanted[operation], found[operation])
    # RabbitMQ does not count what it does not implement as received, nor what it refuses as to be confirmed
    received = counted["global_messages_received_total"] + refusals["basic.publish", "NOT_IMPLEMENTED"]
    to_confirm = (counted["global_messages_received_confirm_total"] + refusals["basic.publish", "NOT_IMPLEMENTED"]
                  + refusals["basic.publish", "NOT_FOUND"])
    equal("basic.publish", received, found["basic.publish"])
    equal("basic.get", counted["global_messages_delivered_get_auto_ack_total"] + counted["global_messages_get_empty_total"],
          found["basic.get"])
    equal("channel.open", counted["channels_opened_total"], found["channel.open"])
    equal("connection.open", counted["connections_opened_total"], found["connection.open"])
    equal("connection.start-ok", counted["auth_attempts_total"], found["connection.start-ok"])
    words = Counter((r["messaging.operation.name"], r.get("tailwhy.response.status_code")) for r in records)
    equal("empty basic.get", counted["global_messages_get_empty_total"], words["basic.get", "get-empty"])
    published = [r for r in records if r["messaging.operation.name"] == "basic.publish"]
    confirmed = [r for r in published if "duration_ns" in r]
    equal("publishes with an answer", to_confirm, len(confirmed))
    equal("confirms", counted["global_messages_confirmed_total"], sum("error.type" not in r for r in confirmed))
    errors = Counter((r["messaging.operation.name"], r["error.type"]) for r in records if "error.type" in r)
    equal("errors", refusals, errors)
    equal("server errors", refusals.total(), trace.counts["server_errors"])
    sizes = {r["tailwhy.request.bytes"] for r in published if r["tailwhy.request.bytes"] > 1000}
    equal("bytes of the large one", {len(publish(2, CANARY, CANARY.encode() * 5000))}, sizes)
    equal("unmatched", 0, trace.counts["unmatched"])
    equal("bytes not parsed", 0, trace.summary["bytes_not_parsed"])
    equal("answers that nobody asked for", 0, trace.summary["unknown_details"]["unsolicited"])
    t.notes.append(f"{found.total()} exchanges, {len(confirmed)} confirms, {errors.total()} errors")


@case(limit=120)
def secrets(t):
    """names of queues, routing keys, passwords, reply texts and contents are in no output and no recording"""
    server = rabbitmq(t)
    with recorded(t, server.pid) as trace:
        pipelines(Client(t, server), CANARY)
        with_pika(server)
        refused(t, server)
    check(len(asked(trace)) > 500, f"only {len(asked(trace))} requests")
    check_no_canary(t, trace, CANARY, "basic.publish")


@case(limit=120)
def attach_in_the_middle(t):
    """of connections in use, of a message, and of a node that stands still: names, times and no phantoms"""
    server = rabbitmq(t)
    clients = [Client(t, server) for _ in range(3)]
    for client in clients:
        client.send(open_channel(1) + declare(1, "q") + select(1)).wait((85, 11))
    half = Client(t, server).send(open_channel(1) + declare(1, "q"))
    half.wait((50, 11))
    message = publish(1, "q", CANARY.encode() * 200)
    half.send(message[:1000])
    stop = threading.Event()
    sent = [0] * len(clients)

    def work(index):
        client = clients[index]
        while not stop.is_set():
            if sent[index] % 2:
                client.send(publish(1, "q", b"x" * 20)).wait((60, 80))
            else:
                client.send(declare(1, "q", 1)).wait((50, 11))
            sent[index] += 1

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(clients))]
    for thread in threads:
        thread.start()
    wait_until("the clients are at work", lambda: sum(sent) > 20)
    before = sum(sent)
    with t.trace(server.pid) as trace:
        begun = sum(sent)
        wait_until("they go on", lambda: sum(sent) > begun + 300)
        stop.set()
        for thread in threads:
            thread.join()
        half.send(message[1000:] + declare(1, "q", 1)).wait((50, 11))
        half.send(get(1, "q")).wait((60, 71))
        server.process.signal(signal.SIGSTOP)
        try:
            half.send(declare(1, "q", 1) + method(1, 60, 10, bytes(7)))
            time.sleep(0.2)
        finally:
            server.process.signal(signal.SIGCONT)
        half.wait((60, 11))
    counted = Counter(r["messaging.operation.name"] for r in asked(trace))
    nameless = [r for r in trace.requests() if r["network.protocol.name"] == "unknown"]
    check(set(counted) <= {"basic.publish", "queue.declare", "basic.get", "basic.qos"}, f"nobody sent {counted}")
    between("requests", sum(sent) - begun, counted.total() + len(nameless), sum(sent) - before + 6)
    between("requests without a name", 0, len(nameless), len(clients) + 2)
    equal("after the rest of the message", (1, 1), (counted["basic.get"], counted["basic.qos"]))
    slow = {r["messaging.operation.name"]: r["duration_ns"] / 1e6 for r in asked(trace)
            if r.get("duration_ns", 0) > 150e6}
    equal("what waited", {"queue.declare", "basic.qos"}, set(slow))
    for what, value in slow.items():
        between(f"{what} in ms", 190, value, 300)
    # nobody saw that their channels confirm
    equal("publishes with a time", 0, sum(r["messaging.operation.name"] == "basic.publish" and "duration_ns" in r
                                          for r in asked(trace)))
    equal("unmatched", 0, trace.counts["unmatched"])
    t.notes.append(f"{counted.total()} exchanges, {len(nameless)} without a name")
