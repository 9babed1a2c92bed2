"""Name servers of a case, their own counts of what they were asked, and messages of the DNS as bytes."""
import re
import struct
from collections import Counter

from harness.case import check
from harness.context import free_port
from harness.loads import RawClient
from harness.servers import LOOPBACK, Server

TYPES = {"A": 1, "NS": 2, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "IXFR": 251, "AXFR": 252, "ANY": 255,
         "TYPE4711": 4711}
CODES = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"]

UNBOUND = """
server:
  interface: 127.0.0.1
  port: {port}
  access-control: 127.0.0.0/8 allow
  do-daemonize: no
  use-syslog: no
  chroot: ""
  username: ""
  directory: "{folder}"
  pidfile: ""
  logfile: ""
  num-threads: {threads}
  incoming-num-tcp: 200
  extended-statistics: yes
  statistics-cumulative: yes
  do-not-query-localhost: no
  module-config: "iterator"
  root-hints: ""
  trust-anchor-signaling: no
  local-zone: "example." static
  local-zone: "refused." refuse
  local-data: "www.example. A 192.0.2.1"
  local-data: "www.example. AAAA 2001:db8::1"
  local-data: "www.example. MX 10 mail.example."
  local-data: 'text.example. TXT "{text}"'
  {server}
{forward}
remote-control:
  control-enable: yes
  control-interface: {folder}/control
  control-use-cert: no
"""

FORWARD = """
forward-zone:
  name: "{zone}"
  forward-addr: {address}
  forward-tcp-upstream: {tcp}
"""

NSD = """
server:
  ip-address: 127.0.0.1
  port: {port}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
  logfile: "{folder}/nsd.log"
remote-control:
  control-enable: yes
  control-interface: {folder}/control
"""

SOA = "@ 300 IN SOA ns.example. root.example. 7 3600 600 86400 300\n@ 300 IN NS ns.example.\n"


def name(dotted):
    labels = [label.encode() for label in dotted.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def query(number, dotted, kind="A", flags=0x0100):
    return struct.pack(">HHHHHH", number, flags, 1, 0, 0, 0) + name(dotted) + struct.pack(">HH", TYPES[kind], 1)


def framed(message):
    return struct.pack(">H", len(message)) + message


def answer(asked, code=0, address=b"\xc0\0\2\1"):
    """To one question for an address, as a server would."""
    number, = struct.unpack(">H", asked[:2])
    records = 0 if code else 1
    end = asked.index(b"\0", 12) + 5
    head = struct.pack(">HHHHHH", number, 0x8180 | code, 1, records, 0, 0)
    return head + asked[12:end] + (b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + address) * records


class Client(RawClient):
    """Over TCP; says what it is told to."""

    def ask(self, *messages):
        return self.send(b"".join(framed(message) for message in messages))

    def read_message(self):
        size, = struct.unpack(">H", self.read_size(2))
        return self.read_size(size)

    def answers(self, count):
        """(id, code) of so many answers, in their order."""
        heads = [struct.unpack(">HH", self.read_message()[:4]) for _ in range(count)]
        return [(number, CODES[flags & 15]) for number, flags in heads]


class Unbound(Server):
    def __init__(self, t, process, address, config):
        self.config = config
        super().__init__(t, process, address)

    def statistics(self):
        text = self.t.run([self.t.tool("unbound-control"), "-c", self.config, "stats_noreset"]).stdout
        return {key: int(float(value)) for key, value in re.findall(r"^(\S+)=(\S+)$", text, re.M)}


class Counted:
    """What a server counted between two readings."""

    def __init__(self, before, after):
        self.found = Counter({key: after[key] - before.get(key, 0) for key in after})

    def by(self, prefix):
        return {key[len(prefix):]: count for key, count in self.found.items()
                if key.startswith(prefix) and count}

    def __getitem__(self, key):
        return self.found[key]


def unbound(t, threads=1, server="", forwards=(), tcp="no", text="hello"):
    """`forwards`: (zone, address with @port) of those who are asked."""
    program = t.tool("unbound")
    port = free_port()
    config = t.folder / "unbound.conf"
    forward = "".join(FORWARD.format(zone=zone, address=address, tcp=tcp) for zone, address in forwards)
    config.write_text(UNBOUND.format(port=port, folder=t.folder, threads=threads, server=server, forward=forward,
                                     text=text))
    process = t.start([program, "-d", "-p", "-c", config], "unbound")
    return Unbound(t, process, f"{LOOPBACK}:{port}", config)


def nsd(t, **zones):
    """Zones by their names' first labels: so many addresses each."""
    program = t.tool("nsd")
    port = free_port()
    config = t.folder / "nsd.conf"
    text = NSD.format(port=port, folder=t.folder)
    for zone, count in zones.items():
        (t.folder / f"{zone}.zone").write_text(
            SOA + "".join(f"host-{i} 300 IN A 192.0.2.{i % 256}\n" for i in range(count)))
        text += f'zone:\n  name: "{zone}.example"\n  zonefile: "{zone}.zone"\n  provide-xfr: 127.0.0.1 NOKEY\n'
    config.write_text(text)
    process = t.start([program, "-d", "-c", config], "nsd")
    return Server(t, process, f"{LOOPBACK}:{port}")


def dnsperf(t, server, questions, times=1, clients=4, outstanding=20, tcp=True):
    """Asks each question as often. Gives how many got which code."""
    program = t.tool("dnsperf")
    file = t.folder / "questions"
    file.write_text("".join(f"{dotted} {kind}\n" for dotted, kind in questions))
    done = t.run([program, "-s", LOOPBACK, "-p", server.port, "-m", "tcp" if tcp else "udp", "-d", file,
                  "-n", times, "-c", clients, "-q", outstanding, "-t", 10])
    sent = re.search(r"Queries sent: +(\d+)", done.stdout)
    completed = re.search(r"Queries completed: +(\d+)", done.stdout)
    check(sent and completed and sent[1] == completed[1] == str(times * len(questions)),
          f"dnsperf did not do its queries: {done.stdout[-600:]}")
    codes = re.search(r"Response codes: +(.*)", done.stdout)[1]
    return {code: int(count) for code, count in re.findall(r"([A-Z]+) (\d+) ", codes)}
