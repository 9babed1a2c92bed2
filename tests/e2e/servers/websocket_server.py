"""A web socket server on Debian's `websockets` that logs what it counted of each connection.

websocket_server.py LOG [LISTEN] prints where it listens. A text message is a command: "many N" is answered
by N messages, "close CODE" by a Close frame, "vanish" by the end of the connection without one, all others
by themselves. /slow... shakes hands after 120 ms, /plain is no web socket."""
import asyncio
import http
import json
import sys

import websockets


async def serve(socket, path):
    line = {"path": path, "received": 0, "received_bytes": 0, "sent": 0, "sent_bytes": 0}

    async def send(message):
        line["sent"] += 1
        line["sent_bytes"] += len(message)
        await socket.send(message)

    try:
        async for message in socket:
            line["received"] += 1
            line["received_bytes"] += len(message)
            words = message.split() if isinstance(message, str) and len(message) < 30 else [""]
            if words[0] == "many":
                for _ in range(int(words[1])):
                    await send("one of many")
            elif words[0] == "close":
                await socket.close(int(words[1]), "s3cr3t-canary-2e9a")
            elif words[0] == "vanish":
                socket.transport.close()
            else:
                await send(message)
    except websockets.ConnectionClosed:
        pass
    with open(sys.argv[1], "a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


async def shake_hands(path, _headers):
    if path.startswith("/slow"):
        await asyncio.sleep(0.12)
    if path == "/plain":
        return http.HTTPStatus.OK, [], b"no web socket\n"
    return None


async def main():
    host, port = (sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1:0").rsplit(":", 1)
    server = await websockets.serve(serve, host, int(port), process_request=shake_hands, max_size=2**24,
                                    ping_interval=None, close_timeout=2)
    print("listening", "{}:{}".format(*server.sockets[0].getsockname()[:2]), flush=True)
    await asyncio.Future()

asyncio.run(main())
