"""Routes: what the user knows, what rules tell, what is learned; counted against nginx's access log."""
import json

from harness.case import case, check, equal
from harness.loads import RawClient
from harness.servers import nginx

NAMES = [first + second for first in "abcdefghijklmnop" for second in "klmnopqrstuv"]  # 192


def ask(t, server):
    """Each of 192 users twice, and their orders; files by name; a place with few names."""
    client = RawClient(t, server.address)
    sent = 0
    for name in NAMES + NAMES:
        for path in (f"/user/{name}", f"/user/{name}/orders", f"/report/{name}/2024", "/user/me",
                     "/api/status", f"/missing/{name}"):
            client.get(path).response()
            sent += 1
    client.socket.close()
    server.wait_lines(sent)
    return sent


def counts_by_route(summary):
    counts = {}
    for row in summary["routes"]:
        route = row["http.route"]
        counts[route] = counts.get(route, 0) + row["count"]
    return counts


EVERYTHING = """location ~ ^/(user|api|report)/ { return 200 "yes"; }"""


@case()
def learned(t):
    """ids among names are learned, also for what was counted before; patterns name theirs at once"""
    server = nginx(t, server=EVERYTHING)
    with t.trace(server.pid, "--route", "/report/{who}/2024", "-n", "1000") as trace:
        sent = ask(t, server)
    each = 2 * len(NAMES)
    equal("requests", sent, trace.counts["matched"])
    found = counts_by_route(trace.summary)
    missing = {f"/missing/{name}": 2 for name in NAMES}  # nobody learns from them
    equal("requests by route", {"/user/{id}": each, "/user/{id}/orders": each, "/user/me": each,
                                "/report/{who}/2024": each, "/api/status": each, **missing}, found)
    sources = {}
    for record in trace.requests():
        sources.setdefault(record["http.route"], set()).add(record["tailwhy.route.source"])
    equal("the user's pattern", {"pattern"}, sources["/report/{who}/2024"])
    equal("what was learned", {"learned"}, sources["/user/{id}"])
    equal("what is as it was", {"classified"}, sources["/user/me"])


@case()
def replayed(t):
    """a recording gives the same routes each time, and others with another pattern"""
    server = nginx(t, server=EVERYTHING)
    recording = t.folder / "run.twcap"
    record = t.trace(server.pid, log=False, profile=False, checked=False)
    record.command[1:1] = ["record", "-o", recording]
    with record:
        sent = ask(t, server)
    reports = []
    for arguments in ((), (), ("--route", "/user/**")):
        done = t.tailwhy("report", recording, "--format", "json", "-n", "1000", *arguments)
        equal("exit status", 0, done.returncode)
        reports.append(counts_by_route(json.loads(done.stdout)))
    equal("twice", reports[0], reports[1])
    each = 2 * len(NAMES)
    equal("all of them", sent, sum(reports[0].values()))
    equal("users", each, reports[0]["/user/{id}"])
    equal("by the pattern", 3 * each, reports[2]["/user/**"])
    check("/user/{id}" not in reports[2], "the pattern does not come first")
