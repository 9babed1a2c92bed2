"""Encrypted connections: nothing of them is read but the name that the client asks for."""
import socket
import ssl

from harness.case import between, case, check, equal
from harness.tls import https_nginx


def ask(server, name, requests):
    """One connection; gives the bytes of the last response."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host, port = server.address.split(":")
    with socket.create_connection((host, int(port)), 10) as plain:
        with context.wrap_socket(plain, server_hostname=name) as client:
            for _ in range(requests):
                client.sendall(b"GET /small HTTP/1.1\r\nHost: secret.test\r\n\r\n")
                data = b""
                while not data.endswith(b"x" * 600):
                    data += client.recv(65536)
    return data


@case()
def server_names(t):
    """each exchange has the name that its client asked for, and of the plaintext nothing"""
    server = https_nginx(t)
    names = [f"shop-{i}.example" for i in range(20)]
    with t.trace(server.pid) as trace:
        for name in names:
            ask(server, name.upper() if name.endswith("7.example") else name, 5)
        ask(server, None, 5)
        server.wait_lines(21 * 5)
    records = trace.requests()
    equal("protocols", {"unknown"}, {record["network.protocol.name"] for record in records})
    found = {}
    for record in records:
        name = record.get("tls.client.server_name")
        found[name] = found.get(name, 0) + 1
    equal("names", {*names, None}, set(found))
    for name, count in found.items():
        # the requests, and the turns of the handshake
        between(f"exchanges of {name}", 5, count, 8)
    equal("connections", 21, trace.summary["connections"]["opened"])
    check("secret.test" not in trace.log_file.read_text(), "plaintext in the log")
