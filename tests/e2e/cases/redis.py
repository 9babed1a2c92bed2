"""Redis by its own counts: calls of each command in INFO commandstats, errors in INFO errorstats."""
import time
from collections import Counter

from harness.case import between, case, check, equal
from harness.context import free_port, wait_until
from harness.loads import RawClient, redis_benchmark
from harness.secrets import check_no_canary, recorded
from harness.servers import redis

CANARY = "s3cr3t-canary-4c1e"


def resp(*words):
    parts = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    return f"*{len(words)}\r\n{parts}"


def seen(trace):
    """What was asked how often, by the names that commandstats has."""
    requests = trace.requests(outcome=None)
    equal("protocols", {"redis"}, {record["network.protocol.name"] for record in requests})
    check(all("http.response.status_code" not in record for record in requests),
          "a status was invented")
    return Counter(r["db.operation.name"].lower().replace(" ", "|") for r in requests)


def commands(t, server, load):
    """Runs the load between CONFIG RESETSTAT and INFO; the counts must be those of Redis."""
    server.command("CONFIG", "RESETSTAT")
    with t.trace(server.pid) as trace:
        load()
        calls = server.calls()
    check(calls.pop("config|resetstat") == 1, "somebody else talks to this redis")
    calls["info"] = calls.get("info", 0) + 1
    equal("calls of each command", calls, dict(seen(trace)))
    equal("exchanges matched", sum(calls.values()), trace.counts["matched"])
    check_nothing_unexplained(trace)
    return trace


def check_nothing_unexplained(trace):
    equal("bytes not parsed", 0, trace.summary["bytes_not_parsed"])
    equal("answers that nobody asked for", 0, trace.summary["unknown_details"]["unsolicited"])


@case(breaks=("drop_request", "invent_request", "add_loss"))
def commandstats(t):
    """redis-benchmark -P 1: as many exchanges of each command as commandstats has calls"""
    server = redis(t)
    commands(t, server, lambda: redis_benchmark(t, server, 5_000, 20, "ping,set,get,incr,lpush,mset"))


@case()
def over_unix_socket(t):
    """the same over a Unix socket"""
    server = redis(t, f"unix:{t.folder}/redis.sock")
    trace = commands(t, server, lambda: redis_benchmark(t, server, 5_000, 10))
    equal("over other sockets", [], [record for record in trace.requests()
                                     if record["network.transport"] != "unix"])


