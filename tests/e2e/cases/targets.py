"""Other ways to name a target, and targets that change while they are traced."""
import signal
import time

from harness.case import case, check, equal
from harness.context import free_port, wait_until
from harness.loads import load
from harness.oracles import same_requests
from harness.servers import accepts, delay_server, nginx

BY_ID = ("id", "status", "bytes_out", "bytes_in")


@case()
def several(t):
    """several PIDs at once: each one's requests under its own number"""
    servers = [delay_server(t, name=f"server-{n}") for n in range(3)]
    with t.trace([server.pid for server in servers]) as trace:
        for number, server in enumerate(servers):
            load(t, server.address, "-n", 100 * (number + 1), "-c", 4, "--get", "/size/10")
    for server in servers:
        own = [r for r in trace.requests() if r["process.pid"] == server.pid]
        same_requests(server.process.name, own, server.lines(), BY_ID)


@case()
def only_the_target(t):
    """another server on the same machine, and its clients, are not in our numbers"""
    traced, other = delay_server(t, name="traced"), delay_server(t, name="other")
    with t.trace(traced.pid) as trace:
        load(t, other.address, "-n", 500, "-c", 4, "--get", "/size/10")
        load(t, traced.address, "-n", 100, "-c", 4, "--get", "/size/10")
    same_requests("the traced one", trace.requests(), traced.lines(), BY_ID)
    equal("connections", 4, trace.summary["connections"]["opened"])


@case()
def by_port(t):
    """--port N: whoever listens there, master and workers"""
    server = nginx(t, workers=2)
    with t.trace(None, "--port", server.port) as trace:
        load(t, server.address, "-n", 500, "-c", 16, "--get", "/small")
        server.wait_lines(500)
    same_requests("nginx", trace.requests(), server.lines())


@case()
def by_name(t):
    """--comm NAME and --comm /REGEX/"""
    server = delay_server(t)
    for name in ("delay_server", "/^delay_s.*r$/"):
        with t.trace(None, "--comm", name) as trace:
            before = len(server.lines())
            load(t, server.address, "-n", 100, "-c", 4, "--get", "/size/10")
        own = [r for r in trace.requests() if r["process.pid"] == server.pid]
        same_requests(name, own, server.lines()[before:], BY_ID)


@case()
def no_children(t):
    """--no-children: a master alone has no requests"""
    server = nginx(t)
    with t.trace(server.pid, "--no-children") as trace:
        load(t, server.address, "-n", 50, "-c", 4, "--get", "/small")
        server.wait_lines(50)
    equal("seen", 0, trace.counts["seen"])


@case()
def execs(t):
    """a target that execs goes on under the same number and is still traced"""
    server = delay_server(t)
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 100, "-c", 4, "--get", "/size/10")
        server.process.signal(signal.SIGUSR2)
        wait_until("the server has executed itself",
                   lambda: server.process.output().count("listening") == 2)
        load(t, server.address, "-n", 150, "-c", 4, "--get", "/size/10")
    same_requests("the server", trace.requests(), server.lines(), BY_ID)
    check("target_exec" in {record["event"] for record in trace.of_kind("lifecycle")},
          "the exec is not in the log")


@case(breaks=("drop_request",))
def exits(t):
    """a target that ends while it is traced: what was seen is reported, exit code 0"""
    server = delay_server(t)
    with t.trace(server.pid, ends_itself=True) as trace:
        load(t, server.address, "-n", 200, "-c", 4, "--get", "/size/10")
        server.process.end()
    same_requests("the server", trace.requests(), server.lines(), BY_ID)
    check("target_exit" in {record["event"] for record in trace.of_kind("lifecycle")},
          "the exit is not in the log")
    check("exited" in trace.process.errors(), f"nothing said: {trace.process.errors()}")


@case()
def is_killed(t):
    """a target that is killed with requests in flight: they are unmatched, the rest is exact"""
    server = delay_server(t)
    client = t.start([t.workload("load"), "--to", server.address, "-n", 5, "-c", 5, "--get",
                      "/sleep/30s", "--limit", 20], "waiting-load")
    with t.trace(server.pid, ends_itself=True) as trace:
        load(t, server.address, "-n", 100, "-c", 4, "--get", "/size/10")
        late = t.start([t.workload("load"), "--to", server.address, "-n", 3, "-c", 3, "--get",
                        "/sleep/30s", "--limit", 20], "late-load")
        time.sleep(0.3)
        server.process.signal(signal.SIGKILL)
        late.wait()
    client.wait()
    equal("seen", 103, trace.counts["seen"])
    equal("matched", 100, trace.counts["matched"])
    equal("unmatched", 3, trace.counts["unmatched"])


@case()
def follows(t):
    """--follow waits for its target, traces it, and goes on with its successor"""
    address = f"127.0.0.1:{free_port()}"
    trace = t.trace(None, "--follow", "--port", address.rsplit(":", 1)[1])
    trace.start()
    servers = []
    for number in range(2):
        server = delay_server(t, "--listen", address, name=f"server-{number}", probe=True)
        servers.append(server)
        wait_until(f"server {number} is found", lambda: found_events(trace) > number, 15)
        load(t, address, "-n", 100, "-c", 4, "--get", "/size/10")
        server.process.end()
        wait_until("the port is free", lambda: not accepts(address))
    trace.stop()
    trace.read()
    trace.check_always()
    lines = [line for server in servers for line in server.lines()]
    same_requests("both servers", trace.requests(), lines, BY_ID)


def found_events(trace):
    if not trace.log_file.exists():
        return 0
    return trace.log_file.read_text().count('"target_found"')
