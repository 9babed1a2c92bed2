"""Apache's access log, with mod_logio's bytes and %D, under its two kinds of process model."""
from harness.case import case, check, equal
from harness.loads import RawClient, load
from harness.oracles import joined, same_requests, share
from harness.servers import apache

JOINED = ("id", "method", "path", "status", "bytes_out")


def requests_of(t, mpm):
    server = apache(t, mpm)
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 1200, "-c", 8, "--get", "/small*3", "--get", "/missing",
             "--head", "/medium", "--get", "/large")
        load(t, server.address, "-n", 200, "-c", 4, "--close", "--get", "/small")
        load(t, server.address, "-n", 160, "-c", 2, "--depth", 8, "--get", "/small")
        client = RawClient(t, server.address)
        client.get("/small", "x-request-id: old", "Connection: keep-alive", version="1.0").response()
        client.close()  # Apache logs a request when its connection moves on
        server.wait_lines(1561)
    lines = server.lines()
    equal("lines in the access log", 1561, len(lines))
    same_requests("Apache", trace.requests(), lines, JOINED)
    # %I counts a byte twice when Apache peeked whether another request has come already
    for record, line in joined("Apache", trace.by_id(), lines):
        check(line.bytes_in - record["tailwhy.request.bytes"] in (0, 1),
              f"{line.id}: {record['tailwhy.request.bytes']} bytes in, Apache says {line.bytes_in}")


@case(breaks=("drop_request", "change_response_bytes", "change_request_bytes"))
def event(t):
    """mpm_event: threads, event loop, keep-alive, pipelining, connection per request"""
    requests_of(t, "event")


@case()
def prefork(t):
    """mpm_prefork: a process per connection, children forked during the trace"""
    requests_of(t, "prefork")


@case(breaks=("late_end",))
def microseconds(t):
    """%D lies within our duration: Apache's clock starts after ours and stops before or after the last write"""
    server = apache(t, "event")
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 500, "-c", 1, "--get", "/small", "--get", "/large")
        server.wait_lines(500)
    differences = []
    for record, line in joined("Apache", trace.by_id(), server.lines()):
        # without our `queue`: Apache's clock starts when it has read the request
        differences.append((record["write_last_ns"] - record["read_last_ns"]) / 1e3 - line.seconds * 1e6)
    # 200 us when idle; the machine may be busy, so nearly all of them and their median
    close = share(abs(us) < 1000 for us in differences)
    check(close > 0.9, f"only {close:.1%} within 1 ms of %D")
    middle = sorted(differences)[len(differences) // 2]
    check(abs(middle) < 200, f"median difference to %D: {middle:.0f} us")
    t.notes.append(f"median of ours - %D: {middle:.0f} us")
