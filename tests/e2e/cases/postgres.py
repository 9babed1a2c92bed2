"""PostgreSQL, counted against its own pg_stat_statements."""
import time
from collections import Counter

from harness.case import between, case, check, equal
from harness.postgres import postgres

CANARY = "canary-77aa"
SELECT = f"SELECT v FROM counted WHERE id = 5 AND v <> '{CANARY}';\n"
INSERT = "INSERT INTO counted VALUES (7, 'x');\n"


def named(trace):
    return Counter((r.get("db.operation.name"), r.get("db.query.summary"),
                    r.get("db.response.status_code")) for r in trace.requests("server", None)
                   if r["network.protocol.name"] == "postgresql")


def pipeline(depth):
    return "\\startpipeline\n" + SELECT * depth + "\\endpipeline\n"


@case(limit=120, breaks=("drop_request", "invent_request", "add_loss"))
def counts(t):
    """simple, extended and prepared, pipelines of 1, 16 and 100: as many as pg_stat_statements has"""
    server = postgres(t)
    server.reset()
    with t.trace(server.pid) as trace:
        for mode in ("simple", "extended", "prepared"):
            server.pgbench(SELECT + INSERT, "-M", mode, "-c", 4, "-t", 50)
        for depth in (1, 16, 100):
            server.pgbench(pipeline(depth), "-M", "extended", "-c", 2, "-t", 4)
        selects, inserts = server.calls("SELECT v FROM counted"), server.calls("INSERT INTO counted")
    found = named(trace)
    equal("as pgbench asked", (600 + 8 * 117, 600), (selects, inserts))
    equal("SELECT", selects, found[("SELECT", "SELECT counted", None)])
    equal("INSERT", inserts, found[("INSERT", "INSERT counted", None)])
    equal("unmatched", 0, trace.counts["unmatched"])
    equal("failed", 0, trace.counts["failed"])
    equal("not PostgreSQL", set(), {r["network.protocol.name"] for r in trace.requests("server", None)}
          - {"postgresql"})
    check(not [r for r in trace.requests() if "incomplete" in r], "some are incomplete")
    check(max(r["tailwhy.pipeline.depth"] for r in trace.requests()) >= 50, "no pipeline was seen")
    for file in t.folder.glob("tailwhy*"):
        check(CANARY.encode() not in file.read_bytes(), f"{file} has a literal")


@case(limit=120)
def errors(t):
    """each error once, by its SQLSTATE"""
    server = postgres(t)
    with t.trace(server.pid) as trace:
        for statement in ("SELECT * FROM nowhere", "SELECT 1/0", "SELEC 1", "INSERT INTO counted VALUES ('a')"):
            server.psql(statement, check=False)
    codes = Counter(r.get("db.response.status_code") for r in trace.requests()
                    if r["db.operation.name"] != "CONNECT")
    equal("SQLSTATEs", Counter({"42P01": 1, "22012": 1, "42601": 1, "22P02": 1}), codes)
    equal("server errors", 4, trace.counts["server_errors"])


@case(limit=120)
def times(t):
    """pg_sleep takes as long as it says, and a big result ends with its last byte"""
    server = postgres(t)
    with t.trace(server.pid) as trace:
        server.sql("SELECT pg_sleep(0.2)")
        server.sql("SELECT repeat('x', 100) FROM generate_series(1, 100000) i")
    slept, big = (r for r in trace.requests() if r["db.operation.name"] == "SELECT")
    between("pg_sleep(0.2) in ms", 200, slept["duration_ns"] / 1e6, 230)
    between("its sleep", 199, (slept["tailwhy.budget"]["poll"] + slept["tailwhy.budget"]["sleep"]) / 1e6, 230)
    check(big["tailwhy.response.bytes"] > 10_000_000, f"{big['tailwhy.response.bytes']} bytes of a big result")


@case(limit=120)
def attach_in_mid_connection(t):
    """attached while pgbench runs: no wrong name, nothing unmatched, and as many as are counted"""
    server = postgres(t)
    bench = server.pgbench(SELECT + INSERT, "-M", "prepared", "-c", 4, "-T", 3, background=True)
    with t.trace(server.pid) as trace:
        bench.wait(20)
    found = named(trace)
    names = {name for name, _, _ in found} - {None, "CONNECT"}
    check(names <= {"SELECT", "INSERT", "EXECUTE"}, f"names that nobody sent: {names}")
    check(found.total() > 200, f"only {found.total()} requests")
    equal("unmatched", 0, trace.counts["unmatched"])


@case(limit=120, breaks=("drop_request",))
def attach_in_mid_request(t):
    """a statement that runs at the attach is counted apart, what follows on its connection is read"""
    server = postgres(t)
    command = server.client("SELECT pg_sleep(1)", "SELECT v FROM counted WHERE id = 5", "SELECT 1/0")
    client = t.start(command, "psql")
    time.sleep(0.4)
    with t.trace(server.pid) as trace:
        client.wait(20)
    equal("in flight", 1, trace.counts["in_flight_at_attach"])
    equal("read", [("SELECT counted", None), ("SELECT", "22012")],
          [(r.get("db.query.summary"), r.get("db.response.status_code")) for r in trace.requests()])
    equal("unmatched", 0, trace.counts["unmatched"])
