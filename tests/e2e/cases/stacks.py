"""Where in the code slow requests spend their time: --stacks, against servers that know."""
import os
import signal
import stat

from harness.budgets import budget_server
from harness.case import Skip, between, case, check, equal
from harness.loads import load
from harness.process import children_of, comm_of
from harness.context import wait_until
from harness.servers import Printed

MS = 1_000_000


def folded(path):
    """[(names from the outermost on, part, microseconds)] of a file of folded stacks."""
    stacks = []
    for line in path.read_text().splitlines():
        places, _, weight = line.rpartition(" ")
        *names, part = places.split(";")
        check(part.startswith("[") and part.endswith("]"), f"no part at the end of {line!r}")
        stacks.append((names, part[1:-1], int(weight)))
    equal("order of the folded stacks", sorted(path.read_text().splitlines()),
          path.read_text().splitlines())
    return stacks


def time_in(stacks, part, function):
    return sum(us for names, p, us in stacks if p == part and function in names)


def line_of(t, name, text):
    """The number of the one line of a workload's source that has this text."""
    source = (t.settings.root / "tools" / "workload" / name).read_text().splitlines()
    found = [number for number, line in enumerate(source, 1) if text in line]
    equal(f"lines of {name} with {text!r}", 1, len(found))
    return found[0]


def lock_line(t):
    return ("workload::LockStation::lock", "budget_locks.cpp",
            line_of(t, "budget_locks.cpp", "    mutex_.lock();"))


def place(frame):
    return (frame["code.function.name"], os.path.basename(frame.get("code.file.path", "")),
            frame.get("code.line.number"))


@case()
def lock(t):
    """the line where the mutex is taken, and for how long requests wait there"""
    server = budget_server(t)
    path = t.folder / "lock.folded"
    with t.trace(server.pid, "--stacks", path, "--slow", "10ms") as trace:
        load(t, server.address, "-n", 300, "-c", 3, "--get", "/lock/20ms", "--get", "/cpu/100us*9")
    top = trace.summary["slow_stacks"][0]
    equal("part", "lock", top["part"])
    equal("the line that takes the lock", lock_line(t), place(top["at"]))
    equal("its caller", "workload::LockStation::wait_for", top["callers"][0]["code.function.name"])
    waited = sum(row["lock"] for row in server.truth(300) if row["target"] == "/lock/20ms")
    between("time at that line, of what the server says", 0.97, top["ns"] / waited, 1.01)
    stacks = folded(path)
    between("the same in the file", 0.97,
            time_in(stacks, "lock", "workload::LockStation::lock") * 1000 / waited, 1.01)
    check(any(name.endswith("_[k]") for names, _, _ in stacks for name in names),
          "no function of the kernel in the file")
    slow = [r for r in trace.requests() if r["duration_ns"] >= 10 * MS]
    of = trace.summary["slow_stacks_of"]
    equal("slow requests", len(slow), of["requests"])
    equal("their durations", sum(r["duration_ns"] for r in slow), of["duration_ns"])
    equal("mode of the file", 0o600, stat.S_IMODE(path.stat().st_mode))


@case()
def pool(t):
    """a request that a pool's thread works for is slow where that one is"""
    server = budget_server(t)
    path = t.folder / "pool.folded"
    with t.trace(server.pid, "--stacks", path, "--slow", "10ms") as trace:
        load(t, server.address, "-n", 60, "-c", 2, "--get", "/pool_cond/sleep/15ms",
             "--get", "/cpu/100us*2")
    top = trace.summary["slow_stacks"][0]
    equal("part", "sleep", top["part"])
    check("sleep_until" in top["at"]["code.function.name"], f"not where it sleeps: {top['at']}")
    slept = sum(row["pool_sleep"] for row in server.truth(60) if "pool_sleep" in row)
    between("time there, of what the server says", 0.95, top["ns"] / slept, 1.01)


@case()
def running(t):
    """the loop that burns the CPU, by samples"""
    server = budget_server(t)
    path = t.folder / "cpu.folded"
    with t.trace(server.pid, "--stacks", path, "--slow", "10ms") as trace:
        load(t, server.address, "-n", 100, "-c", 1, "--get", "/cpu/15ms")
    if not trace.summary["slow_stacks_of"]["cpu_known"]:
        raise Skip("this kernel lets nobody follow the CPUs' clocks")
    burned = sum(row["cpu"] for row in server.truth(100))
    found = time_in(folded(path), "on_cpu", "burn") * 1000
    between("CPU time in the loop, of what the server says", 0.85, found / burned, 1.15)


