"""Load generators that nobody here wrote: what they did is what we saw."""
from harness.case import between, case, check, equal
from harness.loads import h2load
from harness.oracles import same_multiset, same_requests, share
from harness.servers import nginx


@case(breaks=("drop_request", "invent_request", "change_status"))
def h2load_counts(t):
    """h2load -n 10000 -c 50 over HTTP/1.1: 10,000 requests, statuses as in its log"""
    server = nginx(t)
    with t.trace(server.pid) as trace:
        rows = h2load(t, server.address, "/small", 10_000, 50)
        server.wait_lines(10_000)
    equal("requests", 10_000, trace.counts["matched"])
    same_multiset("statuses", [r["http.response.status_code"] for r in trace.requests()],
                  [status for _, status, _ in rows])
    same_requests("nginx", trace.requests(), server.lines())


@case(breaks=("late_end",))
def h2load_times(t):
    """with one connection each line of h2load's log is one of our records, and never the shorter one"""
    server = nginx(t)
    with t.trace(server.pid) as trace:
        rows = h2load(t, server.address, "/small", 2000, 1)
        server.wait_lines(2000)
    ours = sorted(trace.requests(), key=lambda record: record["read_first_ns"])
    rows.sort()
    equal("requests", len(rows), len(ours))
    gaps = [us - record["duration_ns"] / 1e3
            for record, (_, _, us) in zip(ours, rows, strict=True)]
    # Our end is the return of the server's last call, and a client on another core may be quicker
    # than that return; h2load's clock also has whole microseconds.
    check(share(gap > -20 for gap in gaps) > 0.97,
          f"{share(gap <= -20 for gap in gaps):.1%} of the client's times are shorter than ours")
    middle = sorted(gaps)[len(gaps) // 2]
    between("median of client - ours in us", -2, middle, 500)
    t.notes.append(f"median of client - ours: {middle:.0f} us")
