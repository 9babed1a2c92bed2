"""Servers in Python, JavaScript, Go and Java that know where their requests' time went: is it found there?
The rule is that of budget.py. Their truth leaves out what the runtime does around it (0.3 ms), so only
the parts that it tells of are held, and these are long."""
from harness.budget_parts import by_plan, hold, moved_parts
from harness.budgets import budget_asyncio, budget_go, budget_java, budget_node
from harness.case import case
from harness.loads import load

EACH = 40  # of each path
BREAKS = ("rename_part", "forget_part")


def held(t, server, wanted):
    """`wanted`: for each path, what the parts should be: functions of the row of truth."""
    def measure():
        before = len(server.truth())
        with t.trace(server.pid) as trace:
            load(t, server.address, "-n", EACH * len(wanted), "-c", 1,
                 *(word for path in wanted for word in ("--get", path)))
            rows = server.truth(before + EACH * len(wanted))[before:]
        return by_plan(trace, rows, lambda row: {part: truth(row) for part, truth
                                                 in wanted[row["target"]].items()})
    hold(t, measure, {path: list(parts) for path, parts in wanted.items()})


def of(*names):
    """The sum of fields of the truth."""
    return lambda row: sum(row.get(name, 0) for name in names)


def idle(row):
    """Less what the woken loop waited for its CPU."""
    return max(0, row["idle"] - row.get("run_queue", 0))


def in_executor(row):
    return (row["cpu"] + row["pool_cpu"] + moved_parts(row, "handed")["on_cpu"]
            + moved_parts(row, "returned")["on_cpu"])


def nothing(row):
    return 0


@case(limit=200, breaks=BREAKS)
def asyncio_server(t):
    """asyncio: burns, sleeps, waits for a downstream, and for an executor that sleeps or burns"""
    held(t, budget_asyncio(t), {
        "/cpu/40ms": {"on_cpu": of("cpu"), "poll": nothing, "downstream": nothing},
        "/sleep/20ms": {"poll": idle, "downstream": nothing, "lock": nothing},
        "/down/20ms": {"downstream": idle, "poll": nothing, "lock": nothing},
        "/pool/20ms": {"sleep": lambda row: row["pool_sleep"] - row["pool_run_queue"], "poll": nothing},
        "/pool_cpu/40ms": {"on_cpu": in_executor, "sleep": nothing}})


@case(limit=200, breaks=BREAKS)
def node(t):
    """node: burns, timers, a downstream, libuv's pool (which burns) and a worker (which sleeps)

    The worker sleeps in Atomics.wait, which is a futex: the kernel sees a lock."""
    held(t, budget_node(t), {
        "/cpu/40ms": {"on_cpu": of("cpu"), "poll": nothing, "downstream": nothing},
        "/sleep/20ms": {"poll": idle, "downstream": nothing, "lock": nothing},
        "/down/20ms": {"downstream": idle, "poll": nothing, "lock": nothing},
        "/pool/20ms": {"poll": nothing, "lock": nothing},
        "/worker/20ms": {"lock": of("pool_sleep"), "poll": nothing}})


@case(limit=200, breaks=BREAKS)
def go(t):
    """Go: burns, a downstream, and sleeps, which its runtime waits for in its poller

    A goroutine that sleeps or waits for a mutex is parked, and no thread sleeps for it: the kernel
    sees the runtime's poller wait until the time has come. That is poll, by design; what is asserted
    is that it is not blamed on a lock or a downstream."""
    held(t, budget_go(t), {
        "/cpu/40ms": {"on_cpu": of("cpu"), "downstream": nothing},
        "/sleep/20ms": {"poll": of("sleep"), "downstream": nothing, "lock": nothing},
        "/lock/20ms": {"poll": of("lock"), "downstream": nothing, "lock": nothing},
        "/pool/20ms": {"poll": of("pool_lock"), "downstream": nothing, "lock": nothing},
        "/down/20ms": {"downstream": of("downstream"), "poll": nothing, "lock": nothing}})


@case(limit=200, breaks=BREAKS)
def java(t):
    """Java: burns, sleeps, a downstream, a ReentrantLock, an ExecutorService that sleeps or burns

    A request costs its runtime half a millisecond that is in no truth: what burns, burns long.
    Thread.sleep and LockSupport.park are futexes with a timeout: the kernel sees a lock."""
    held(t, budget_java(t), {
        "/cpu/80ms": {"on_cpu": of("cpu"), "downstream": nothing, "lock": nothing},
        "/sleep/20ms": {"lock": of("sleep"), "downstream": nothing, "poll": nothing},
        "/lock/20ms": {"lock": of("lock"), "downstream": nothing, "poll": nothing},
        "/down/20ms": {"downstream": of("downstream"), "poll": nothing, "lock": nothing},
        "/pool/20ms": {"lock": of("pool_sleep"), "poll": nothing},
        "/pool_cpu/80ms": {"on_cpu": of("pool_cpu"), "lock": nothing, "poll": nothing}})
