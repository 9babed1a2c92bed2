"""A server on io_uring: no system call moves its bytes, and still every exchange is counted."""
import re
import signal

from harness.case import case, check, equal
from harness.loads import RawClient, load
from harness.servers import uring_server

MODES_BREAKS = ("drop_request", "change_response_bytes")


def counted(t, mode):
    server = uring_server(t, mode)
    old = RawClient(t, server.address)
    old.get("/before").response()
    with t.trace(server.pid) as trace:
        samples = load(t, server.address, "-n", 3000, "-c", 30, "--get", "/small")
        samples += load(t, server.address, "-n", 300, "-c", 6, "--per-connection", 1, "--get", "/x")
        for _ in range(10):
            old.get("/after").response()
    server.process.signal(signal.SIGTERM)
    server.process.wait()
    own = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", server.process.output())}
    equal("requests as the server counts them", 3311, own["requests"])
    equal("exchanges", 3310, trace.counts["matched"])
    before = len(b"GET /before HTTP/1.1\r\nHost: test\r\n\r\n")
    equal("bytes in", own["bytes_in"] - before, trace.counts["request_bytes"])
    answer = own["bytes_out"] // own["requests"]
    equal("bytes out", own["bytes_out"] - answer, trace.counts["response_bytes"])
    equal("bytes out of each", {answer}, {r["tailwhy.response.bytes"] for r in trace.requests()})
    check(samples, "no load")
    known = sum(1 for record in trace.requests() if record["network.protocol.name"] == "http")
    t.notes.append(f"{known} of 3310 known as HTTP")


@case(breaks=MODES_BREAKS)
def plain(t):
    """accept, recv and send as single ring entries"""
    counted(t, "plain")


@case()
def multishot(t):
    """one accept entry for all connections"""
    counted(t, "multishot")


@case()
def sqpoll(t):
    """entries taken by a kernel thread, which is no thread of the target"""
    counted(t, "sqpoll")
