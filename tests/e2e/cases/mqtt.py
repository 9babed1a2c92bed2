"""MQTT by mosquitto's own counts: $SYS/broker and the packets in its log."""
import signal
import threading
import time
from collections import Counter

from harness.case import between, case, check, equal
from harness.mqtt import (DISCONNECT, PINGREQ, PUBREL, Client, connect, mosquitto, numbered, packet, publish,
                          subscribe, text, unsubscribe)
from harness.secrets import check_no_canary, recorded

CANARY = "s3cr3t-canary-6d2f"
CONNACK, PUBACK, PUBREC, PUBCOMP, SUBACK, UNSUBACK, PINGRESP = 0x20, 0x40, 0x50, 0x70, 0x90, 0xb0, 0xd0


def named(trace):
    requests = trace.requests("server", None)
    equal("protocols", {"mqtt"}, {r["network.protocol.name"] for r in requests})
    return Counter(r["messaging.operation.name"] for r in requests)


def check_all_matched(trace):
    equal("seen and matched", (trace.counts["seen"],) * 2, (trace.counts["seen"], trace.counts["matched"]))
    equal("bytes not parsed", 0, trace.summary["bytes_not_parsed"])
    equal("answers that nobody asked for", 0, trace.summary["unknown_details"]["unsolicited"])
    check(not [r for r in trace.requests() if "incomplete" in r], "some are incomplete")


def statuses(trace):
    return Counter((r["messaging.operation.name"], r.get("tailwhy.response.status_code"), r.get("error.type"))
                   for r in trace.requests("server", None))


@case(breaks=("drop_request", "invent_request", "add_loss"))
def counts(t):
    """quality of service 0, 1 and 2 in pipelines of 1, 16 and 100, in 3.1.1 and 5.0: as $SYS and the log have it"""
    server = mosquitto(t)
    with t.trace(server.pid) as trace:
        for level in (4, 5):
            listener = Client(t, server, level).send(subscribe(1, "t/#", qos=2, level=level)).read_types({SUBACK: 1})
            client = Client(t, server, level)
            for depth in (1, 16, 100):
                numbers = range(1, depth + 1)
                client.send(b"".join(publish("t/0", b"x" * 20, level=level) for _ in numbers) + PINGREQ)
                client.read_types({PINGRESP: 1})
                client.send(b"".join(publish("t/1", b"x" * 20, 1, n, level) for n in numbers))
                client.read_types({PUBACK: depth})
                client.send(b"".join(publish("t/2", b"x" * 20, 2, n, level) for n in numbers))
                client.read_types({PUBREC: depth})
                client.send(b"".join(numbered(PUBREL, n) for n in numbers)).read_types({PUBCOMP: depth})
            client.send(PINGREQ * 16 + unsubscribe(3, "t/#", level)).read_types({PINGRESP: 16, UNSUBACK: 1})
            client.send(DISCONNECT)
            # The deliveries have identifiers of their own; only some of them are acknowledged.
            for _ in range(40):
                first, body = listener.read_packet()
                if first & 0xf6 == 0x32:
                    listener.send(packet(PUBACK, body[5:7]))
                elif first & 0xf6 == 0x34:
                    listener.send(packet(PUBREC, body[5:7]))
        publishes, packets = server.counts("publish/messages/received", "messages/received")
        log = server.received()
    acknowledged = sum(log.pop(name, 0) for name in ("PUBACK", "PUBREC", "PUBCOMP"))
    found = named(trace)
    equal("as asked", {"CONNECT": 5, "PUBLISH": 2 * 3 * 117, "PUBREL": 2 * 117, "PINGREQ": 2 * 19, "SUBSCRIBE": 3,
                       "UNSUBSCRIBE": 2, "DISCONNECT": 2}, dict(found))
    equal("packets in mosquitto's log", dict(log), dict(found))
    # mosquitto 2.0 counts those of quality of service 2 only among all packets
    equal("$SYS publish/messages/received", publishes, found["PUBLISH"] - found["PUBREL"])
    equal("$SYS messages/received without acknowledgements", packets - acknowledged, found.total())
    check(acknowledged >= 20, f"only {acknowledged} deliveries were acknowledged")
    check_all_matched(trace)
    one_way = Counter(r["messaging.operation.name"] for r in trace.requests() if "duration_ns" not in r)
    equal("without an answer", {"PUBLISH": 2 * 117, "DISCONNECT": 2}, dict(one_way))
    equal("versions", {"3.1.1", "5.0"}, {r["network.protocol.version"] for r in trace.requests()})
    equal("server errors", 0, trace.counts["server_errors"])
    t.notes.append(f"{found.total()} exchanges, {acknowledged} acknowledgements")


