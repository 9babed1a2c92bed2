"""A server for what no packaged one does on demand: odd_server.py LOG

GET /tunnel   101 and then an echo until the client closes
GET /trailers a chunked body with an extension and trailers
GET /continue two interim responses (102, 103) before the final one
GET /slow     one byte of the response at a time
CONNECT ...   200 and then an echo
else          200 with a body. Logs each request as JSON."""
import json
import socket
import sys
import threading
import time

log = open(sys.argv[1], "a", buffering=1, encoding="utf-8")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ANSWERS = {
    "/tunnel": (101, [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n"
                      b"Connection: Upgrade\r\n\r\n"]),
    "/trailers": (200, [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n",
                        b"5;name=value\r\nhello\r\n", b"A\r\n0123456789\r\n0\r\nx-sum: 1\r\n",
                        b"x-more: 2\r\n\r\n"]),
    "/continue": (200, [b"HTTP/1.1 102 Processing\r\n\r\n",
                        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", OK]),
    "/slow": (200, [bytes([byte]) for byte in OK]),
}


def serve(peer):
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer:
            piece = peer.recv(65536)
            if not piece:
                peer.close()
                return
            buffer += piece
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        method, path = head.decode().split(" ")[:2]
        status, pieces = ANSWERS.get(path, (200, [OK]))
        if method == "CONNECT":
            pieces = [b"HTTP/1.1 200 Connection established\r\n\r\n"]
        for piece in pieces:
            peer.sendall(piece)
            if len(pieces) > 1:
                time.sleep(0.002)
        log.write(json.dumps({"method": method, "path": path, "status": status,
                              "in": len(head) + 4, "out": sum(map(len, pieces))}) + "\n")
        while path == "/tunnel" or method == "CONNECT":
            piece = peer.recv(65536)
            if not piece:
                peer.close()
                return
            peer.sendall(piece)


listener = socket.create_server(("127.0.0.1", 0), backlog=512)
print(f"listening 127.0.0.1:{listener.getsockname()[1]}", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
