"""php-fpm, and a FastCGI client that sends the records it is told to (FastCGI Specification 1.0)."""
import struct
from collections import Counter

from harness.case import check
from harness.context import free_port, wait_until
from harness.loads import RawClient
from harness.process import children_of
from harness.servers import LOOPBACK, Server

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR = range(1, 8)

FPM = """
[global]
daemonize = no
error_log = {folder}/fpm-error.log
[www]
listen = {address}
listen.backlog = 512
pm = static
pm.max_children = {workers}
pm.status_path = /fpm-status
access.log = {folder}/fpm-access.log
access.format = "%m %{{REQUEST_URI}}e %s"
catch_workers_output = no
"""

SCRIPT = """<?php
$path = explode('?', $_SERVER['REQUEST_URI'])[0];
if ($path == '/slow') usleep(120000);
if ($path == '/missing') http_response_code(404);
if ($path == '/broken') http_response_code(503);
if ($path == '/moved') header('Location: /elsewhere');
if ($path == '/thrown') throw new Exception('s3cr3t-canary-8b4d');
if ($path == '/log') fwrite(STDERR ?? fopen('php://stderr', 'w'), 's3cr3t-canary-8b4d');
echo strlen(file_get_contents('php://input')), " bytes\\n";
if ($path == '/big') echo str_repeat('x', 300000);
"""


class Fpm(Server):
    def __init__(self, t, process, address, folder, workers):
        super().__init__(t, process, address)
        self.folder = folder
        wait_until("php-fpm has its workers", lambda: len(self.workers()) == workers)

    def workers(self):
        return children_of(self.pid)

    def logged(self, count):
        """How often each method, path and status was asked for and answered, of so many requests."""
        file = self.folder / "fpm-access.log"
        lines = wait_until(f"php-fpm logs {count} requests",
                           lambda: (found := file.read_text().splitlines()) and len(found) >= count and found)
        return Counter(tuple(line.split("?")[0].split() + line.split()[-1:])[:2] + (int(line.split()[-1]),)
                       for line in lines)


def php_fpm(t, workers=1, address=None):
    program = t.tool("php-fpm8.2")
    www = t.folder / "php"
    www.mkdir()
    (www / "index.php").write_text(SCRIPT)
    address = address or f"{LOOPBACK}:{free_port()}"
    config = t.folder / "fpm.conf"
    config.write_text(FPM.format(folder=t.folder, workers=workers,
                                 address=address[5:] if address.startswith("unix:") else address))
    ini = ["-d", "display_errors=0", "-d", "log_errors=0"]
    process = t.start([program, "-n", *ini, "-R", "-F", "-y", config], "php-fpm")
    return Fpm(t, process, address, t.folder, workers)


def record(kind, number, content=b""):
    return struct.pack(">BBHHBB", 1, kind, number, len(content), 0, 0) + content


def pair(name, value):
    sizes = b"".join(bytes([len(x)]) if len(x) < 128 else struct.pack(">I", len(x) | 1 << 31) for x in (name, value))
    return sizes + name.encode() + value.encode()


def ask(t, uri, body=b"", method="GET", number=1, script="/index.php", keep=1, **more):
    """One request, whose connection stays open with `keep`."""
    variables = {"SCRIPT_FILENAME": f"{t.folder}/php/index.php", "SCRIPT_NAME": script, "REQUEST_METHOD": method,
                 "REQUEST_URI": uri, "QUERY_STRING": uri.partition("?")[2], "CONTENT_LENGTH": str(len(body)),
                 "SERVER_PROTOCOL": "HTTP/1.1", "GATEWAY_INTERFACE": "CGI/1.1", **more}
    params = b"".join(pair(name, value) for name, value in variables.items())
    pieces = [record(STDIN, number, body[at:at + 30_000]) for at in range(0, len(body), 30_000)]
    return (record(BEGIN, number, struct.pack(">HB5x", 1, keep)) + record(PARAMS, number, params)
            + record(PARAMS, number) + b"".join(pieces) + record(STDIN, number))


class FastCgi(RawClient):
    def answer(self):
        """What STDOUT says until END_REQUEST."""
        text = b""
        while True:
            _, kind, _, size, padding, _ = struct.unpack(">BBHHBB", self.read_size(8))
            content = self.read_size(size + padding)[:size]
            if kind == STDOUT:
                text += content
            elif kind == END:
                check(content[4] == 0, f"the server refuses: {content}")
                return text