@case()
def clients_of_others(t):
    """mosquitto_pub and mosquitto_sub: as many as mosquitto's log has"""
    server = mosquitto(t)
    pub, sub = t.tool("mosquitto_pub"), t.tool("mosquitto_sub")
    where = ["-h", "127.0.0.1", "-p", server.port]
    with t.trace(server.pid) as trace:
        for version in ("mqttv311", "mqttv5"):
            for qos in (0, 1, 2):
                listener = t.start([sub, *where, "-V", version, "-t", "t", "-q", qos, "-C", 20], "mosquitto_sub")
                while server.received()["SUBSCRIBE"] < (3 if version == "mqttv5" else 0) + qos + 1:
                    time.sleep(0.01)
                words = f"{pub} -h 127.0.0.1 -p {server.port} -V {version} -t t -q {qos} -l"
                t.run(["sh", "-c", f"seq 20 | {words}"])
                equal("mosquitto_sub", 0, listener.wait())
        log = server.received()
    for name in ("PUBACK", "PUBREC", "PUBCOMP"):
        log.pop(name, 0)
    equal("packets in mosquitto's log", dict(log), dict(named(trace)))
    equal("PUBLISH", 120, log["PUBLISH"])
    check_all_matched(trace)


@case(breaks=("drop_request",))
def errors(t):
    """each refusal once, by the word of its return or reason code"""
    rules = t.folder / "acl"
    rules.write_text("user tester\ntopic readwrite open/#\n")
    users = t.folder / "users"
    users.touch(mode=0o600)
    t.run([t.tool("mosquitto_passwd"), "-b", users, "tester", "right"])
    server = mosquitto(t, "allow_anonymous false", f"password_file {users}", f"acl_file {rules}")
    with t.trace(server.pid) as trace:
        for level in (4, 5):
            for password in ("wrong-" + CANARY, "right"):
                client = Client(t, server, level, hello=False)
                client.send(connect(level, "", "tester", password)).read_types({CONNACK: 1})
            client.send(publish("closed/" + CANARY, b"x", 1, 1, level)).read_types({PUBACK: 1})
            client.send(publish("open/x", b"x", 1, 2, level)).read_types({PUBACK: 1})
            client.send(subscribe(3, "open/a", "open/" + CANARY, level=level)).read_types({SUBACK: 1})
            client.send(unsubscribe(4, "open/b", level)).read_types({UNSUBACK: 1})
        client.send(publish("open/+", b"x", 1, 5, 5)).read_types({0xe0: 1})  # the broker disconnects
        refused = Client(t, server, hello=False)
        refused.send(packet(0x10, text("MQTT") + bytes([9, 2, 0, 60]) + text("c"))).read_types({CONNACK: 1})
    wanted = Counter({
        ("CONNECT", "not_authorized", "not_authorized"): 2, ("CONNECT", None, None): 2,
        ("PUBLISH", None, None): 2, ("PUBLISH", "not_authorized", "not_authorized"): 1,
        ("PUBLISH", "no_matching_subscribers", None): 1, ("UNSUBSCRIBE", None, None): 1,
        ("SUBSCRIBE", None, None): 2,
        ("UNSUBSCRIBE", "no_subscription_existed", None): 1,
        ("PUBLISH", "protocol_error", "protocol_error"): 1,
        ("CONNECT", "unsupported_version", "unsupported_version"): 1})
    equal("statuses", wanted, statuses(trace))
    equal("server errors", 5, trace.counts["server_errors"])
    check_all_matched(trace)


@case()
def times(t):
    """a broker that stands still for 0.2 s: what waits meanwhile takes as long, and no more"""
    server = mosquitto(t)
    client = Client(t, server)
    client.send(publish("t", b"x", 1, 1)).read_types({PUBACK: 1})
    with t.trace(server.pid) as trace:
        server.process.signal(signal.SIGSTOP)
        try:
            client.send(publish("t", b"x", 1, 2) + publish("t", b"x", 2, 3) + PINGREQ)
            time.sleep(0.2)
        finally:
            server.process.signal(signal.SIGCONT)
        client.read_types({PUBACK: 1, PUBREC: 1, PINGRESP: 1})
        time.sleep(0.05)
        client.send(numbered(PUBREL, 3)).read_types({PUBCOMP: 1})
    found = {(r["messaging.operation.name"], r["tailwhy.request.number"]): r["duration_ns"] / 1e6
             for r in trace.requests()}
    equal("operations", [("PINGREQ", 3), ("PUBLISH", 1), ("PUBLISH", 2), ("PUBREL", 4)], sorted(found))
    fast = found.pop(("PUBREL", 4))
    for what, value in found.items():
        between(f"{what} in ms", 190, value, 260)
    check(fast < 20, f"PUBREL took {fast} ms: the client's pause is in it")


