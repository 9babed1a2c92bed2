"""Redis speaks no HTTP: protocol unknown, one exchange a turn, counted by INFO commandstats."""
import time

from harness.case import between, case, check, equal
from harness.context import free_port, wait_until
from harness.loads import redis_benchmark
from harness.servers import redis


def commands(t, server, requests=10_000, clients=20):
    """Exchanges we must have seen: all commands, and the INFO that asks for their number."""
    server.command("CONFIG", "RESETSTAT")
    with t.trace(server.pid) as trace:
        redis_benchmark(t, server, requests, clients)
        calls = server.calls()
    check(calls.pop("config|resetstat") == 1, "somebody else talks to this redis")
    equal("set and get as redis counts them", (requests, requests), (calls["set"], calls["get"]))
    # redis-benchmark asks for two settings in one write: one turn
    expected = sum(calls.values()) + 1 - calls["config|get"] // 2
    equal("exchanges seen", expected, trace.counts["seen"])
    equal("exchanges matched", expected, trace.counts["matched"])
    equal("protocols", {"unknown"},
          {record["network.protocol.name"] for record in trace.requests()})
    return trace, expected


@case(breaks=("drop_request", "invent_request", "add_loss"))
def commandstats(t):
    """redis-benchmark -P 1: as many exchanges as commandstats has calls"""
    trace, _ = commands(t, redis(t))
    check(all("http.response.status_code" not in record for record in trace.requests()),
          "a status was invented")


@case()
def over_unix_socket(t):
    """the same over a Unix socket"""
    trace, expected = commands(t, redis(t, f"unix:{t.folder}/redis.sock"), 5_000, 10)
    equal("over unix sockets", expected, len([record for record in trace.requests()
                                              if record["network.transport"] == "unix"]))


@case()
def slow_command(t):
    """DEBUG SLEEP 0.1: the exchange takes as long, and those behind it wait in the queue"""
    server = redis(t, f"127.0.0.1:{free_port()}")
    server.command("PING")
    with t.trace(server.pid) as trace:
        server.command("DEBUG", "SLEEP", "0.1")
        server.command("PING")
    slow, fast = sorted(trace.requests(), key=lambda record: -record["duration_ns"])
    between("DEBUG SLEEP 0.1 in ms", 100, slow["duration_ns"] / 1e6, 130)
    check(fast["duration_ns"] < 20e6, f"PING took {fast['duration_ns']} ns")


@case()
def busy_at_attach(t):
    """connections in full use while the hooks are attached were open before, over TCP and Unix sockets"""
    for name, address, where in (("TCP", None, ()),
                                 ("Unix", f"unix:{t.folder}/redis.sock", ("-s", f"{t.folder}/redis.sock"))):
        server = redis(t, address)
        load = t.start([t.tool("redis-benchmark"), *(where or ("-p", server.port)), "-n", 5_000_000,
                        "-c", 20, "-t", "get", "-q"], f"load over {name}")
        wait_until("the load has begun", lambda: server.calls().get("get", 0) > 1000)
        with t.trace(server.pid) as trace:
            time.sleep(0.2)
        load.end()
        connections = trace.summary["connections"]
        equal(f"opened over {name}", 0, connections["opened"])
        equal(f"existing over {name}, with the one that asked", 21, connections["existing"])
        check(trace.counts["seen"] > 1000, f"{trace.counts['seen']} exchanges: this shows nothing")
