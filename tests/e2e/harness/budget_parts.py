"""What the parts of a budget should be, by a budget server's truth, and how far off they are.

A blocking call's truth is its wall time less what its thread ran in it or waited for a CPU. While an
event loop waits, only the loop's idle time is a wait; what it works for others is other_requests."""
import statistics

from harness.case import Failure, check

MS = 1_000_000
PARTS = ("queue on_cpu run_queue lock disk downstream client sleep poll page_fault other "
         "other_requests unattributed").split()
# The server's words for what it waited for, and the parts they are.
WAITS = {"lock": "lock", "file_lock": "lock", "sleep": "sleep", "disk": "disk",
         "file_write": "disk", "page_fault": "page_fault", "downstream": "downstream",
         "client": "client"}
LOOP_WAITS = {"sleep": "poll", "downstream": "downstream", "client": "client"}
BLOCKING = {name: part for name, part in WAITS.items() if name not in LOOP_WAITS}

# How far off a median may be: a share of the truth or, for what is short, a time.
SHARE, TIME = 0.02, 50_000
UNATTRIBUTED, UNATTRIBUTED_OF_POOLS = 0.05, 0.15


def slept(row, name):
    return max(0, row.get(name, 0) - row.get(f"{name}_cpu", 0) - row.get(f"{name}_run_queue", 0))


def loop_parts(row, alone):
    """What a request had of its event loop. Alone in it, all that the loop runs is for it."""
    parts = {part: row.get(f"{name}_idle", 0) for name, part in LOOP_WAITS.items()}
    if "pool" in row:  # the loop's idle time is the pool's work
        return {}
    if alone and "loop_cpu" in row:
        parts["on_cpu"] = row["loop_cpu"] - row["cpu"]
        parts["run_queue"] = row["loop_run_queue"] - row["run_queue"]
    else:
        parts["other_requests"] = row["others"]
    return parts


def moved_parts(row, name):
    """The way to another thread: it waits for a CPU, else one of the two runs."""
    busy, run_queue = row.get(f"{name}_busy", 0), row.get(f"{name}_run_queue", 0)
    return {"run_queue": run_queue, "other_requests": busy,
            "on_cpu": max(0, row.get(name, 0) - busy - run_queue)}


def truth_of(row, alone=True):
    """{part: ns} of all parts but queue, which is not the server's to know."""
    parts = dict.fromkeys(PARTS[1:], 0)
    in_loop = "idle" in row
    for prefix, waits in (("", BLOCKING if in_loop else WAITS), ("pool_", WAITS)):
        parts["on_cpu"] += row.get(f"{prefix}cpu", 0)
        parts["run_queue"] += row.get(f"{prefix}run_queue", 0)
        for name, part in waits.items():
            parts[part] += slept(row, prefix + name)
    for more in (loop_parts(row, alone) if in_loop else {}, moved_parts(row, "handed"),
                 moved_parts(row, "returned")):
        for part, length in more.items():
            parts[part] += length
    return parts


def among_others(row):
    return truth_of(row, alone=False)


def of(parts, names):
    return sum(parts[name] for name in names.split("+"))


class Plan:
    """One path's requests: records of ours and rows of the server's truth, side by side."""

    def __init__(self, path, pairs, truth=truth_of):
        self.path = path
        self.count = len(pairs)
        self.truths = [truth(row) for _, row in pairs]
        self.found = [record["tailwhy.budget"] for record, _ in pairs]
        self.durations = [record["duration_ns"] for record, _ in pairs]

    # a part may be a sum: "on_cpu+run_queue"

    def true(self, part):
        return statistics.median(of(truth, part) for truth in self.truths)

    def median(self, part):
        return statistics.median(of(found, part) for found in self.found)

    def error(self, part):
        return statistics.median(abs(of(found, part) - of(truth, part))
                                 for found, truth in zip(self.found, self.truths))

    def unattributed(self):
        return sum(found["unattributed"] for found in self.found) / max(1, sum(self.durations))

    def rows(self):
        """Of the table: the parts that are, or should be, more than the rule forgives."""
        for part in PARTS:
            known = all(part in truth for truth in self.truths)
            if known and max(self.true(part), self.median(part)) >= TIME:
                yield (part, f"{self.true(part) / MS:.3f}", f"{self.median(part) / MS:.3f}",
                       f"{self.error(part) / MS:.3f}")
            elif self.median(part) >= TIME:
                yield part, "-", f"{self.median(part) / MS:.3f}", "-"

    def misses(self, parts):
        for part in parts:
            allowed = max(SHARE * self.true(part), TIME)
            if self.error(part) > allowed:
                yield (f"{self.path}: {part} is off by {self.error(part) / MS:.3f} ms (median), "
                       f"of {self.true(part) / MS:.3f} ms")


def table(plans):
    lines = [("plan", "part", "truth ms", "found ms", "error ms", "unattributed")]
    for plan in plans:
        for i, row in enumerate(plan.rows()):
            lines.append((plan.path if i == 0 else "", *row,
                          f"{plan.unattributed():.1%}" if i == 0 else ""))
    widths = [max(len(line[i]) for line in lines) for i in range(6)]
    return "".join("\n       " + "  ".join(
        word.ljust(width) if i < 2 else word.rjust(width)
        for i, (word, width) in enumerate(zip(line, widths))) for line in lines)


def by_plan(trace, rows, truth=truth_of):
    """A Plan for each path. Every row has its record."""
    records = trace.by_id()
    pairs = {}
    for row in rows:
        check(row["id"] in records, f"{row['id']} ({row['target']}) is not in our log")
        record = records[row["id"]]
        check("tailwhy.budget" in record, f"{row['id']} ({row['target']}) has no budget")
        pairs.setdefault(row["target"], []).append((record, row))
    return [Plan(path, pairs[path], truth) for path in sorted(pairs)]


def misses_of(plans, parts):
    """What misses the rule. `parts`: {path: those that are held}, all of them where there is none."""
    for plan in plans:
        yield from plan.misses(part for part in parts.get(plan.path, PARTS[1:])
                               if part != "unattributed")
        most = UNATTRIBUTED_OF_POOLS if "/pool" in plan.path else UNATTRIBUTED
        if plan.unattributed() > most:
            yield f"{plan.path}: {plan.unattributed():.1%} are unattributed"


def hold(t, measure, parts):
    """Notes the table of the plans that `measure` gives; fails with all that misses the rule. Others
    that burn this machine's CPUs can spoil a measurement, a mistake of ours spoils every one of them:
    it has three."""
    for attempt in (1, 2, 3):
        plans = measure()
        misses = list(misses_of(plans, parts))
        if not misses:
            t.notes.append(table(plans) + (f" (attempt {attempt})" if attempt > 1 else ""))
            return plans
    raise Failure("; ".join(misses) + table(plans))
