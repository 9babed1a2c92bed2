"""Bodies far larger than what is captured of them: their bytes count, whatever the call."""
import time

from harness.case import case, check, equal
from harness.loads import RawClient, load
from harness.oracles import Line, same_as_log, same_requests
from harness.servers import FILES, delay_server, nginx


@case()
def uploads(t):
    """5 MB uploads, sized and chunked: one request each, with all their bytes"""
    behind = delay_server(t)
    server = nginx(t, upstream=behind.address)
    with t.trace([server.pid, behind.pid]) as trace:
        for extra in ([], ["--chunked"], ["--expect-continue"]):
            load(t, server.address, "-n", 8, "-c", 4, "--post", "/proxy/size/10", "--body",
                 5_000_000, *extra)
        server.wait_lines(24)
    records = [record for record in trace.requests() if record["process.pid"] != behind.pid]
    same_requests("nginx", records, server.lines(), ("method", "status", "bytes_out", "bytes_in"))
    own = [record for record in trace.requests() if record["process.pid"] == behind.pid]
    same_requests("the upstream", own, behind.lines(), ("method", "status", "bytes_out", "bytes_in"))


@case()
def cut_by_attach(t):
    """uploads of which half came before the attach: counted apart, and what follows on those connections exactly"""
    server = delay_server(t)
    clients = [RawClient(t, server.address) for _ in range(5)]
    for client in clients:
        client.get("/size/10", "Content-Length: 20000", method="POST").send(b"x" * 10000)
    time.sleep(0.1)
    with t.trace(server.pid) as trace:
        for client in clients:
            client.send(b"y" * 5000)
        time.sleep(0.1)
        for client in clients:
            client.send(b"z" * 5000).response()
            client.get("/size/20").response()
    equal("in flight at attach", 5, trace.counts["in_flight_at_attach"])
    equal("seen", 5, trace.counts["seen"])
    lines = [line for line in server.lines() if line.method == "GET"]
    same_requests("after the attach", trace.requests(), lines, ("method", "status", "bytes_out"))


def as_server_saw(samples):
    """The client's samples as lines: what it sent is what the server read."""
    return [Line(sample.method, sample.path, sample.status, sample.bytes_in, sample.bytes_out,
                 sample.id) for sample in samples]


@case()
def uploads_to_threads(t):
    """uploads to a server with a thread per connection: bytes as the server and the client count them"""
    server = delay_server(t)
    with t.trace(server.pid) as trace:
        samples = load(t, server.address, "-n", 20, "-c", 4, "--post", "/size/10", "--put",
                       "/early/size/10", "--body", 3_000_000)
    same_requests("the server", trace.requests(), server.lines(),
                  ("id", "method", "status", "bytes_out", "bytes_in"))
    same_requests("the client", trace.requests(), as_server_saw(samples),
                  ("id", "method", "status", "bytes_out", "bytes_in"))


def downloads(t, sendfile):
    server = nginx(t, sendfile=sendfile)
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 300, "-c", 10, "--get", "/large", "--get", "/medium*2")
        load(t, server.address, "-n", 6, "-c", 3, "--get", "/huge")
        server.wait_lines(306)
    same_as_log(trace, server, 306)
    least = 6 * FILES["huge"] + 100 * FILES["large"] + 200 * FILES["medium"]
    check(trace.counts["response_bytes"] > least, "fewer bytes than the files have")


@case()
def downloads_by_sendfile(t):
    """20 kB, 200 kB and 20 MB by sendfile, whose payload cannot be read: the same bytes"""
    downloads(t, True)


@case()
def downloads_by_write(t):
    """20 kB, 200 kB and 20 MB by writev: the same bytes"""
    downloads(t, False)


@case()
def slow_reader(t):
    """a client that reads slowly: the response is still one, and its sending takes the time"""
    server = nginx(t)
    client = RawClient(t, server.address)
    with t.trace(server.pid) as trace:
        client.get("/huge", "x-request-id: slow", "Connection: close")
        for _ in range(20):
            client.read_size(65536)
            time.sleep(0.02)
        client.read_all()
        server.wait_lines(1)
    same_as_log(trace, server, 1)
    slow = trace.by_id()["slow"]
    check(slow["send_ns"] > 300_000_000, f"sending took {slow['send_ns']} ns, the client over 0.4 s")


@case()
def compressed(t):
    """chunked answers that nginx makes itself (gzip on the fly)"""
    server = nginx(t, http="gzip on; gzip_types text/plain; gzip_min_length 1;")
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 200, "-c", 5, "--get", "/large", "--get", "/medium",
             "--header", "Accept-Encoding: gzip")
        server.wait_lines(200)
    same_as_log(trace, server, 200)
    check(all(record["tailwhy.response.bytes"] < 5000 for record in trace.requests()),
          "answers are not compressed: this case shows nothing")


@case()
def pipelined_big_answers(t):
    """answers of 20 kB and 200 kB to pipelined requests"""
    server = nginx(t)
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 240, "-c", 4, "--depth", 6, "--get", "/large", "--get",
             "/small", "--get", "/medium")
        server.wait_lines(240)
    same_as_log(trace, server, 240)
