"""A server in two processes: one accepts and passes each connection to the other (SCM_RIGHTS), which
answers: passing_server.py LOG. Logs each request as JSON with the process that answered."""
import json
import os
import socket
import sys
import threading

log = open(sys.argv[1], "a", buffering=1, encoding="utf-8")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def serve(peer):
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer:
            piece = peer.recv(65536)
            if not piece:
                peer.close()
                return
            buffer += piece
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        method, path = head.decode().split(" ")[:2]
        peer.sendall(OK)
        log.write(json.dumps({"method": method, "path": path, "status": 200, "out": len(OK),
                              "in": len(head) + 4, "id": fields["x-request-id"],
                              "pid": os.getpid()}) + "\n")


ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
if os.fork() == 0:
    while True:
        _, files, _, _ = socket.recv_fds(theirs, 16, 1)
        if not files:
            sys.exit(0)
        threading.Thread(target=serve, args=(socket.socket(fileno=files[0]),), daemon=True).start()
theirs.close()
listener = socket.create_server(("127.0.0.1", 0), backlog=512)
print(f"listening 127.0.0.1:{listener.getsockname()[1]}", flush=True)
while True:
    accepted, _ = listener.accept()
    socket.send_fds(ours, [b"connection"], [accepted.fileno()])
    accepted.close()
