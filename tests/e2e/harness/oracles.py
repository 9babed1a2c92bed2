"""Comparing our records with what others say. Pure functions over plain values: no processes."""
import collections
import statistics

from harness.case import Failure, check, equal

# One request as a server's log or a client tells it. Fields that it does not tell are None.
Line = collections.namedtuple(
    "Line", "method path status bytes_out bytes_in id seconds pid", defaults=(None,) * 6)

FIELDS = {
    "method": "http.request.method",
    "path": "http.route",
    "status": "http.response.status_code",
    "bytes_out": "tailwhy.response.bytes",
    "bytes_in": "tailwhy.request.bytes",
    "id": "http.request.header.x-request-id",
    "pid": "process.pid",
}
ALL_BUT_ID = ("method", "path", "status", "bytes_out", "bytes_in")


def same_multiset(what, ours, theirs):
    """Both are lists of tuples, the order does not matter."""
    ours, theirs = collections.Counter(ours), collections.Counter(theirs)
    only_ours, only_theirs = ours - theirs, theirs - ours
    if only_ours or only_theirs:
        raise Failure(
            f"{what}: {sum(ours.values())} of ours, {sum(theirs.values())} of theirs; "
            f"only ours ({sum(only_ours.values())}): {dict(only_ours.most_common(4))}; "
            f"only theirs ({sum(only_theirs.values())}): {dict(only_theirs.most_common(4))}")


def same_requests(what, records, lines, fields=ALL_BUT_ID):
    """Our request records equal the oracle's lines in these fields, as multisets."""
    check(lines, f"{what}: the oracle has no line")
    same_multiset(f"{what} ({', '.join(fields)})",
                  [tuple(record.get(FIELDS[field]) for field in fields) for record in records],
                  [tuple(getattr(line, field) for field in fields) for line in lines])


def same_as_log(trace, server, count):
    """The access log has `count` lines, and our records say the same of each."""
    lines = server.lines()
    equal("lines in the access log", count, len(lines))
    equal("requests seen", count, trace.counts["seen"])
    equal("requests matched", count, trace.counts["matched"])
    same_requests("access log", trace.requests(), lines)


def joined(what, by_id, lines):
    """Pairs of (record, line) by id; every line has one and there are no others."""
    lines = {line.id: line for line in lines}
    missing, more = lines.keys() - by_id.keys(), by_id.keys() - lines.keys()
    if missing or more:
        raise Failure(f"{what}: {len(missing)} not in our log {sorted(missing)[:4]}, "
                      f"{len(more)} only in ours {sorted(map(str, more))[:4]}")
    return [(by_id[key], lines[key]) for key in lines]


def median_ms(values_ns):
    return statistics.median(list(values_ns)) / 1e6


def share(values):
    """How many of the booleans are true, 0 to 1."""
    values = list(values)
    return sum(values) / len(values)