@case()
def attach_in_mid_connection(t):
    """connections in use at the attach: no phantom, no wrong name, and every request after it"""
    server = mosquitto(t)
    listener = Client(t, server).send(subscribe(1, "t", qos=1)).read_types({SUBACK: 1})
    clients = [Client(t, server, level) for level in (4, 5, 4, 5)]
    stop = threading.Event()
    sent = [0] * len(clients)

    def work(index):
        client = clients[index]
        while not stop.is_set():
            number = sent[index] % 60000 + 1
            if sent[index] % 2:
                client.send(PINGREQ).read_types({PINGRESP: 1})
            else:
                client.send(publish("t", b"x" * 50, 1, number, client.level)).read_types({PUBACK: 1})
            sent[index] += 1

    def listen():
        while not stop.is_set():
            first, body = listener.read_packet()
            if first & 0x06:
                listener.send(packet(PUBACK, body[3:5]))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(clients))]
    threads.append(threading.Thread(target=listen))
    for thread in threads:
        thread.start()
    while sum(sent) < 20:
        time.sleep(0.01)
    before = sum(sent)
    with t.trace(server.pid) as trace:
        begun = sum(sent)
        while sum(sent) < begun + 400:
            time.sleep(0.01)
        stop.set()
        for thread in threads[:-1]:
            thread.join()
        Client(t, server).send(publish("t", b"x", 1, 1)).read_types({PUBACK: 1})  # wakes the listener
        threads[-1].join()
    counted = Counter(r.get("messaging.operation.name") for r in trace.requests())
    nameless = counted.pop(None, 0)  # the attach came between the calls that read them
    check(set(counted) <= {"PUBLISH", "PINGREQ", "CONNECT"}, f"names that nobody sent: {counted}")
    between("requests without a name", 0, nameless, len(clients) + 1)
    between("requests", sum(sent) - begun, counted.total() + nameless, sum(sent) - before + 2)
    # what the broker delivers first after the attach looks like an answer
    check(trace.counts["in_flight_at_attach"] <= len(clients) + 1, "more in flight than there are connections")
    equal("unmatched", 0, trace.counts["unmatched"])


@case()
def attach_in_mid_request(t):
    """half of a message came before the attach: it is nobody's, and what follows is read"""
    server = mosquitto(t)
    client = Client(t, server)
    message = publish("t", CANARY.encode() * 100, 1, 1)
    client.send(message[:700])
    time.sleep(0.1)
    with t.trace(server.pid) as trace:
        client.send(message[700:]).read_types({PUBACK: 1})
        client.send(publish("t", b"x", 1, 2)).read_types({PUBACK: 1})
        client.send(PINGREQ).read_types({PINGRESP: 1})
    found = [r.get("messaging.operation.name") for r in trace.requests("server", None)]
    equal("names, the rest of the first message without one", [None, "PUBLISH", "PINGREQ"], found)
    equal("unmatched", 0, trace.counts["unmatched"])


@case()
def large_messages(t):
    """payloads that are not captured whole, to and from the broker: nothing is lost behind them"""
    server = mosquitto(t)
    with t.trace(server.pid) as trace:
        listener = Client(t, server).send(subscribe(1, "t", qos=0)).read_types({SUBACK: 1})
        client = Client(t, server)
        for number in range(1, 21):
            client.send(publish("t", b"y" * 200_000, number % 3, number) + PINGREQ)
            client.read_types({PINGRESP: 1, **({PUBACK: 1} if number % 3 == 1 else {}),
                               **({PUBREC: 1} if number % 3 == 2 else {})})
            if number % 3 == 2:
                client.send(numbered(PUBREL, number)).read_types({PUBCOMP: 1})
            listener.read_types({0x30: 1})
            listener.send(PINGREQ).read_types({PINGRESP: 1})
    equal("operations", {"CONNECT": 2, "SUBSCRIBE": 1, "PUBLISH": 20, "PINGREQ": 40, "PUBREL": 7}, dict(named(trace)))
    check_all_matched(trace)
    sizes = {r["tailwhy.request.bytes"] for r in trace.requests() if r["messaging.operation.name"] == "PUBLISH"}
    equal("bytes of PUBLISH", {200_007, 200_009}, sizes)


@case()
def secrets(t):
    """topics, payloads, clients' names, passwords and properties are in no output and no recording"""
    server = mosquitto(t)
    with recorded(t, server.pid) as trace:
        for level in (4, 5):
            client = Client(t, server, level, hello=False)
            client.send(connect(level, "c" + CANARY, "u" + CANARY, CANARY)).read_types({CONNACK: 1})
            client.send(subscribe(1, CANARY + "/#", qos=1, level=level)).read_types({SUBACK: 1})
            for qos in (0, 1, 2):
                client.send(publish(CANARY + "/x", CANARY.encode() * 50, qos, 5 + qos, level))
                client.read_types(({0x30: 1}, {0x30: 1, PUBACK: 1}, {PUBREC: 1})[qos])
            client.send(numbered(PUBREL, 7) + unsubscribe(9, CANARY, level)).read_types({PUBCOMP: 1, UNSUBACK: 1})
    equal("operations", {"CONNECT": 2, "SUBSCRIBE": 2, "PUBLISH": 6, "PUBREL": 2, "UNSUBSCRIBE": 2},
          dict(named(trace)))
    check_no_canary(t, trace, CANARY, "PUBLISH")
