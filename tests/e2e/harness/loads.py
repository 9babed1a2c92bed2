"""Load generators: exact counts over loopback, bounded in time."""
import collections
import socket

from harness.case import Failure, check
from harness.oracles import same_multiset
from harness.servers import connect

CLIENT = "id method path status begin sent first end bytes_out bytes_in connection".split()
Sample = collections.namedtuple("Sample", CLIENT)

_runs = 0


def load(t, address, *arguments, wrap=(), check_status=True):
    """Our own client. Gives its samples; a request that got no answer has status 0."""
    global _runs
    _runs += 1
    log = t.folder / f"load-{_runs}.txt"
    t.run([*wrap, t.workload("load"), "--to", address, "--log", log, "--prefix", f"l{_runs}",
           "--limit", 40, *arguments], check=check_status)
    samples = []
    for line in log.read_text().splitlines():
        values = line.split(" ")
        samples.append(Sample(*values[:3], *map(int, values[3:])))
    return samples


def same_connections(records, samples):
    """The client's connections are ours: the same requests on each, in the same order."""
    ours, theirs = {}, {}
    for record in sorted(records, key=lambda record: record["tailwhy.request.number"]):
        ours.setdefault(record["tailwhy.connection.id"], []).append(
            record["http.request.header.x-request-id"])
    for sample in sorted(samples, key=lambda sample: sample.begin):
        theirs.setdefault(sample.connection, []).append(sample.id)
    same_multiset("requests of each connection", map(tuple, ours.values()),
                  map(tuple, theirs.values()))


def h2load(t, address, path, requests, clients, threads=1, streams=1, h2=False, tls=False):
    """nghttp2's load generator, over HTTP/1.1 or HTTP/2. Gives (start in us, status, us to the end)."""
    program = t.tool("h2load")
    log = t.folder / "h2load.log"
    done = t.run([program, *([] if h2 else ["--h1"]), "-n", requests, "-c", clients, "-t", threads, "-m", streams,
                  "--log-file", log, f"http{'s' if tls else ''}://{address}{path}"])
    check(f"{requests} done, {requests} succeeded" in done.stdout,
          f"h2load did not do its {requests} requests: {done.stdout[-400:]}")
    rows = [tuple(int(value) for value in line.split("\t")) for line in log.read_text().splitlines()]
    return [row for row in rows if len(row) == 3]


def redis_benchmark(t, server, requests, clients, tests="set,get", pipeline=1):
    program = t.tool("redis-benchmark")
    where = (["-s", server.address[5:]] if server.address.startswith("unix:")
             else ["-p", server.port])
    t.run([program, *where, "-n", requests, "-c", clients, "-P", pipeline, "-t", tests, "-q"])


class RawClient:
    """A socket to say things that no well-behaved client says."""

    def __init__(self, t, address, timeout=20):
        self.socket = connect(address, timeout)
        t.defer(self.socket.close)

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def reset(self):
        """Ends the connection by a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def get(self, path, *headers, method="GET", version="1.1", body=b""):
        lines = [f"{method} {path} HTTP/{version}", "Host: test", *headers]
        return self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def read_until(self, what):
        """Reads until the bytes end with this."""
        data = b""
        while not data.endswith(what):
            piece = self.socket.recv(65536)
            if not piece:
                raise Failure(f"the server closed after {data[-200:]!r}")
            data += piece
        return data

    def read_size(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(min(65536, size - len(data)))
            if not piece:
                raise Failure(f"the server closed after {len(data)} of {size} bytes")
            data += piece
        return data

    def response(self):
        """One response with a Content-Length, or none for statuses without a body."""
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.socket.recv(1)
            if not piece:
                raise Failure(f"the server closed in the head: {head!r}")
            head += piece
        size = 0
        for line in head.decode(errors="replace").split("\r\n"):
            if line.lower().startswith("content-length:"):
                size = int(line.split(":")[1])
        return head, self.read_size(size)

    def read_all(self):
        data = b""
        while True:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                return data
            if not piece:
                return data
            data += piece

    def close(self):
        self.socket.close()
