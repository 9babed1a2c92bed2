"""What a request's line counts besides time: calls to others, failed system calls, retransmits."""
from cases.namespaces import inner, network_namespace
from harness.budgets import budget_server
from harness.case import Skip, between, case, check, equal
from harness.loads import load
from harness.oracles import same_multiset
from harness.servers import delay_server

BREAKS = ("miscount_calls",)


def asked(t, server, paths, each=20, clients=2):
    """Pairs of (record, truth). Pool requests one at a time: a pool thread that takes its next job
    without having slept, or one for which another had been woken, works for nobody that is known."""
    pooled = [path for path in paths if "/pool" in path]
    rest = [path for path in paths if path not in pooled]
    with t.trace(server.pid) as trace:
        for some, connections in ((rest, clients), (pooled, 1)):
            load(t, server.address, "-n", each * len(some), "-c", connections,
                 *(word for path in some or rest for word in ("--get", path)))
        rows = server.truth(each * len(paths))
    found = trace.by_id()
    return trace, [(found[row["id"]], row) for row in rows]


@case(breaks=BREAKS)
def downstream(t):
    """k calls to another server: counted one by one, with its address, and each has its own record"""
    paths = {"/cpu/100us": 0, "/down/1ms": 1, "/down/1ms/cpu/100us/down/1ms": 2, "/down_new/1ms": 1,
             "/down/1ms/down_new/1ms/down/2ms": 3, "/pool_pipe/down/1ms": 1}
    for model in ("threads", "epoll"):
        server = budget_server(t, model=model, name=f"budget_{model}")
        trace, pairs = asked(t, server, list(paths))
        port = int(server.down.rsplit(":", 1)[1])
        unknown = [row for _, row in pairs if row.get("handed_busy")]
        for record, row in pairs:
            if row in unknown:
                continue
            calls = paths[row["target"]]
            equal(f"calls of {row['target']} ({model})", calls, record.get("tailwhy.downstream.calls", 0))
            peer = (record.get("tailwhy.downstream.address"), record.get("tailwhy.downstream.port"),
                    record.get("tailwhy.downstream.protocol"))
            equal(f"peer of {row['target']}", ("127.0.0.1", port, "http") if calls else (None,) * 3,
                  peer)
        asked_for = [row["id"] for _, row in pairs for _ in range(paths[row["target"]])]
        same_multiset("records of calls", [r["http.request.header.x-request-id"].removesuffix("-down")
                                           for r in trace.requests("client")], asked_for)
        served = {(r["tailwhy.connection.id"], r["tailwhy.request.number"]):
                  r["http.request.header.x-request-id"] for r in trace.requests()}
        for call in trace.requests("client"):
            made_for = call["http.request.header.x-request-id"].removesuffix("-down")
            parent = served.get((call.get("tailwhy.parent.connection.id"),
                                 call.get("tailwhy.parent.request.number")))
            if parent is not None or made_for not in {row["id"] for row in unknown}:
                equal(f"the request that a call was made for ({model})", made_for, parent)
        check(len(unknown) < 20, "no pool request was handed over by a wake-up")
        t.notes.append(f"{model}: {len(asked_for)} calls of {len(pairs)} requests, {len(unknown)} of "
                       "them taken by a pool thread that was awake")


@case(breaks=("miscount_failed",))
def failed_calls(t):
    """k system calls that fail: the line of the request says k, whatever does not count"""
    paths = {"/size/10": 0, "/fail/1": 1, "/fail/7": 7, "/fail/3/sleep/1ms/fail/2": 5,
             "/lock/1ms/fail/2": 2, "/down/1ms/fail/4": 4}
    for model in ("threads", "epoll"):
        server = budget_server(t, model=model, name=f"budget_{model}")
        _, pairs = asked(t, server, list(paths))
        for record, row in pairs:
            equal(f"the server's own count of {row['target']}", paths[row["target"]],
                  row.get("failed", 0))
            equal(f"failed calls of {row['target']} ({model})", paths[row["target"]],
                  record.get("tailwhy.failed_calls", 0))
        t.notes.append(f"{model}: {sum(row.get('failed', 0) for _, row in pairs)} failed calls")


def lose_packets(t, inside):
    """3 of 100 that come in."""
    rules = t.folder / "lossy.nft"
    rules.write_text("table inet lossy { chain input { type filter hook input priority 0;\n"
                     "meta l4proto tcp numgen random mod 100 < 3 drop\n}\n}\n")
    if t.run([*inside, t.tool("nft"), "-f", rules], check=False).returncode != 0:
        raise Skip("the kernel has no nftables with numgen")


@case(breaks=("invent_retransmits",))
def retransmits(t):
    """packets are lost: the requests' retransmits are some of those of all connections"""
    _, inside = network_namespace(t)
    lose_packets(t, inside)
    server = delay_server(t, wrap=inside)
    with t.trace(inner(server, "delay_server")) as trace:
        load(t, server.address, "-n", 300, "-c", 10, "--get", "/size/300000", "--post", "/size/1000",
             "--body", 200_000, "--limit", 40, wrap=inside)
    theirs = sum(request.get("tailwhy.retransmits", 0) for request in trace.requests())
    of_all = trace.summary["connections"]["retransmits"]
    between("retransmits of requests", 1, theirs, of_all)
    t.notes.append(f"{theirs} of {of_all} retransmits are some request's")
