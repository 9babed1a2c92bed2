"""A scripted server of the CQL binary protocol, version 4, that logs what it got.

cassandra_server.py LOG prints where it listens, and appends the opcode of each request to LOG. Statements with
"slow" wait 100 ms while others are answered, those with "broken" get a READ_TIMEOUT, and with "wrong" an INVALID.
After each answer to a slow one comes an event. What is prepared has the id of its text."""
import asyncio
import hashlib
import struct
import sys

READY, SUPPORTED, RESULT, EVENT, ERROR = 2, 6, 8, 12, 0
NAMES = {1: "STARTUP", 5: "OPTIONS", 7: "QUERY", 9: "PREPARE", 10: "EXECUTE", 11: "REGISTER", 13: "BATCH"}
VOID = struct.pack(">I", 1)
ROWS = struct.pack(">I", 2) + b"s3cr3t-canary-7d0a" * 100


def frame(stream, opcode, body=b""):
    return struct.pack(">BBhBI", 0x84, 0, stream, opcode, len(body)) + body


def error(stream, code):
    return frame(stream, ERROR, struct.pack(">IH", code, 18) + b"s3cr3t-canary-7d0a")


class Connection:
    def __init__(self, reader, writer, log):
        self.reader, self.writer, self.log, self.prepared = reader, writer, log, {}

    async def answer(self, stream, opcode, text):
        if b"slow" in text:
            await asyncio.sleep(0.1)
        if b"broken" in text:
            self.writer.write(error(stream, 0x1200))
        elif b"wrong" in text:
            self.writer.write(error(stream, 0x2200))
        elif opcode == 5:
            self.writer.write(frame(stream, SUPPORTED, b"\0\0"))
        elif opcode in (1, 11):
            self.writer.write(frame(stream, READY))
        elif opcode == 9:
            key = hashlib.md5(text).digest()
            self.prepared[key] = text
            self.writer.write(frame(stream, RESULT, struct.pack(">IH", 4, 16) + key + b"\0" * 12))
        else:
            self.writer.write(frame(stream, RESULT, ROWS if text[:6] == b"SELECT" else VOID))
        if b"slow" in text:
            self.writer.write(frame(-1, EVENT, b"\0\rSTATUS_CHANGE"))

    async def serve(self):
        tasks = set()
        try:
            while True:
                _, _, stream, opcode, size = struct.unpack(">BBhBI", await self.reader.readexactly(9))
                body = await self.reader.readexactly(size)
                self.log.write(NAMES[opcode] + "\n")
                self.log.flush()
                text = b""
                if opcode in (7, 9):
                    text = body[4:4 + struct.unpack(">I", body[:4])[0]]
                elif opcode == 10:
                    text = self.prepared[body[2:18]]
                task = asyncio.ensure_future(self.answer(stream, opcode, text))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.writer.close()


async def main():
    with open(sys.argv[1], "a", encoding="utf-8") as log:
        server = await asyncio.start_server(lambda r, w: Connection(r, w, log).serve(), "127.0.0.1", 0)
        print("listening", "{}:{}".format(*server.sockets[0].getsockname()), flush=True)
        await asyncio.Future()

asyncio.run(main())
