"""Packaged servers with one known cause of slow requests: most of the slow ones' time is said to be
there."""
import os
import statistics
import time

from harness.budget_parts import MS, PARTS
from harness.case import between, case, check, equal
from harness.context import free_port, wait_until
from harness.loads import RawClient, load
from harness.process import children_of
from harness.servers import LOOPBACK, Server, delay_server, nginx, redis

BREAKS = ("rename_part", "forget_part")


def shares(requests):
    """{part: the median of its share of a request's time}; without what others of this machine took."""
    def share(request, part):
        budget = request["tailwhy.budget"]
        return budget[part] / (request["duration_ns"] - budget["run_queue"])
    return {part: statistics.median(share(request, part) for request in requests)
            for part in PARTS if part != "run_queue"}


def mostly(t, what, requests, part, least):
    """At least this share of the time of most of them is this part."""
    check(requests, f"{what}: no requests")
    found = shares(requests)
    told = ", ".join(f"{name} {share:.1%}" for name, share
                     in sorted(found.items(), key=lambda item: -item[1]) if share >= 0.005)
    t.notes.append(f"{what}: {len(requests)} requests, {told}")
    check(found[part] >= least, f"{what}: {part} should be {least:.0%} at least: {told}")


def of_route(trace, route):
    return [request for request in trace.requests() if request["http.route"].startswith(route)]


def gunicorn(t, down, *arguments):
    """Debian's, with our application; its workers are forked from the arbiter."""
    address = f"{LOOPBACK}:{free_port()}"
    folder = os.path.dirname(t.asset("budget_wsgi.py"))
    process = t.start([t.tool("gunicorn"), "--chdir", folder, "--bind", address, *arguments,
                       "budget_wsgi:application"], "gunicorn",
                      env={**os.environ, "DOWN": down, "PYTHONDONTWRITEBYTECODE": "1"})
    server = Server(t, process, address)
    wait_until("gunicorn has its workers", lambda: children_of(server.pid))
    return server


def wsgi(t, *arguments, clients, paths):
    down = delay_server(t)
    server = gunicorn(t, down.address, *arguments)
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 40 * len(paths), "-c", clients, "--close",
             *(word for path in paths for word in ("--get", path)))
    return trace, down


@case(breaks=BREAKS)
def gunicorn_sync(t):
    """gunicorn's sync workers: sleeping, burning, waiting for another server"""
    trace, down = wsgi(t, "--workers", 2, clients=1,
                       paths=("/sleep/20", "/cpu/20", "/down/20", "/nothing"))
    for route, part, least in (("/sleep/", "sleep", 0.9), ("/down/", "downstream", 0.8)):
        mostly(t, route, of_route(trace, route), part, least)
    burning = [r["tailwhy.budget"] for r in of_route(trace, "/cpu/")]
    between("median of on_cpu of /cpu/20 in ms", 20, statistics.median(
        budget["on_cpu"] for budget in burning) / MS, 23)
    for request in of_route(trace, "/down/"):
        equal("peer of /down", (LOOPBACK, down.port), (request["tailwhy.downstream.address"],
                                                       request["tailwhy.downstream.port"]))


@case()
def gunicorn_threads(t):
    """gunicorn's threads: the main thread accepts, a pool's thread reads and serves"""
    trace, _ = wsgi(t, "--workers", 1, "--threads", 4, clients=2,
                    paths=("/sleep/20", "/down/20", "/nothing"))
    for route, part, least in (("/sleep/", "sleep", 0.9), ("/down/", "downstream", 0.8)):
        mostly(t, route, of_route(trace, route), part, least)


@case(breaks=BREAKS)
def nginx_proxy(t):
    """nginx in front of a server that sleeps 20 ms: 95 % are downstream, and its address is said"""
    behind = delay_server(t)
    server = nginx(t, upstream=behind.address)
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 200, "-c", 1, "--get", "/proxy/sleep/20ms", "--get", "/small")
    slow = [r for r in trace.requests() if r["duration_ns"] > 15 * MS]
    equal("slow requests", 100, len(slow))
    mostly(t, "/proxy/sleep/20ms", slow, "downstream", 0.95)
    for request in slow:
        equal("downstream", (1, LOOPBACK, behind.port, "http"),
              tuple(request.get(f"tailwhy.downstream.{name}")
                    for name in ("calls", "address", "port", "protocol")))
    for request in trace.requests():
        if request not in slow:
            check("tailwhy.downstream.address" not in request, f"/small called nobody: {request}")


@case(breaks=BREAKS)
def redis_sleep(t):
    """redis under DEBUG SLEEP: it sleeps, and who comes meanwhile waits in the queue of a busy thread"""
    server = redis(t)
    others = [RawClient(t, server.address) for _ in range(4)]
    for other in others:
        other.send("PING\r\n").read_until(b"\r\n")
    with t.trace(server.pid) as trace:
        for _ in range(3):
            server.socket.sendall(b"DEBUG SLEEP 0.1\r\n")
            time.sleep(0.02)
            for other in others:
                other.send("PING\r\n")
            for other in others:
                other.read_until(b"\r\n")
            server.socket.recv(100)
    slept = [r for r in trace.requests() if r["service_ns"] > 90 * MS]
    waited = [r for r in trace.requests() if r["queue_ns"] > 50 * MS]
    equal("requests that slept and that waited", (3, 12), (len(slept), len(waited)))
    mostly(t, "DEBUG SLEEP", slept, "sleep", 0.95)
    mostly(t, "behind it", waited, "queue", 0.95)
    for request in waited:
        meanwhile = request["tailwhy.budget.queued_while"]
        busy = meanwhile["busy"] + meanwhile["waited_for_cpu"]
        check(busy >= 0.95 * request["queue_ns"], f"queued while redis was not busy: {request}")
