"""Can the budget servers be believed? No tracer takes part: each spends what it was asked for, and
says so. What they say is what the budgets of tailwhy are compared with."""
import statistics

from harness.budgets import budget_asyncio, budget_go, budget_node, budget_server
from harness.case import between, case, check, equal
from harness.loads import load

MS = 1_000_000
EACH = 20
# CPU time is read right after the last stamp, from a clock that NTP does not slew.
NEAR = 20_000


def asked(t, server, wanted):
    """`wanted`: for each path the fields of its truth and the ms that they should at least be."""
    samples = []
    for path in wanted:
        samples += load(t, server.address, "-n", EACH, "--get", path)
    rows = server.truth(len(samples))
    equal("ids", sorted(sample.id for sample in samples), sorted(row["id"] for row in rows))
    for path, fields in wanted.items():
        mine = [row for row in rows if row["target"] == path]
        for row in mine:
            equal(f"status of {path}", 200, row["status"])
            stamps = [row[name] for name in ("read_first", "read_last", "write_first_begin",
                                             "write_first", "write_last_begin", "write_last")]
            check(stamps[:4] == sorted(stamps[:4]) and stamps[3] <= stamps[5],
                  f"{path}: stamps {stamps}")
        for field, ms in fields.items():
            for row in mine:
                check(row.get(field, 0) <= row["write_last"] - row["read_first"] + NEAR,
                      f"{path}: {field} is longer than the request: {row}")
            found = statistics.median(row.get(field, 0) for row in mine) / MS
            # a busy machine makes waits longer, never shorter, and CPU time is what it is
            between(f"median {field} of {path} in ms", ms * 0.98, found,
                    ms * 1.1 + 0.5 if field.endswith("cpu") else ms * 3 + 5)


POOLS = {f"/pool_{way}/sleep/3ms/cpu/1ms{reply}": {"pool_sleep": 3, "pool_cpu": 1, "handed": 0}
         for way in ("cond", "pipe", "eventfd", "unix") for reply in ("", "/reply_pool")}
PLANS = {"/cpu/3ms": {"cpu": 3}, "/sleep/3ms": {"sleep": 3}, "/lock/3ms": {"lock": 3},
         "/file_lock/3ms": {"file_lock": 3}, "/down/3ms": {"downstream": 3},
         "/down_new/3ms": {"downstream": 3}, "/fsync/50000": {"disk": 0.001, "file_write": 0.001},
         "/cold/65536": {"disk": 0.001}, "/fault/65536": {"page_fault": 0.001},
         "/cpu/1ms/lock/2ms/size/5000": {"cpu": 1, "lock": 2}, **POOLS}


@case()
def threads(t):
    """a thread per connection: CPU, locks, disk, page faults, downstream, pools"""
    server = budget_server(t)
    asked(t, server, PLANS)
    faults = [row["major_faults"] for row in server.truth() if row["target"].startswith("/fault/")]
    t.notes.append(f"{statistics.median(faults):.0f} major faults in /fault/65536")


@case()
def event_loop(t):
    """the same in one event loop, and what the loop does for others while a request waits"""
    server = budget_server(t, model="epoll")
    asked(t, server, PLANS)
    before = len(server.truth())
    load(t, server.address, "-n", 60, "-c", 3, "--get", "/sleep/1ms", "--get", "/cpu/4ms*2")
    slept = [row for row in server.truth(before + 60)[before:] if row["target"] == "/sleep/1ms"]
    others = statistics.median(row["others"] for row in slept) / MS
    between("median of others while /cpu/4ms burns, in ms", 3, others, 40)
    for row in slept:
        check(row["others"] + row["idle"] <= row["write_last"] - row["read_first"] + NEAR,
              f"others and idle are longer than the request: {row}")


@case()
def slow_client(t):
    """a client that reads 4 MB a second makes the server wait in send, in both models"""
    for model in ("threads", "epoll"):
        server = budget_server(t, model=model, name=f"budget_{model}")
        load(t, server.address, "-n", 3, "--get", "/slow/1000000", "--read-rate", 4_000_000)
        for row in server.truth(3):
            between("client in ms", 100, row["client"] / MS, 2000)


@case()
def asyncio_server(t):
    """asyncio: coroutines and an executor"""
    asked(t, budget_asyncio(t), {
        "/cpu/3ms": {"cpu": 3}, "/sleep/3ms": {"sleep": 3}, "/down/3ms": {"downstream": 3},
        "/pool/3ms": {"pool_sleep": 3, "handed": 0}, "/pool_cpu/3ms": {"pool_cpu": 3}})


@case()
def node(t):
    """node: callbacks, libuv's thread pool and worker threads"""
    asked(t, budget_node(t), {
        "/cpu/3ms": {"cpu": 3}, "/sleep/3ms": {"sleep": 3}, "/down/3ms": {"downstream": 3},
        "/pool/3ms": {"away": 1}, "/worker/3ms": {"pool_sleep": 3, "handed": 0}})


@case()
def go(t):
    """Go: goroutines that are parked and go on on other threads"""
    asked(t, budget_go(t), {
        "/cpu/3ms": {"cpu": 3}, "/sleep/3ms": {"sleep": 3}, "/down/3ms": {"downstream": 3},
        "/lock/3ms": {"lock": 3}, "/pool/3ms": {"pool_lock": 3, "handed": 0}})


@case()
def cpu_hog(t):
    """threads that burn the server's CPU: it is runnable, and waits"""
    cpu = "0"
    server = budget_server(t, wrap=("taskset", "-c", cpu))
    hog = t.start([t.workload("cpu_hog"), "--cpu", cpu, "--threads", 2, "--for", 30], "cpu_hog")
    load(t, server.address, "-n", 20, "--get", "/cpu/5ms")
    hog.end()
    waited = statistics.median(row["run_queue"] for row in server.truth(20)) / MS
    between("median time runnable beside two hogs, in ms", 2, waited, 60)
    t.notes.append(f"run_queue {waited:.1f} ms beside 5 ms of CPU")
