"""Python's http.server as `python3 -m http.server` runs it: HTTP/1.0, a folder, one log line each.

    simple_server.py LOG FOLDER [threads]

The log is its own log_request hook as JSON. With `threads`: ThreadingHTTPServer, HTTP/1.1.
GET /sleep/MS answers after so many milliseconds; without threads everybody else waits."""
import functools
import http.server
import json
import sys
import time

log = open(sys.argv[1], "a", buffering=1, encoding="utf-8")
folder = sys.argv[2]
threads = "threads" in sys.argv[3:]


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1" if threads else "HTTP/1.0"

    def log_request(self, code="-", size="-"):
        log.write(json.dumps({"method": self.command, "path": self.path, "status": int(code),
                              "id": self.headers.get("x-request-id")}) + "\n")

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        if not self.path.startswith("/sleep/"):
            return super().do_GET()
        time.sleep(int(self.path.rsplit("/", 1)[1]) / 1000)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        return self.wfile.write(b"ok")

    def do_POST(self):
        size = int(self.headers.get("content-length", 0))
        self.rfile.read(size)
        self.send_response(201)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")


server_class = http.server.ThreadingHTTPServer if threads else http.server.HTTPServer
server_class.request_queue_size = 512
server = server_class(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
print(f"listening 127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
