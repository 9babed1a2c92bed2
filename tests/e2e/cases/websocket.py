"""Web sockets by what their servers counted: messages and bytes each way of every connection."""
import asyncio
import threading
import time

from harness.case import Skip, between, case, check, equal
from harness.context import wait_until
from harness.loads import RawClient
from harness.secrets import check_no_canary, recorded
from harness.servers import Printed, nginx, read_json_lines
from harness.websocket import BINARY, CLOSE, PING, PONG, WebSocket, close, frame

CANARY = "s3cr3t-canary-2e9a"
CODES = {1000: "normal", 1001: "away", 3007: "other"}
COUNTED = ("received", "received_bytes", "sent", "sent_bytes")
TOLD = ("tailwhy.request.messages", "tailwhy.request.message_bytes",
        "tailwhy.response.messages", "tailwhy.response.message_bytes")


class Sockets(Printed):
    def wait_ended(self, count):
        """What it counted, by path."""
        wait_until(f"{count} connections have ended", lambda: len(read_json_lines(self.log)) >= count)
        return {line["path"]: tuple(line[name] for name in COUNTED) for line in read_json_lines(self.log)}


def python(t):
    log = t.folder / "sockets.log"
    return Sockets(t, t.start(["/usr/bin/python3", "-u", t.asset("websocket_server.py"), log], "websockets"), log)


def told(trace, role="server"):
    return {r["http.route"]: tuple(r[name] for name in TOLD) for r in trace.requests(role, None) if TOLD[0] in r}


def ended(trace):
    return {r["http.route"]: (r["tailwhy.end_rule"], r.get("tailwhy.websocket.close_code"), r.get("error.type"))
            for r in trace.requests("server", None) if TOLD[0] in r}


def talk(client, sizes=(0, 10, 125, 126, 300, 70_000), many=300):
    """Pipelines of 1, 16 and 100; each size; fragments with a Ping between; many at one request."""
    for depth in (1, 16, 100):
        client.send(frame("some words") * depth).read_messages(depth)
    for size in sizes:
        client.send(frame(b"x" * size, BINARY)).read_messages(1)
    client.send(frame("some ", last=False) + frame("are you there?", PING) + frame("more ", 0, last=False)
                + frame("words, in three fragments", 0))
    equal("an answer to Ping, and the echo", [PONG, 1], [opcode for opcode, _ in client.read_messages(2)])
    client.send(frame(f"many {many}")).read_messages(many)


def check_sockets(trace, count):
    sockets = [r for r in trace.requests("server", None) if TOLD[0] in r]
    equal("web sockets", count, len(sockets))
    equal("status, and that it stays open", {(101, True)},
          {(r["http.response.status_code"], r.get("tailwhy.open_ended")) for r in sockets})
    equal("bytes not parsed", 0, trace.summary["bytes_not_parsed"])
    equal("answers that nobody asked for", 0, trace.summary["unknown_details"]["unsolicited"])
    check(not [r for r in sockets if "incomplete" in r], "some are incomplete")


@case(breaks=("drop_request", "invent_request", "add_loss"))
def counts(t):
    """messages and bytes each way as the server counted them; in no latency but that of other requests"""
    server = python(t)
    with t.trace(server.pid) as trace:
        for number in range(3):
            client = WebSocket(t, server.address, f"/talk/c{number}x")
            talk(client)
            client.close_well()
        for _ in range(5):
            RawClient(t, server.address).get("/plain", "Connection: close").read_all()
        counted = server.wait_ended(3)
    check_sockets(trace, 3)
    equal("messages and bytes", counted, told(trace))
    equal("seen and matched", (8, 8), (trace.counts["seen"], trace.counts["matched"]))
    equal("requests in the latency of all", 5, trace.summary["latency"]["duration"]["count"])
    equal("ends", {("framing", 1000, None)}, set(ended(trace).values()))
    t.notes.append(f"{sum(c[0] + c[2] for c in counted.values())} messages")


