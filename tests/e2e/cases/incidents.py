"""Incidents: something goes wrong with a server, its clients see slow requests, and the first screen
has to say why. Each case prints the sentence that it got; it is right if it names the true cause."""
import os
import re
import threading
import time

from harness.budgets import budget_asyncio, budget_server
from harness.case import Skip, case, check
from harness.loads import RawClient, load
from harness.process import children_of
from harness.servers import delay_server, nginx, redis


def incident(t, pid, trouble, cause, *arguments):
    """Traces while there is trouble; the sentence must name the `cause`. Other people's load on this
    machine is trouble too, and then the sentence rightly names the CPU: three attempts."""
    for _ in range(3):
        with t.trace(pid, *arguments, log=False, lossless=False) as trace:
            trouble()
        sentence = trace.summary["tail"]["sentence"]
        t.notes.append(f'"{sentence}"')
        if re.search(cause, sentence):
            return
    check(False, f"does not say '{cause}', three times: {sentence}")


def pinned(cpu):
    return ["taskset", "-c", str(cpu)]


def together(*functions):
    """Runs them at once, and ends when all have."""
    threads = [threading.Thread(target=function, daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def now_and_then(action, times, every):
    def run():
        for _ in range(times):
            time.sleep(every)
            action()
    return run


@case(limit=60)
def cpu_hog(t):
    """a greedy process on the server's CPU, now and then"""
    server = budget_server(t, wrap=pinned(0))

    def trouble():
        t.start([t.workload("cpu_hog"), "--cpu", 0, "--threads", 3, "--burn", 40, "--rest", 700,
                 "--for", 6], "cpu_hog")
        load(t, server.address, "-n", 1500, "-c", 2, "--rate", 300, "--get", "/cpu/500us",
             wrap=pinned(1))
    incident(t, server.pid, trouble, "waiting for a CPU")


def two_heavy_ones(t, server, heavy, count, rate, light):
    """`count` light requests at `rate` from ten connections, and among them two heavy ones."""
    together(lambda: load(t, server.address, "-n", count, "-c", 10, "--rate", rate, "--get", light),
             now_and_then(lambda: load(t, server.address, "-n", 1, "--get", heavy), 2, 1))


@case(limit=60)
def lock(t):
    """two requests hold a lock for long, ten others wait for it"""
    server = budget_server(t)
    incident(t, server.pid, lambda: two_heavy_ones(t, server, "/hold/80ms", 1800, 450, "/hold/100us"),
             "/hold/100us.* waiting for a lock")


@case(limit=60)
def slow_disk(t):
    """nginx serves a file that is in the page cache, but for a few times"""
    server = nginx(t)
    big = t.folder / "www" / "big"
    big.write_bytes(os.urandom(8_000_000))
    os.sync()

    def forget():
        file = os.open(big, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)

    def trouble():
        together(lambda: load(t, server.address, "-n", 400, "-c", 1, "--rate", 80, "--get", "/big"),
                 now_and_then(forget, 9, 0.5))
    incident(t, [server.pid, *server.workers()], trouble, "waiting for a disk")


@case(limit=60)
def slow_upstream(t):
    """nginx's upstream is slow for 3 % of the requests of one route"""
    behind = delay_server(t)
    server = nginx(t, http='split_clients "$request_id" $plan { 3% sleep/40ms; * size/100; }',
                   server=f"location /api {{ proxy_pass http://{behind.address}/$plan; }}")
    incident(t, [server.pid, *server.workers()],
             lambda: load(t, server.address, "-n", 1000, "-c", 2, "--rate", 400, "--get", "/api"),
             rf"GET /api.* waiting for .*{re.escape(behind.address)}")


@case(limit=60)
def heavy_request_in_an_event_loop(t):
    """asyncio: a request that burns the CPU keeps all others waiting"""
    server = budget_asyncio(t)
    incident(t, server.pid, lambda: two_heavy_ones(t, server, "/cpu/60ms", 1500, 350, "/cpu/100us"),
             "behind other requests")


@case(limit=60)
def slow_command(t):
    """redis: a slow command keeps the others waiting"""
    server = redis(t)
    client = RawClient(t, server.address)
    ping = RawClient(t, server.address)

    def pings():
        for _ in range(400):
            ping.send("PING\r\n").read_until(b"\r\n")
            time.sleep(0.005)

    def sleep():
        client.send("DEBUG SLEEP 0.02\r\n").read_until(b"\r\n")
    incident(t, server.pid, lambda: together(pings, now_and_then(sleep, 12, 0.15)),
             "behind other requests|sleeping on purpose")


@case(limit=60)
def slow_client(t):
    """one of the clients reads slowly"""
    server = delay_server(t)

    def trouble():
        together(lambda: load(t, server.address, "-n", 300, "-c", 2, "--rate", 80, "--get",
                              "/size/12000000"),
                 lambda: load(t, server.address, "-n", 6, "-c", 1, "--get", "/size/12000000",
                              "--read-rate", 30_000_000))
    incident(t, server.pid, trouble, "waiting for its client")


@case(limit=60)
def quota(t):
    """a container's CPU quota is used up by its neighbour in it"""
    group = f"/sys/fs/cgroup/cpu/tailwhy-{os.getpid()}"
    try:
        os.mkdir(group)
    except OSError as error:
        raise Skip(f"no cgroup of version 1 for CPUs: {error}") from None
    t.defer(lambda: os.rmdir(group))
    server = budget_server(t)
    for name, value in (("cpu.cfs_period_us", 100_000), ("cpu.cfs_quota_us", 30_000),
                        ("cgroup.procs", server.pid)):
        with open(f"{group}/{name}", "w", encoding="ascii") as file:
            file.write(str(value))

    def trouble():
        together(lambda: load(t, server.address, "-n", 1200, "-c", 2, "--rate", 300, "--get",
                              "/cpu/200us"),
                 now_and_then(lambda: load(t, server.address, "-n", 1, "--get", "/cpu/60ms"), 3, 0.9))
    incident(t, server.pid, trouble, "waiting for a CPU")
    server.process.end()


@case(limit=60)
def accept_queue(t):
    """a server that takes one connection after the other, and clients that come in bursts"""
    server = budget_server(t, model="epoll")

    def trouble():
        together(lambda: load(t, server.address, "-n", 600, "-c", 4, "--rate", 150, "--close",
                              "--get", "/cpu/100us"),
                 now_and_then(lambda: load(t, server.address, "-n", 1, "--get", "/cpu/80ms"), 3, 1))
    incident(t, server.pid, trouble, "accept queue")


@case(limit=60)
def page_faults(t):
    """memory that has to be read from the disk again"""
    server = budget_server(t)
    incident(t, server.pid,
             lambda: together(
                 lambda: load(t, server.address, "-n", 600, "-c", 1, "--get", "/cpu/100us"),
                 lambda: load(t, server.address, "-n", 30, "-c", 1, "--get", "/fault/262144")),
             "page faults")


@case(limit=60)
def workers_of_a_pool(t):
    """the pool's two threads are busy with long jobs: short ones wait for them"""
    server = budget_server(t, "--pool", 2)

    def trouble():
        together(lambda: load(t, server.address, "-n", 900, "-c", 6, "--rate", 250, "--get",
                              "/pool_cond/sleep/200us"),
                 now_and_then(lambda: load(t, server.address, "-n", 2, "-c", 2, "--get",
                                           "/pool_cond/sleep/60ms"), 2, 1.2))
    incident(t, server.pid, trouble, "behind other requests")




@case(limit=60)
def lossy_network(t):
    """now and then the network drops what does not fit: segments are sent again"""
    ip, tc = t.tool("ip"), t.tool("tc")
    name = f"twlossy-{os.getpid()}"
    if t.run([ip, "netns", "add", name], check=False).returncode != 0:
        raise Skip("network namespaces cannot be made here")
    t.defer(lambda: t.run([ip, "netns", "del", name], check=False))
    inside = [ip, "netns", "exec", name]
    t.run([ip, "-n", name, "link", "set", "lo", "mtu", "1500", "up"])
    server = delay_server(t, wrap=inside)
    pid = children_of(server.pid)[0] if children_of(server.pid) else server.pid

    def drops():
        for _ in range(3):
            time.sleep(1)
            t.run([*inside, tc, "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "300mbit",
                   "burst", "20k", "limit", "60k"])
            time.sleep(0.12)
            t.run([*inside, tc, "qdisc", "del", "dev", "lo", "root"])

    def trouble():
        together(lambda: load(t, server.address, "-n", 400, "-c", 2, "--rate", 90, "--get",
                              "/size/5000000", wrap=inside), drops)
    incident(t, pid, trouble, "waiting for its client.* segments were sent again", "--drain")