@case()
def own_percentile(t):
    """without --slow the slowest in a hundred are slow, from the hundredth on"""
    server = budget_server(t)
    path = t.folder / "p99.folded"
    with t.trace(server.pid, "--stacks", path) as trace:
        load(t, server.address, "-n", 99, "-c", 1, "--get", "/cpu/100us")
        load(t, server.address, "-n", 400, "-c", 1, "--get", "/cpu/100us*99", "--get", "/lock/30ms")
    of = trace.summary["slow_stacks_of"]
    between("slow requests", 3, of["requests"], 40)
    equal("where they are slow", "workload::LockStation::lock",
          trace.summary["slow_stacks"][0]["at"]["code.function.name"])


@case()
def ended(t):
    """a process that ended before the names were looked up"""
    server = budget_server(t)
    path = t.folder / "ended.folded"
    with t.trace(server.pid, "--stacks", path, "--slow", "10ms", ends_itself=True) as trace:
        load(t, server.address, "-n", 20, "-c", 1, "--get", "/lock/20ms")
        server.truth(20)
        server.process.signal(signal.SIGKILL)
    equal("where it was slow", lock_line(t), place(trace.summary["slow_stacks"][0]["at"]))


@case()
def own_root(t):
    """debug information that only the program's own mount namespace has is found there"""
    inside, outside = t.folder / "inside", t.folder / "outside"
    inside.mkdir()
    outside.mkdir()
    program = t.workload("budget_server")
    objcopy = t.tool("objcopy")
    (inside / ".debug").mkdir()
    t.run([objcopy, "--only-keep-debug", program, inside / ".debug" / "shop.debug"])
    t.run([objcopy, "--strip-all", program, inside / "budget_server"])
    t.run([objcopy, f"--add-gnu-debuglink={inside}/.debug/shop.debug", inside / "budget_server"])
    (outside / "budget_server").write_text("#!/bin/sh\nexit 1\n")  # what everybody else sees
    truth = t.folder / "truth.txt"
    script = f'mount --bind {inside} {outside} && exec {outside}/budget_server --truth {truth}'
    process = t.start([t.tool("unshare"), "-m", "--propagation", "private", "sh", "-c", script],
                      "unshare")
    server = Printed(t, process, truth)
    path = t.folder / "root.folded"
    with t.trace(server.pid, "--stacks", path, "--slow", "10ms") as trace:
        load(t, server.address, "-n", 20, "-c", 1, "--get", "/lock/20ms")
    equal("the line that takes the lock", lock_line(t), place(trace.summary["slow_stacks"][0]["at"]))


@case()
def script(t):
    """a function that Node compiled while it ran, by what Node says of it"""
    node = t.tool("node")
    process = t.start([node, "--perf-basic-prof", t.asset("burning_server.js")], "node",
                      cwd=t.folder)  # it writes a log there
    server = Printed(t, process, None)
    pid = server.pid if comm_of(server.pid) == "node" else children_of(server.pid)[0]
    t.defer(lambda: os.path.exists(f"/tmp/perf-{pid}.map") and os.unlink(f"/tmp/perf-{pid}.map"))
    path = t.folder / "script.folded"
    load(t, server.address, "-n", 20, "-c", 1, "--get", "/")  # so that it is compiled
    wait_until("node says what it compiled", lambda: os.path.exists(f"/tmp/perf-{pid}.map"))
    with t.trace(pid, "--stacks", path, "--slow", "5ms") as trace:
        load(t, server.address, "-n", 60, "-c", 1, "--get", "/")
    if not trace.summary["slow_stacks_of"]["cpu_known"]:
        raise Skip("this kernel lets nobody follow the CPUs' clocks")
    top = trace.summary["slow_stacks"][0]
    equal("part", "on_cpu", top["part"])
    equal("function", "burnHere", top["at"]["code.function.name"])
    equal("file", "burning_server.js", os.path.basename(top["at"]["code.file.path"]))
    check(time_in(folded(path), "on_cpu", "burnHere") > 0, "not in the file")


@case()
def owner(t):
    """under sudo the file belongs to who typed it; a link is refused"""
    server = budget_server(t)
    path = t.folder / "owned.folded"
    path.write_text("old and longer than what comes\n" * 100)
    os.chown(path, 12345, 12345)
    with t.trace(server.pid, "--stacks", path, "--slow", "10ms",
                 wrap=["env", "SUDO_UID=12345", "SUDO_GID=12346"]):
        load(t, server.address, "-n", 5, "-c", 1, "--get", "/lock/20ms")
    info = path.stat()
    equal("owner", (12345, 12346, 0o600), (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)))
    check("old" not in path.read_text(), "what was there is still there")
    link = t.folder / "link.folded"
    link.symlink_to(path)
    done = t.run([t.settings.binary, "--profile", "-p", server.pid, "--stacks", link], check=False)
    equal("exit code with a link", 2, done.returncode)
    done = t.run([t.settings.binary, "--profile", "-p", server.pid, "--stacks", path, "--without",
                  "sched"], check=False)
    equal("exit code without what takes them", 2, done.returncode)
