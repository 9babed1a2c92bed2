"""Encrypted servers and clients: certificates, our own client with its stamps, a server on Python's ssl."""
import collections
import socket
import ssl
import sys
import threading
import time

from harness.context import free_port
from harness.oracles import Line
from harness.servers import LOOPBACK, Server, go_program, nginx, read_json_lines

Sample = collections.namedtuple("Sample", "id path begin end")


def certificate(t):
    """A key and a certificate of its own: (certificate file, key file)."""
    key, pem = t.folder / "key.pem", t.folder / "cert.pem"
    if not pem.exists():
        t.run([t.tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-days", "2", "-subj", "/CN=test", "-keyout", key, "-out", pem])
    return pem, key


def https_nginx(t, listen="ssl", **options):
    pem, key = certificate(t)
    server = f"ssl_certificate {pem}; ssl_certificate_key {key};" + options.pop("server", "")
    return nginx(t, listen=listen, server=server, **options)


class TlsServer(Server):
    """tls_server.py or tls_go.go, with what it says that it did."""

    def truth(self):
        return read_json_lines(self.t.folder / "truth.jsonl")

    def lines(self):
        return [Line(row["method"], row["path"], row["status"], id=row["id"]) for row in self.truth()]


def tls_server(t, wait_file=None, wrap=()):
    pem, key = certificate(t)
    address = f"{LOOPBACK}:{free_port()}"
    command = [sys.executable, t.asset("tls_server.py"), address, pem, key, t.folder / "truth.jsonl"]
    process = t.start([*wrap, *command, *([wait_file] if wait_file else [])], "tls_server")
    return TlsServer(t, process, address, probe=wait_file is None)


def go_server(t, upstream=None, strip=False):
    """tls_go.go; `strip`: without its symbols."""
    pem, key = certificate(t)
    address = f"{LOOPBACK}:{free_port()}"
    program = go_program(t, "tls_go.go")
    if strip:
        t.run([t.tool("strip"), program])
    command = [program, address, pem, key, t.folder / "truth.jsonl", *([upstream] if upstream else [])]
    return TlsServer(t, t.start(command, "tls_go"), address)


class TlsClient:
    """One encrypted connection."""

    def __init__(self, t, address, name="test", version=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if version:
            context.maximum_version = version
        host, port = address.rsplit(":", 1)
        plain = socket.create_connection((host, int(port)), 20)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname=name)
        t.defer(self.socket.close)

    def request(self, path, request_id, *headers, method="GET", body=b""):
        """Sends, reads the whole answer, and gives when it did."""
        lines = [f"{method} {path} HTTP/1.1", "Host: test", f"x-request-id: {request_id}", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        begin = time.monotonic_ns()
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.socket.recv(65536)
        head, _, rest = data.partition(b"\r\n\r\n")
        size = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                     if line.lower().startswith(b"content-length:")), 0)
        while len(rest) < size:
            rest += self.socket.recv(65536)
        return Sample(request_id, path, begin, time.monotonic_ns())

    def close(self):
        self.socket.close()


def load(t, address, paths, clients, each, version=None, method="GET", body=b"", prefix="t"):
    """`clients` connections at once with `each` requests one after the other. Gives the samples."""
    samples, failures = [], []

    def run(number):
        try:
            client = TlsClient(t, address, version=version)
            for i in range(each):
                samples.append(client.request(paths[i % len(paths)], f"{prefix}-{number}-{i}",
                                              method=method, body=body))
            client.close()
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]
    return samples