@case(breaks=("drop_request", "invent_request"))
def pipelines(t):
    """redis-benchmark -P 16 and -P 100: each command of a pipeline is a record with its depth"""
    # few enough for the queue of the log to hold, even if nobody writes meanwhile
    for depth, clients in ((16, 4), (100, 2)):
        server = redis(t)
        trace = commands(t, server, lambda: redis_benchmark(t, server, 800, clients,  # noqa: B023
                                                            "ping,set,get,incr", depth))  # noqa: B023
        requests = [r for r in trace.requests() if r["db.operation.name"] == "GET"]
        depths = Counter(record["tailwhy.pipeline.depth"] for record in requests)
        equal(f"depths of -P {depth}", {n: 800 // depth for n in range(1, depth + 1)}, dict(depths))
        equal("ends of answers", {"framing"}, {record["tailwhy.end_rule"] for record in requests})


@case(breaks=("drop_request",))
def names_and_errors(t):
    """subcommands, inline commands, MULTI, RESP3, and error replies by their first word"""
    server = redis(t)
    client = RawClient(t, server.address)

    def load():
        client.send("PING\r\nSET key 1\r\nconfig get save\r\n").read_until(b"save\r\n$0\r\n\r\n")
        client.send(resp("MULTI") + resp("INCR", "key") + resp("LPUSH", "list", "a") + resp("EXEC"))
        client.read_until(b"*2\r\n:2\r\n:1\r\n")
        client.send(resp("LPUSH", "key", "a") + resp("GET")).read_until(b"for 'get' command\r\n")
        client.send(resp("EVAL", f"return redis.error_reply('CUSTOM {CANARY}')", "0"))
        client.read_until(CANARY.encode() + b"\r\n")
        client.send(resp("HELLO", "3")).read_until(b"modules\r\n*0\r\n")
        client.send(resp("HSET", "hash", "a", "b") + resp("HGETALL", "hash") + resp("GET", "none"))
        client.read_until(b"$1\r\nb\r\n_\r\n")
        client.send(resp("DEBUG", "PROTOCOL", "attrib")).read_until(b"following the attribute\r\n")
        client.send(resp("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")).read_until(b"OK\r\n")

    trace = None
    server.command("CONFIG", "RESETSTAT")
    with t.trace(server.pid) as trace:
        load()
        calls, failed = server.calls(), server.calls("failed_calls")
        rejected = server.calls("rejected_calls")
        errors = server.errors()
        client.send(resp("NOSUCHCOMMAND", CANARY)).read_until(b"\r\n")
    calls["info"] = 4
    del calls["config|resetstat"]
    calls["get"] += rejected["get"]
    equal("calls of each command", {**calls, "_other": 1}, dict(seen(trace)))
    words = Counter(r["db.response.status_code"] for r in trace.requests() if "error.type" in r)
    words["ERR"] -= 1  # the unknown one came after the count
    equal("errors by their first word", errors, dict(words))
    equal("errors", sum(failed.values()) + sum(rejected.values()) + 1, trace.counts["server_errors"])
    other = [r for r in trace.requests() if r["db.operation.name"] == "_OTHER"]
    equal("status of the unknown command", ["ERR"], [r["error.type"] for r in other])


@case()
def publish_and_subscribe(t):
    """a subscription is one exchange however many channels; what is published answers nothing"""
    server = redis(t)
    with t.trace(server.pid) as trace:
        for hello in ("", resp("HELLO", "3")):
            client = RawClient(t, server.address)
            client.send(hello + resp("SUBSCRIBE", "a", "b", "c")).read_until(b"c\r\n:3\r\n")
            for number in range(20):
                server.command("PUBLISH", "abc"[number % 3], CANARY)
                client.read_until(CANARY.encode() + b"\r\n")
                if number % 5 == 0:
                    client.send(resp("PING")).read_until(b"PONG\r\n" if hello else b"pong\r\n$0\r\n\r\n")
            client.send(resp("UNSUBSCRIBE")).read_until(b":0\r\n")
            client.send(resp("SET", "k", "v")).read_until(b"+OK\r\n")
            client.close()
    equal("exchanges", {"hello": 1, "subscribe": 2, "publish": 40, "ping": 8, "unsubscribe": 2, "set": 2},
          dict(seen(trace)))
    check_nothing_unexplained(trace)
    equal("matched", 55, trace.counts["matched"])


@case()
def monitor_and_no_replies(t):
    """MONITOR's lines answer nothing; after CLIENT REPLY OFF nothing is waited for"""
    server = redis(t)
    with t.trace(server.pid) as trace:
        watcher = RawClient(t, server.address).send(resp("MONITOR"))
        watcher.read_until(b"+OK\r\n")
        for _ in range(10):
            server.command("SET", "key", "v")
        watcher.read_until(b'"v"\r\n')
        quiet = RawClient(t, server.address)
        quiet.send(resp("CLIENT", "REPLY", "SKIP") + resp("PING") + resp("PING")).read_until(b"+PONG\r\n")
        quiet.send(resp("CLIENT", "REPLY", "OFF") + resp("PING") * 5 + resp("CLIENT", "REPLY", "ON"))
        quiet.read_until(b"+OK\r\n")
    equal("exchanges", {"monitor": 1, "set": 10, "client|reply": 3, "ping": 7}, dict(seen(trace)))
    check_nothing_unexplained(trace)
    equal("matched", 21, trace.counts["matched"])
    silent = [r for r in trace.requests() if "write_last_ns" not in r]
    equal("without an answer", {"PING": 6, "CLIENT REPLY": 2},
          dict(Counter(r["db.operation.name"] for r in silent)))
    check(all("duration_ns" not in r for r in silent), "a request without an answer has a duration")


@case()
def blocking(t):
    """BLPOP waits as long as its client wants: open-ended, as long as that, and in no sum"""
    server = redis(t)
    client = RawClient(t, server.address)
    with t.trace(server.pid) as trace:
        client.send(resp("BLPOP", "list", "5"))
        time.sleep(0.3)
        server.command("RPUSH", "list", "x")
        client.read_until(b"$1\r\nx\r\n")
        client.send(resp("XREAD", "BLOCK", "100", "STREAMS", "s", "$")).read_until(b"*-1\r\n")
    equal("exchanges", {"blpop": 1, "rpush": 1, "xread": 1}, dict(seen(trace)))
    by_name = {r["db.operation.name"]: r for r in trace.requests()}
    between("BLPOP in ms", 300, by_name["BLPOP"]["duration_ns"] / 1e6, 400)
    between("XREAD BLOCK 100 in ms", 99, by_name["XREAD"]["duration_ns"] / 1e6, 250)
    equal("open-ended", {"BLPOP", "XREAD"},
          {name for name, r in by_name.items() if r.get("tailwhy.open_ended")})
    equal("requests in the latency of all", 1, trace.summary["latency"]["duration"]["count"])


@case()
def answers_that_are_not_captured_whole(t):
    """a long array ends with its connection's next turn, a long string by its length: nothing is lost"""
    server = redis(t)
    client = RawClient(t, server.address)
    client.send(resp("RPUSH", "list", *["x" * 10] * 2000)).read_until(b":2000\r\n")
    client.send(resp("SET", "long", "y" * 300_000)).read_until(b"OK\r\n")

    def load():
        for _ in range(20):
            client.send(resp("LRANGE", "list", "0", "-1")).read_size(2000 * 17 + 7)
            client.send(resp("GET", "long") + resp("SET", "long", "y" * 300_000))
            client.read_until(b"y\r\n+OK\r\n")
    trace = commands(t, server, load)
    rules = Counter((r["db.operation.name"], r["tailwhy.end_rule"]) for r in trace.requests())
    rules = {key: count for key, count in rules.items() if key[0] != "INFO"}
    equal("ends", {("LRANGE", "direction_reversal"): 20, ("GET", "framing"): 20, ("SET", "framing"): 20},
          rules)
    sizes = {r["tailwhy.response.bytes"] for r in trace.requests() if r["db.operation.name"] == "LRANGE"}
    equal("bytes of LRANGE", {2000 * 17 + 7}, sizes)


@case()
def secrets(t):
    """keys, values, channels, texts of errors and unknown commands are in no output and no recording"""
    server = redis(t)
    with recorded(t, server.pid) as trace:
        for hello in ("", resp("HELLO", "3")):
            client = RawClient(t, server.address)
            client.send(hello + resp("SET", CANARY, CANARY) + resp("GET", CANARY)
                        + resp("LPUSH", CANARY, CANARY) + resp(CANARY, CANARY) + resp("CONFIG", CANARY)
                        + resp("MGET", CANARY, CANARY) + resp("ECHO", CANARY * 500)
                        + f"SET {CANARY} {CANARY}\r\n" + resp("SUBSCRIBE", CANARY)).read_until(b":1\r\n")
            server.command("PUBLISH", CANARY, CANARY)
            client.read_until(CANARY.encode() + b"\r\n")
            client.close()
        watcher = RawClient(t, server.address).send(resp("MONITOR"))
        watcher.read_until(b"+OK\r\n")
        server.command("GET", CANARY)
        watcher.read_until(b'"\r\n')
    equal("operations", 2, seen(trace)["mget"])
    check_no_canary(t, trace, CANARY, "MGET")


@case()
def slow_command(t):
    """DEBUG SLEEP 0.1: the exchange takes as long, and those behind it wait in the queue"""
    server = redis(t, f"127.0.0.1:{free_port()}")
    server.command("PING")
    with t.trace(server.pid) as trace:
        server.command("DEBUG", "SLEEP", "0.1")
        server.command("PING")
    slow, fast = sorted(trace.requests(), key=lambda record: -record["duration_ns"])
    equal("names", ("DEBUG", "PING"), (slow["db.operation.name"], fast["db.operation.name"]))
    between("DEBUG SLEEP 0.1 in ms", 100, slow["duration_ns"] / 1e6, 130)
    check(fast["duration_ns"] < 20e6, f"PING took {fast['duration_ns']} ns")


@case()
def busy_at_attach(t):
    """connections in full use during the attach were open before; what is seen is what was called"""
    for name, address, where in (("TCP", None, ()),
                                 ("Unix", f"unix:{t.folder}/redis.sock", ("-s", f"{t.folder}/redis.sock"))):
        for depth in (1, 8):
            server = redis(t, address)
            load = t.start([t.tool("redis-benchmark"), *(where or ("-p", server.port)), "-n", 5_000_000,
                            "-c", 20, "-P", depth, "-t", "get", "-q"], f"load over {name} -P {depth}")
            wait_until("the load has begun", lambda: server.calls().get("get", 0) > 1000)  # noqa: B023
            before = server.calls()["get"]
            with t.trace(server.pid, log=False) as trace:
                begun = server.calls()["get"]
                time.sleep(0.1)
                ends = server.calls()["get"]
            after = server.calls()["get"]
            load.end()
            server.process.end()
            connections = trace.summary["connections"]
            equal(f"opened over {name}", 0, connections["opened"])
            equal(f"existing over {name}, with the one that asked", 21, connections["existing"])
            rows = [r for r in trace.summary["routes"] if r.get("db.operation.name") == "GET"]
            equal("protocols", {"redis"}, {r["network.protocol.name"] for r in trace.summary["routes"]})
            check_nothing_unexplained(trace)
            between(f"GETs over {name} -P {depth}", ends - begun, sum(row["count"] for row in rows),
                    after - before)
            t.notes.append(f"{name} -P {depth}: {trace.counts['seen']}")


@case(breaks=("drop_request",))
def attach_in_mid_request(t):
    """a command that waits and half of another at the attach: nothing is taken for them, what follows is read"""
    server = redis(t)
    waits, halved = RawClient(t, server.address), RawClient(t, server.address)
    waits.send(resp("BLPOP", "queue", "0"))
    whole = resp("SET", "key", "GET x" * 100)
    halved.send(whole[:200])
    time.sleep(0.1)
    with t.trace(server.pid) as trace:
        server.command("LPUSH", "queue", "value")
        waits.read_until(b"value\r\n")
        waits.send(resp("PING")).read_until(b"PONG\r\n")
        halved.send(whole[200:]).read_until(b"+OK\r\n")
        halved.send(resp("GET", "nothing")).read_until(b"$-1\r\n")
    equal("in flight", 2, trace.counts["in_flight_at_attach"])
    equal("what was read", ["LPUSH", "PING", "GET"],
          [record.get("db.operation.name") for record in trace.requests()])
    equal("unmatched", 0, trace.counts["unmatched"])
