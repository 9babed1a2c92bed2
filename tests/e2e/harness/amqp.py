"""A RabbitMQ of a case with its own epmd, its own counts of what it was asked, and a client that says what it is
told to."""
import os
import re
import struct
import subprocess
import urllib.request

from harness.context import free_port, wait_until
from harness.loads import RawClient
from harness.servers import LOOPBACK, Server

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
HELLO = b"AMQP\0\0\x09\x01"


def name(text):
    text = text.encode()
    return bytes([len(text)]) + text


def frame(kind, channel, payload):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def method(channel, class_id, method_id, arguments=b""):
    return frame(1, channel, struct.pack(">HH", class_id, method_id) + arguments)


def publish(channel, key, payload, exchange=""):
    size = len(payload)
    bodies = b"".join(frame(3, channel, payload[at:at + 100_000]) for at in range(0, size, 100_000))
    return (method(channel, 60, 40, b"\0\0" + name(exchange) + name(key) + b"\0")
            + frame(2, channel, struct.pack(">HHQH", 60, 0, size, 0)) + bodies)


def declare(channel, queue, bits=0):
    return method(channel, 50, 10, b"\0\0" + name(queue) + bytes([bits]) + bytes(4))


def get(channel, queue):
    return method(channel, 60, 70, b"\0\0" + name(queue) + b"\1")


def select(channel):
    return method(channel, 85, 10, b"\0")


def open_channel(channel):
    return method(channel, 20, 10, b"\0")


class Client(RawClient):
    """Connected; reads method by method."""

    def __init__(self, t, server, user="guest", password="guest", hello=True):
        super().__init__(t, server.address)
        self.data = b""
        if hello:
            self.start(user, password)
            self.send(method(0, 10, 31, struct.pack(">HIH", 2047, 131072, 0)) + method(0, 10, 40, name("/") + b"\0\0"))
            self.wait((10, 41))

    def start(self, user, password):
        self.send(HELLO).wait((10, 10))
        # with the capability to be told why the password is wrong
        capabilities = name("authentication_failure_close") + b"t\1"
        table = name("capabilities") + b"F" + struct.pack(">I", len(capabilities)) + capabilities
        plain = f"\0{user}\0{password}".encode()
        self.send(method(0, 10, 11, struct.pack(">I", len(table)) + table + name("PLAIN")
                         + struct.pack(">I", len(plain)) + plain + name("en_US")))
        return self.wait((10, 30), (10, 50))

    def next(self):
        """The next method: its numbers, its arguments. Contents are gone over."""
        while True:
            while len(self.data) < 7 or len(self.data) < 8 + struct.unpack(">I", self.data[3:7])[0]:
                more = self.socket.recv(1 << 20)
                if not more:
                    raise ConnectionError("the broker hung up")
                self.data += more
            kind, _, size = struct.unpack(">BHI", self.data[:7])
            payload, self.data = self.data[7:7 + size], self.data[8 + size:]
            if kind == 1:
                return struct.unpack(">HH", payload[:4]), payload[4:]

    def wait(self, *wanted):
        while True:
            found, arguments = self.next()
            if found in wanted:
                return found, arguments

    def confirmed(self, count):
        """Waits until so many delivery tags are confirmed, each on its own or up to one."""
        open_tags = set(range(1, count + 1))
        while open_tags:
            (_, kind), arguments = self.next()
            if kind not in (80, 120):
                continue
            tag, multiple = struct.unpack(">QB", arguments)
            open_tags -= {n for n in open_tags if n <= tag} if multiple else {tag}
        return self


class RabbitMq(Server):
    def __init__(self, t, process, address, metrics):
        self.metrics = metrics
        super().__init__(t, process, address, probe=False)
        wait_until(f"RabbitMQ is up: {process.errors()[-300:]}", lambda: process.running() and self.counts(), 60, 0.2)

    def counts(self):
        """Counters of the server since it was started, over all of its protocols and kinds of queues."""
        try:
            with urllib.request.urlopen(self.metrics, timeout=5) as answer:
                lines = answer.read().decode()
        except OSError:
            return None
        found = {}
        for key, value in re.findall(r"^rabbitmq_(\w+)(?:{[^}]*})? ([0-9.e+]+)$", lines, re.M):
            found[key] = found.get(key, 0) + int(float(value))
        return found


def rabbitmq(t, *lines):
    program = t.tool("rabbitmq-server") and SERVER
    ports = [free_port() for _ in range(4)]
    folder = t.folder
    (folder / "rabbitmq.conf").write_text("\n".join((
        "prometheus.tcp.ip = 127.0.0.1", f"prometheus.tcp.port = {ports[1]}", "loopback_users = none", *lines)) + "\n")
    (folder / "plugins").write_text("[rabbitmq_prometheus].\n")
    environment = {
        **os.environ, "HOME": str(folder), "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"), "RABBITMQ_NODENAME": "tailwhy@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK, "RABBITMQ_NODE_PORT": str(ports[0]), "RABBITMQ_DIST_PORT": str(ports[2]),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"), "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null", "ERL_EPMD_PORT": str(ports[3]), "ERL_EPMD_ADDRESS": LOOPBACK,
        # the node itself is our child, not a shell that would stop it slowly
        "RABBITMQ_ALLOW_INPUT": "1",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
            "-noinput +S 2:2 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}"}
    t.start([t.tool("epmd"), "-port", ports[3], "-address", LOOPBACK], "epmd", env=environment)
    process = t.start([program], "rabbitmq", stdin=subprocess.PIPE, env=environment)
    return RabbitMq(t, process, f"{LOOPBACK}:{ports[0]}", f"http://{LOOPBACK}:{ports[1]}/metrics")
