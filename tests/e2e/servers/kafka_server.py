"""A scripted broker: answers each Kafka request after its delay, in any order, but Produce with acks=0.

kafka_server.py [--listen 127.0.0.1:0] prints where it listens. It knows nothing of Kafka but the head of a
request and where Produce has its acks (version 7). A client named "slow" waits 20 ms for each answer, while
those of other requests go on."""
import asyncio
import struct
import sys


async def answer(writer, correlation, delay):
    await asyncio.sleep(delay)
    body = struct.pack(">I", correlation) + b"r" * 40
    writer.write(struct.pack(">I", len(body)) + body)


async def serve(reader, writer):
    tasks = set()
    try:
        while True:
            size, = struct.unpack(">I", await reader.readexactly(4))
            body = await reader.readexactly(size)
            api, version, correlation, name_size = struct.unpack(">HHIH", body[:10])
            name = body[10:10 + name_size]
            if api == 0 and version == 7 and body[12 + name_size:14 + name_size] == b"\0\0":
                continue
            task = asyncio.ensure_future(answer(writer, correlation, 0.02 if name == b"slow" else 0))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    address = sys.argv[sys.argv.index("--listen") + 1] if "--listen" in sys.argv else "127.0.0.1:0"
    host, port = address.split(":")
    server = await asyncio.start_server(serve, host, int(port))
    print("listening {}:{}".format(*server.sockets[0].getsockname()), flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
