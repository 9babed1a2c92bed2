"""A web socket client that sends the frames it is told to (RFC 6455, 5.2), whatever they are."""
import os
import struct

from harness.case import check
from harness.loads import RawClient

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def frame(payload, opcode=TEXT, last=True):
    """A client's frame: masked."""
    payload = payload if isinstance(payload, bytes) else payload.encode()
    size = len(payload)
    head = bytes([last << 7 | opcode])
    head += (bytes([0x80 | size]) if size < 126 else struct.pack(">BH", 0xfe, size) if size < 65536
             else struct.pack(">BQ", 0xff, size))
    key = os.urandom(4)
    mask = int.from_bytes((key * (size // 4 + 1))[:size], "big")
    return head + key + (int.from_bytes(payload, "big") ^ mask).to_bytes(size, "big")


def close(code, reason=""):
    return frame(struct.pack(">H", code) + reason.encode(), CLOSE)


class WebSocket(RawClient):
    """Shaken hands with."""

    def __init__(self, t, address, path, *headers):
        super().__init__(t, address)
        self.get(path, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                 f"Sec-WebSocket-Key: {KEY}", *headers)
        answer = self.read_until(b"\r\n\r\n")
        check(answer.startswith(b"HTTP/1.1 101 "), f"no web socket: {answer[:100]}")

    def read_frame(self):
        first, size = self.read_size(2)
        if size == 126:
            size, = struct.unpack(">H", self.read_size(2))
        elif size == 127:
            size, = struct.unpack(">Q", self.read_size(8))
        return first & 15, self.read_size(size) if size else b""

    def read_messages(self, count):
        return [self.read_frame() for _ in range(count)]

    def close_well(self, code=1000):
        """Says that it ends, and reads until the server has said so, too."""
        self.send(close(code))
        while self.read_frame()[0] != CLOSE:
            pass
        check(self.read_all() == b"", "the server goes on")
        self.close()
