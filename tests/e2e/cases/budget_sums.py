"""Do the parts add up to the duration? For each request of every trace that any case makes,
harness/trace.py asks that; here of protocols and modes that no plan covers, and of a replay."""
import json
import statistics

from harness.budget_parts import PARTS, TIME
from harness.budgets import budget_server
from harness.case import between, case, check, equal
from harness.loads import load, redis_benchmark
from harness.servers import delay_server, nginx, redis, uring_server

BREAKS = ("lengthen_part", "drop_budget")


def summed(t, what, trace, most=0.05):
    """All have a budget of all parts; says how much of the time is unattributed."""
    requests = trace.requests()
    check(requests, f"{what}: no requests")
    for request in requests:
        check("tailwhy.budget" in request, f"{what}: no budget: {request}")
        equal(f"{what}: names of the parts", PARTS, list(request["tailwhy.budget"]))
    whole = sum(request["duration_ns"] for request in requests)
    lost = sum(request["tailwhy.budget"]["unattributed"] for request in requests) / max(1, whole)
    t.notes.append(f"{what}: {lost:.1%} of {len(requests)} requests' time unattributed")
    between(f"{what}: unattributed", 0, lost, most)


@case(breaks=BREAKS)
def nginx_files(t):
    """nginx: keep-alive, one request a connection, pipelined, large answers, as a proxy"""
    server = nginx(t, workers=2, upstream=delay_server(t).address)
    for what, arguments in (("keep-alive", ("-n", 2000, "-c", 16, "--get", "/small")),
                            ("close", ("-n", 500, "-c", 8, "--close", "--get", "/small")),
                            ("pipelined", ("-n", 1000, "-c", 4, "--depth", 4, "--get", "/small")),
                            ("large", ("-n", 60, "-c", 4, "--get", "/large", "--get", "/huge")),
                            ("proxy", ("-n", 300, "-c", 4, "--get", "/proxy/sleep/1ms"))):
        with t.trace(server.pid) as trace:
            load(t, server.address, *arguments)
        summed(t, what, trace)


@case(breaks=BREAKS)
def redis_commands(t):
    """redis over TCP and over a Unix socket"""
    for address in (None, f"unix:{t.folder}/redis.sock"):
        server = redis(t, address)
        with t.trace(server.pid) as trace:
            redis_benchmark(t, server, 3000, 10)
        summed(t, address[:4] if address else "tcp", trace)


@case()
def threads_and_forks(t):
    """a thread per connection over TCP and a Unix socket, and a process per connection"""
    for what, arguments in (("threads", ()), ("forks", ("--fork",)),
                            ("unix", ("--listen", f"unix:{t.folder}/delay.sock"))):
        server = delay_server(t, *arguments, name=f"delay_{what}")
        with t.trace(server.pid) as trace:
            load(t, server.address, "-n", 600, "-c", 6, "--per-connection", 20, "--get", "/size/100",
                 "--get", "/sleep/1ms", "--get", "/chunked/3x500/gap/1ms", "--post", "/size/10",
                 "--body", 40_000)
        summed(t, what, trace)


@case()
def io_uring(t):
    """a server that makes no calls on its sockets: the sums hold, how much is known is only told"""
    for mode in ("plain", "multishot", "sqpoll"):
        server = uring_server(t, mode)
        with t.trace(server.pid) as trace:
            load(t, server.address, "-n", 1000, "-c", 10, "--get", "/small")
        summed(t, mode, trace, most=1)


@case()
def replayed(t):
    """a recording and its report: the sums hold, and the budgets are those of a trace beside it"""
    server = budget_server(t)
    recording, log = t.folder / "run.twcap", t.folder / "replayed.jsonl"
    record = t.trace(server.pid, log=False, profile=False, checked=False)
    record.command[1:1] = ["record", "-o", recording]
    with t.trace(server.pid) as trace, record:
        load(t, server.address, "-n", 200, "-c", 3, "--get", "/lock/1ms", "--get", "/down/1ms",
             "--get", "/cpu/1ms", "--get", "/pool_pipe/sleep/1ms", "--get", "/hold/1ms")
    done = t.tailwhy("report", recording, "--log", log, "--log-requests", "all")
    equal(f"exit code ({done.stderr[-300:]})", 0, done.returncode)
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    again = {row["http.request.header.x-request-id"]: row for row in rows
             if row["record"] == "request" and row["tailwhy.role"] == "server"}
    live = trace.by_id()
    equal("requests", sorted(live), sorted(again))
    for key, request in again.items():
        budget = request["tailwhy.budget"]
        equal(f"sum of the parts of {key}", request["duration_ns"], sum(budget.values()))
    summed(t, "live", trace)
    for part in PARTS:  # two tracers, each with its own stamps
        between(f"median difference of {part} in the two traces in ns", 0, statistics.median(
            abs(again[key]["tailwhy.budget"][part] - live[key]["tailwhy.budget"][part])
            for key in live), TIME)
