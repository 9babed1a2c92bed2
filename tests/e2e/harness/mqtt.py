"""A mosquitto of a case, its own counts of what it was asked, and a client that says what it is told to."""
import re
import struct
from collections import Counter

from harness.context import free_port
from harness.loads import RawClient
from harness.servers import LOOPBACK, Server

CONFIG = """
listener {port} 127.0.0.1
persistence false
sys_interval 1
log_type all
log_dest file {log}
max_inflight_messages 0
max_queued_messages 100000
user root
"""

CONNECT, PUBLISH, PUBREL, SUBSCRIBE, UNSUBSCRIBE = 0x10, 0x30, 0x62, 0x82, 0xa2
PINGREQ, DISCONNECT = b"\xc0\0", b"\xe0\0"


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">H", len(value)) + value


def packet(first, body):
    head, size = bytes([first]), len(body)
    while True:
        head += bytes([size & 127 | (128 if size > 127 else 0)])
        size >>= 7
        if not size:
            return head + body


def connect(level=4, name="", user=None, password=None):
    flags = 2 | (128 if user else 0) | (64 if password else 0)
    body = text("MQTT") + bytes([level, flags, 0, 60]) + (b"\0" if level == 5 else b"") + text(name)
    return packet(CONNECT, body + (text(user) if user else b"") + (text(password) if password else b""))


def publish(topic, payload=b"", qos=0, number=1, level=4):
    numbered = struct.pack(">H", number) if qos else b""
    return packet(PUBLISH | qos << 1, text(topic) + numbered + (b"\0" if level == 5 else b"") + payload)


def numbered(first, number, rest=b""):
    return packet(first, struct.pack(">H", number) + rest)


def subscribe(number, *topics, qos=0, level=4):
    rest = b"".join(text(topic) + bytes([qos]) for topic in topics)
    return numbered(SUBSCRIBE, number, (b"\0" if level == 5 else b"") + rest)


def unsubscribe(number, topic, level=4):
    return numbered(UNSUBSCRIBE, number, (b"\0" if level == 5 else b"") + text(topic))


class Client(RawClient):
    """Connected, unless told otherwise; reads packet by packet."""

    def __init__(self, t, server, level=4, name="", hello=True):
        super().__init__(t, server.address)
        self.level = level
        if hello:
            self.send(connect(level, name)).read_types({0x20: 1})

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionError("the broker hung up")
            data += more
        return data

    def read_packet(self):
        first, size, shift = self.read(1)[0], 0, 0
        while True:
            byte = self.read(1)[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first, self.read(size)

    def read_types(self, wanted):
        """Reads until as many packets of each type have come."""
        left = Counter(wanted)
        while +left:
            left[self.read_packet()[0] & 0xf0] -= 1
        return self


class Mosquitto(Server):
    def __init__(self, t, process, address, log):
        self.log = log
        super().__init__(t, process, address)

    def counts(self, *names):
        """$SYS counters as they are after what was asked before. Asks with a CONNECT and a SUBSCRIBE."""
        topics = ["$SYS/broker/uptime", *(f"$SYS/broker/{name}" for name in names)]
        client = Client(self.t, self, name="counts").send(subscribe(1, *topics))
        found, updates = {}, 0
        while updates < 2 or len(found) <= len(names):
            first, body = client.read_packet()
            if first & 0xf0 == PUBLISH:
                size, = struct.unpack(">H", body[:2])
                name = body[2:2 + size].decode()[len("$SYS/broker/"):]
                found[name] = body[2 + size:].decode()
                updates += name == "uptime" and not first & 1  # the first ones are retained
        return [int(found[name]) for name in names]

    def received(self):
        """Packets by their name as its log has them."""
        text = self.log.read_text(errors="replace")
        found = Counter(re.findall(r"^\d+: Received ([A-Z]+) from", text, re.M))
        found["CONNECT"] = len(re.findall(r"^\d+: New client connected from", text, re.M))
        return +found


def mosquitto(t, *more):
    program = t.tool("mosquitto")
    port = free_port()
    log = t.folder / "mosquitto.log"
    lines = more or ("allow_anonymous true",)
    config = t.folder / "mosquitto.conf"
    config.write_text(CONFIG.format(port=port, log=log) + "\n".join(lines) + "\n")
    return Mosquitto(t, t.start([program, "-c", config], "mosquitto"), f"{LOOPBACK}:{port}", log)