@case()
def compressed(t):
    """permessage-deflate: as many messages, of what bytes there are on the wire"""
    try:
        import websockets
    except ImportError:
        raise Skip("python3-websockets is not installed") from None
    server = python(t)

    async def load():
        async with websockets.connect(f"ws://{server.address}/deflated", ping_interval=None) as socket:
            for size in (20, 3_000, 60_000):
                await socket.send("x" * size)
                await socket.recv()
    with t.trace(server.pid) as trace:
        asyncio.run(load())
        counted = server.wait_ended(1)["/deflated"]
    check_sockets(trace, 1)
    requests, request_bytes, responses, response_bytes = told(trace)["/deflated"]
    equal("messages", (counted[0], counted[2]), (requests, responses))
    between("bytes from the client", 20, request_bytes, counted[1] / 10)
    between("bytes to the client", 20, response_bytes, counted[3] / 10)


@case()
def behind_nginx(t):
    """through a proxy, to a server of another make: its counts on either side of nginx"""
    log = t.folder / "sockets.log"
    server = Sockets(t, t.start([t.tool("node"), t.asset("websocket_server.js"), log], "ws"), log)
    proxy = nginx(t, server=f"""location /talk/ {{ proxy_pass http://{server.address}; proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; }}""")
    with t.trace([proxy.workers()[0], server.pid]) as trace:
        for number in range(3):
            client = WebSocket(t, proxy.address, f"/talk/c{number}x")
            talk(client, many=40)  # as many as one call of nginx may hold
            client.close_well(1001)
        counted = server.wait_ended(3)
        wait_until("the proxy logs them", lambda: len(proxy.lines()) == 3)
    check_sockets(trace, 6)
    equal("what nginx asked", counted, told(trace, "client"))
    by_process = {(r["process.pid"], r["http.route"]): tuple(r[name] for name in TOLD)
                  for r in trace.requests("server", None)}
    equal("what nginx and the server were asked",
          {(pid, path): what for pid in (proxy.workers()[0], server.pid) for path, what in counted.items()},
          by_process)
    equal("ends", {("framing", 1001, None)}, set(ended(trace).values()))


@case(breaks=("drop_request",))
def endings(t):
    """a Close frame ends it well, whoever sends it; without one it is a failure, by who left"""
    server = python(t)
    with t.trace(server.pid) as trace:
        for code, name in CODES.items():
            WebSocket(t, server.address, f"/client/{name}").close_well(code)
            client = WebSocket(t, server.address, f"/server/{name}")
            client.send(frame(f"close {code}"))
            equal("the server's last frame", CLOSE, client.read_frame()[0])
            client.send(close(code)).read_all()
            client.close()
        left = WebSocket(t, server.address, "/left")
        left.send(frame("one")).read_messages(1)
        left.close()
        reset = WebSocket(t, server.address, "/reset")
        reset.send(frame("one")).read_messages(1)
        reset.reset()
        vanished = WebSocket(t, server.address, "/vanished")
        vanished.send(frame("vanish"))
        equal("without a word", b"", vanished.read_all())
        vanished.close()
        server.wait_ended(9)
    codes = {f"/{who}/{name}": ("framing", code, None) for who in ("client", "server")
             for code, name in CODES.items()}
    # asyncio's server closes its side as soon as the client has left
    equal("ends", codes | {"/left": ("close", None, "client_abort"), "/reset": ("close", None, "connection_reset"),
                           "/vanished": ("close", None, "no_response")}, ended(trace))
    equal("failures", {"client_abort": 1, "connection_reset": 1, "no_response": 1},
          {word: count for word, count in trace.counts["failures"].items() if count})


@case()
def slow_handshake(t):
    """a server that takes 120 ms to shake hands: that is its service time, whatever is said later"""
    server = python(t)
    with t.trace(server.pid) as trace:
        begin = time.monotonic()
        client = WebSocket(t, server.address, "/slow")
        took = (time.monotonic() - begin) * 1e3
        time.sleep(0.2)
        talk(client, (10,))
        client.close_well()
        server.wait_ended(1)
    record, = [r for r in trace.requests() if TOLD[0] in r]
    between("service in ms", 119, record["service_ns"] / 1e6, took)
    between("duration in ms", took + 195, record["duration_ns"] / 1e6, took + 5_000)


