"""An HTTPS server on Python's ssl, a thread for each connection: tls_server.py HOST:PORT CERT KEY LOG [WAIT_FILE]

Serves /size/N and /status/N, and writes to LOG what it did: id, path, status, monotonic ns when it
had read the request and when it began and ended to write the answer. With WAIT_FILE it loads the
library only when that file exists."""
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOCK = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self):
        read = time.monotonic_ns()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        words = self.path.split("/")
        status = int(words[2]) if words[1] == "status" else 200
        body = b"y" * (int(words[2].split("?")[0]) if words[1] == "size" else 10)
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        begin = time.monotonic_ns()
        self.connection.sendall(head + body)
        end = time.monotonic_ns()
        row = {"id": self.headers.get("x-request-id"), "method": self.command, "path": self.path,
               "status": status, "read": read, "begin": begin, "end": end}
        with LOCK:
            self.server.log.write(json.dumps(row) + "\n")
            self.server.log.flush()

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, context, log):
        super().__init__(address, Handler)
        self.context, self.log = context, log

    def finish_request(self, request, client_address):
        with self.context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, *_):
        pass


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    while len(sys.argv) > 5 and not os.path.exists(sys.argv[5]):
        time.sleep(0.02)
    import ssl  # here, and not before: it loads the library
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    with open(sys.argv[4], "w") as log:
        Server((host, int(port)), context, log).serve_forever()


main()
