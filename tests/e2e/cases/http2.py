"""HTTP/2 without TLS: nginx's access log and h2load's counts against ours, one record a stream."""
from harness.case import between, case, check, equal
from harness.context import wait_until
from harness.loads import h2load
from harness.oracles import same_multiset, same_requests, share
from harness.servers import apache, nginx

FIELDS = ("method", "path", "status")


def streams(t, clients, depth, requests=2000, path="/small"):
    # without sendfile head and body are one segment, which waits for no acknowledgement
    server = nginx(t, listen="http2", sendfile=False)
    with t.trace(server.pid) as trace:
        rows = h2load(t, server.address, path, requests, clients, streams=depth, h2=True)
        server.wait_lines(requests)
    equal("requests seen", requests, trace.counts["seen"])
    equal("requests matched", requests, trace.counts["matched"])
    equal("lost", 0, trace.summary["lost"])
    equal("bytes not parsed", 0, trace.summary["bytes_not_parsed"])
    records = trace.requests()
    check(not any(record.get("incomplete") for record in records), "some are incomplete")
    equal("versions", {"2"}, {record["network.protocol.version"] for record in records})
    same_requests("access log", records, server.lines(), FIELDS)
    same_multiset("h2load", [record["http.response.status_code"] for record in records],
                  [status for _, status, _ in rows])
    return trace, server, rows


@case(breaks=("drop_request", "invent_request", "change_status", "change_route", "add_loss"))
def one_stream(t):
    """one connection, one stream at a time: nginx's log, h2load's times never shorter than ours"""
    trace, _, rows = streams(t, 1, 1)
    ours = sorted(trace.requests(), key=lambda record: record["read_first_ns"])
    gaps = [us - record["duration_ns"] / 1e3
            for record, (_, _, us) in zip(ours, sorted(rows), strict=True)]
    check(share(gap > -20 for gap in gaps) > 0.97,
          f"{share(gap <= -20 for gap in gaps):.1%} of the client's times are shorter than ours")
    middle = sorted(gaps)[len(gaps) // 2]
    between("median of client - ours in us", -2, middle, 500)
    t.notes.append(f"median of client - ours: {middle:.0f} us")


@case()
def ten_streams(t):
    """10 connections with 10 streams each"""
    streams(t, 10, 10, 5000)


@case(breaks=("drop_request", "change_status"))
def hundred_streams(t):
    """one connection with 100 streams at a time"""
    trace, _, _ = streams(t, 1, 100, 5000)
    deepest = max(record["tailwhy.pipeline.depth"] for record in trace.requests())
    check(deepest > 20, f"at most {deepest} streams at a time: shows nothing")


@case()
def bytes_on_the_wire(t):
    """bytes of a stream are its frames: what nginx says it sent"""
    trace, server, _ = streams(t, 1, 1, 200)
    same_multiset("bytes out", [record["tailwhy.response.bytes"] for record in trace.requests()],
                  [line.bytes_out for line in server.lines()])


@case()
def attach_under_load(t):
    """attached in the middle of connections: the counts fit, and no name is wrong"""
    server = nginx(t, listen="http2")
    program = t.tool("h2load")
    load = t.start([program, "-D", "5", "-c", 4, "-m", 10, f"http://{server.address}/small"], "h2load")
    wait_until("the load runs", lambda: len(server.lines()) > 100)
    with t.trace(server.pid) as trace:
        begun = len(server.lines())
        wait_until("it goes on", lambda: len(server.lines()) > begun + 2000)
        ended = len(server.lines())
    load.wait()
    counts = trace.counts
    check(counts["matched"] >= ended - begun - 100, f"{counts} of at least {ended - begun}")
    for record in trace.requests():
        check(record.get("http.request.method", "GET") == "GET" and
              record.get("http.route", "/small") == "/small" and
              record.get("http.response.status_code", 200) in (0, 200), f"wrong: {record}")


@case()
def upgrade(t):
    """h2c by Upgrade: the request that asked for it is answered as stream 1"""
    server = apache(t, "event", http2=True)
    curl = t.tool("curl")
    with t.trace(server.pid) as trace:
        for path, expected in [("small", "2 200"), ("missing", "2 404")] * 20:
            done = t.run([curl, "-sS", "--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}",
                          f"http://{server.address}/{path}"])
            equal("curl", expected, done.stdout)
        server.wait_lines(80)
    equal("requests matched", 40, trace.counts["matched"])
    # Apache has a line for the 101, too
    same_requests("access log", trace.requests(),
                  [line for line in server.lines() if line.status != 101], FIELDS)


@case()
def prior_knowledge(t):
    """Apache's mod_http2 with h2load"""
    server = apache(t, "event", http2=True)
    with t.trace(server.pid) as trace:
        h2load(t, server.address, "/small", 1000, 5, streams=5, h2=True)
        server.wait_lines(1000)
    equal("requests matched", 1000, trace.counts["matched"])
    same_requests("access log", trace.requests(), server.lines(), FIELDS)


@case()
def no_secret(t):
    """a canary in query, header and body is in no output"""
    server = nginx(t, listen="http2")
    curl = t.tool("curl")
    canary = "CANARY0123456789CANARY"
    with t.trace(server.pid) as trace:
        t.run([curl, "-sS", "--http2-prior-knowledge", "-o", "/dev/null", "-H", f"authorization: {canary}",
               "-H", f"x-custom: {canary}", "-d", canary, f"http://{server.address}/small?token={canary}"],
              check=False)  # nginx refuses a body for a file, and may reset the stream before curl has sent it
        server.wait_lines(1)
    equal("requests matched", 1, trace.counts["matched"])
    check(canary not in str(trace.requests()) + str(trace.summary), "the canary got out")


def big_bodies(t, path, size, requests, depth):
    server = nginx(t, listen="http2")
    with t.trace(server.pid) as trace:
        h2load(t, server.address, path, requests, 2, streams=depth, h2=True)
        server.wait_lines(requests)
    counts = trace.counts
    equal("requests seen", requests, counts["seen"])
    equal("ended", requests, counts["matched"] + counts["unmatched"])
    whole = [record for record in trace.requests(outcome=None) if not record.get("incomplete")]
    for record in whole:
        equal("status", 200, record["http.response.status_code"])
        check(record["tailwhy.response.bytes"] > size, f"too few bytes: {record}")
    t.notes.append(f"{len(whole)} of {requests} whole, {counts['unmatched']} without an answer")
    return len(whole)


@case()
def bodies(t):
    """bodies of 20 kB, ten streams at a time: every one is whole"""
    equal("whole", 1000, big_bodies(t, "/medium", 20_000, 1000, 10))


@case()
def large_bodies(t):
    """bodies of 200 kB, ten streams at a time: counted once each, whatever of them was not captured"""
    big_bodies(t, "/large", 200_000, 200, 10)
