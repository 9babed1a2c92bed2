"""Failing system calls: our counts per call and errno are strace's, and the program's own."""
import re
import signal
import subprocess

from harness.case import case, check, equal
from harness.context import wait_until
from harness.loads import load
from harness.oracles import same_multiset
from harness.process import Process
from harness.servers import nginx

# What strace calls failed and the program did not make: the return from a handler "returns" again
# what the interrupted call had returned.
NOT_CALLS = {"rt_sigreturn"}


class Script:
    """syscall_errors, up to the point where it waits for the word to begin."""

    def __init__(self, t, name, *arguments):
        self.process = Process([t.workload("syscall_errors"), *arguments], t.folder, name,
                               stdin=subprocess.PIPE)
        t.defer(self.process.end)
        self.pid = self.process.pid
        wait_until(f"{name} is ready", lambda: "ready\n" in self.process.output())

    def make_calls(self):
        self.process.popen.stdin.write(b"go\n")
        self.process.popen.stdin.flush()
        wait_until("the script is done", lambda: "done\n" in self.process.output())

    def own(self):
        """{(call, errno): count} as the program knows it."""
        found = {}
        for count, call, error in re.findall(r"^(\d+) (\w+) (\w+)$", self.process.output(), re.M):
            found[(call, error)] = found.get((call, error), 0) + int(count)
        return found


def ours(trace):
    return {(row["syscall.name"], row["error.type"]): row["count"]
            for row in trace.summary["syscall_errors"]}


def same_counts(what, found, wanted):
    """Both {(call, errno): count}."""
    same_multiset(what, [(key, count) for key, count in found.items()],
                  [(key, count) for key, count in wanted.items()])


def strace(t, script, *options):
    """strace attached to the script for the same calls. Gives its output file."""
    out = t.folder / f"{script.process.name}.strace"
    process = t.start([t.tool("strace"), "-f", "-o", out, *options, "-p", script.pid], "strace")
    wait_until("strace is attached", lambda: "attached" in process.errors())
    script.make_calls()
    process.signal(signal.SIGINT)
    process.wait()
    return out.read_text(errors="replace")


def totals(table):
    """{call: errors} of strace -c."""
    found = {}
    for line in table.splitlines():
        words = line.split()
        if len(words) == 6 and words[4].isdigit() and words[5] != "total":
            found[words[5]] = int(words[4])
    return found


def by_errno(text):
    """{(call, errno): count} of strace without -c; calls of other threads may be interleaved."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed).* = -1 (E\w+) ", line)
        if match:
            found[match.groups()] = found.get(match.groups(), 0) + 1
    return found


@case(breaks=("miscount_errno", "drop_errno", "add_loss"))
def as_strace_counts(t):
    """39 pairs of call and errno on three threads: ours = strace -c -f = strace -f = the program's own"""
    arguments = ["--rounds", 20]
    script = Script(t, "counted-by-tailwhy", *arguments)
    with t.trace(script.pid) as trace:
        script.make_calls()
    own = script.own()
    same_counts("tailwhy and the program", ours(trace), own)

    second = Script(t, "counted-by-strace-c", *arguments)
    table = totals(strace(t, second, "-c"))
    equal("the program's own, again", own, second.own())
    per_call = {}
    for (call, _), count in ours(trace).items():
        per_call[call] = per_call.get(call, 0) + count
    same_counts("tailwhy and strace -c", per_call,
                {call: count for call, count in table.items() if call not in NOT_CALLS})

    third = Script(t, "logged-by-strace", *arguments)
    logged = by_errno(strace(t, third))
    same_counts("tailwhy and strace -f", ours(trace),
                {key: count for key, count in logged.items() if key[0] not in NOT_CALLS})


@case()
def threads_and_children(t):
    """threads and processes that are born and die during the trace are counted too"""
    script = Script(t, "script", "--rounds", 5, "--threads", 4, "--short-lived", 40, "--children", 20)
    with t.trace(script.pid) as trace:
        script.make_calls()
    same_counts("tailwhy and the program", ours(trace), script.own())
    own_threads = {thread["process.pid"] for row in trace.summary["syscall_errors"]
                   for thread in row["threads"]}
    check(script.pid in own_threads, f"processes {own_threads}")


@case()
def by_thread(t):
    """each thread's share of a call's failures"""
    script = Script(t, "script", "--rounds", 7, "--threads", 3)
    with t.trace(script.pid) as trace:
        script.make_calls()
    row = next(row for row in trace.summary["syscall_errors"]
               if (row["syscall.name"], row["error.type"]) == ("openat", "ENOENT"))
    equal("failures of each thread", [21, 21, 21], [thread["count"] for thread in row["threads"]])
    check(row["expected"], "a path that is not there is an expected failure")
    epipe = next(row for row in trace.summary["syscall_errors"] if row["error.type"] == "ENOSPC")
    check(not epipe["expected"], "a full disk is no expected failure")


@case()
def in_intervals(t):
    """the intervals' failures add up to the total"""
    script = Script(t, "script", "--rounds", 30)
    with t.trace(script.pid, "-i", "100ms") as trace:
        script.make_calls()
    summed = {}
    for record in trace.of_kind("interval"):
        for row in record.get("syscall_errors", []):
            key = (row["syscall.name"], row["error.type"])
            summed[key] = summed.get(key, 0) + row["count"]
    same_counts("intervals and total", summed, ours(trace))


@case()
def of_nginx(t):
    """nginx asked for files that are not there: one ENOENT of openat for each"""
    server = nginx(t)
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 500, "-c", 4, "--get", "/missing")
        server.wait_lines(500)
    equal(f"openat ENOENT of {ours(trace)}", 500, ours(trace).get(("openat", "ENOENT")))


@case()
def without_the_hook(t):
    """--without syscalls: none are reported, and the requests are all there"""
    script = Script(t, "script", "--rounds", 2)
    server = nginx(t)
    with t.trace([script.pid, server.pid], "--without", "syscalls") as trace:
        script.make_calls()
        load(t, server.address, "-n", 200, "-c", 4, "--get", "/small")
        server.wait_lines(200)
    check("syscall_errors" not in trace.summary, "failing calls although they were not traced")
    equal("requests", 200, trace.counts["matched"])