@case()
def attach_in_mid_connection(t):
    """met in the middle: text is recognised and counted from then on, what is not safe to tell stays unknown"""
    server = python(t)
    text, binary, cut = (WebSocket(t, server.address, f"/{name}") for name in ("text", "binary", "cut"))
    for client in (text, binary, cut):
        client.send(frame("some words")).read_messages(1)
    half = frame("a message that is cut in its middle")
    cut.send(half[:20])
    time.sleep(0.1)
    with t.trace(server.pid) as trace:
        cut.send(half[20:]).read_messages(1)
        for client, opcode in ((text, 1), (binary, BINARY), (cut, 1)):
            for _ in range(20):
                client.send(frame("{'some': 'words'}", opcode)).read_messages(1)
        text.send(frame("many 50")).read_messages(50)
        text.close_well()
        cut.close_well()
        binary.close()
        server.wait_ended(3)
    sockets = [r for r in trace.requests(outcome=None) if r["network.protocol.name"] == "websocket"]
    found = sorted((r[TOLD[0]], r[TOLD[2]]) for r in sockets)
    check((21, 70) in found and len(found) <= 2, f"of the web sockets: {found}")
    check(found[0][0] <= 21 and found[0][1] <= 70, f"more than there were: {found}")
    equal("that they stay open", {True}, {r.get("tailwhy.open_ended") for r in sockets})
    equal("their names", [], [r for r in sockets if "http.route" in r or "http.response.status_code" in r])
    equal("other protocols", {"websocket", "unknown"},
          {r["network.protocol.name"] for r in trace.requests(outcome=None)})


@case()
def busy_at_attach(t):
    """connections in full use at the attach: nothing but web sockets, and no more than was sent"""
    server = python(t)
    stop = threading.Event()
    sent = [0] * 3
    clients = [WebSocket(t, server.address, f"/busy{n}") for n in range(3)]

    def load(number):
        while not stop.is_set():
            clients[number].send(frame("{'some': 'words'}") * 8).read_messages(8)
            sent[number] += 8
    threads = [threading.Thread(target=load, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        wait_until("all are busy", lambda: min(sent) > 80)
        before = sum(sent)
        with t.trace(server.pid) as trace:
            begun = sum(sent)
            wait_until("some more", lambda: sum(sent) > begun + 800)
            ends = sum(sent)
            stop.set()
            for thread in threads:
                thread.join()
            for client in clients:
                client.close_well()
            server.wait_ended(3)
    finally:
        stop.set()
    sockets = [r for r in trace.requests(outcome=None) if TOLD[0] in r]
    equal("web sockets", 3, len(sockets))
    between("messages", ends - begun - 24, sum(r[TOLD[0]] for r in sockets), sum(sent) - before + 48)
    equal("how they ended", {1000}, {r["tailwhy.websocket.close_code"] for r in sockets})


@case()
def secrets(t):
    """messages, masking keys and reasons are in no output and no recording, whole, cut or met in the middle"""
    server = python(t)
    early = WebSocket(t, server.address, "/early")
    early.send(frame("some words")).read_messages(1)
    with recorded(t, server.pid) as trace:
        client = WebSocket(t, server.address, f"/talk?{CANARY}", f"Cookie: {CANARY}")
        for who in (client, early):
            for size in (1, 200):
                who.send(frame(CANARY * size)).read_messages(1)
                who.send(frame(CANARY * size, BINARY)).read_messages(1)
            who.send(frame(CANARY, PING)).read_messages(1)
        client.send(frame(f"close 1001 {CANARY}")).read_frame()
        client.send(close(1001, CANARY)).read_all()
        early.send(close(1001, CANARY)).read_all()
        server.wait_ended(2)
    equal("web sockets", 2, len([r for r in trace.requests(outcome=None) if TOLD[0] in r]))
    check_no_canary(t, trace, CANARY, "/talk")
