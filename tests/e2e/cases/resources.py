"""What the target uses, against /proc and the kernel's own counters."""
import os
import re
import time
from pathlib import Path

from harness.case import between, case, check, equal
from harness.context import wait_until
from harness.loads import RawClient, load
from harness.process import children_of
from harness.servers import connect, delay_server, nginx, python_server

MS = 1_000_000


def cpu_ns(pid):
    """(user, system) CPU time of a process, in ticks of 10 ms."""
    words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return tuple(int(word) * 1_000_000_000 // os.sysconf("SC_CLK_TCK") for word in words[11:13])


def net_counter(pid, name):
    """A counter of the process's network namespace, from netstat and snmp."""
    for file in ("netstat", "snmp"):
        lines = Path(f"/proc/{pid}/net/{file}").read_text().splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            found = dict(zip(names.split()[1:], values.split()[1:]))
            if name in found:
                return int(found[name])
    raise KeyError(name)


@case()
def processor_time(t):
    """CPU time: what the requests burnt, and what /proc says of the whole"""
    server = delay_server(t)
    before = cpu_ns(server.pid)
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 100, "-c", 2, "--get", "/burn/5ms")
    used = [now - then for now, then in zip(cpu_ns(server.pid), before)]
    found = trace.summary["resources"]
    check(found["known"], "resources are not known")
    total = found["cpu_user_ns"] + found["cpu_system_ns"]
    check(total >= 500 * MS, f"100 requests of 5 ms CPU, but only {total} ns were used")
    between("CPU time against /proc in ms", sum(used) / MS - 60, total / MS, sum(used) / MS + 60)


@case()
def levels(t):
    """threads, file descriptors, memory and processes as /proc has them"""
    server = delay_server(t)
    clients = [RawClient(t, server.address) for _ in range(15)]
    for client in clients:
        client.get("/size/1").response()
    with t.trace(server.pid, "-i", "200ms") as trace:
        load(t, server.address, "-n", 10, "-c", 1, "--get", "/size/1")
        time.sleep(0.5)
        threads = len(os.listdir(f"/proc/{server.pid}/task"))
        files = len(os.listdir(f"/proc/{server.pid}/fd"))
        memory = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())
    found = trace.summary["resources"]
    equal("threads", threads, found["threads"])
    # the thread that waits in accept(2) holds the number of a descriptor that is not there yet
    between("file descriptors", files, found["file_descriptors"], files + 1)
    equal("processes", 1, found["processes"])
    between("memory in kB", int(memory[1]) * 0.9, found["rss_bytes"] / 1024, int(memory[1]) * 1.1)


@case()
def network_bytes(t):
    """bytes of the traced sockets: what the client sent and received, tunnels and all"""
    server = nginx(t)
    with t.trace(server.pid) as trace:
        samples = load(t, server.address, "-n", 200, "-c", 4, "--get", "/large", "--get", "/small")
        server.wait_lines(200)
    equal("in", sum(sample.bytes_out for sample in samples),
          trace.summary["resources"]["network_in_bytes"])
    equal("out", sum(sample.bytes_in for sample in samples),
          trace.summary["resources"]["network_out_bytes"])


@case()
def context_switches(t):
    """voluntary context switches of a thread that sleeps a known number of times"""
    server = delay_server(t)
    with t.trace(server.pid) as trace:
        load(t, server.address, "-n", 300, "-c", 1, "--get", "/sleep/1ms")
    # each request sleeps once in its step, and mostly once more until the next one comes
    between("voluntary switches", 300, trace.summary["resources"]["voluntary_switches"], 1000)


@case()
def listen_overflow(t):
    """connections that meet a full accept queue, as the kernel counts them"""
    server = python_server(t, "deaf_server.py")
    before = net_counter(server.pid, "ListenOverflows")
    with t.trace(server.pid) as trace:
        for _ in range(8):
            try:
                client = connect(server.address, 0.2)
                t.defer(client.close)
            except OSError:
                pass
        now = net_counter(server.pid, "ListenOverflows")
    check(now > before, "nothing overflowed: this case shows nothing")
    found = trace.summary["connections"]["listen_overflows"]
    between("listen overflows", now - before, found, net_counter(server.pid, "ListenOverflows") - before)


@case()
def retransmits(t):
    """a cable that is pulled for 0.4 s: retransmits, as the server's namespace counts them"""
    ip = t.tool("ip")
    name, ours = f"twe2e-{os.getpid()}", f"tw{os.getpid() % 100000}"
    t.run([ip, "netns", "add", name])
    t.defer(lambda: t.run([ip, "netns", "del", name], check=False))
    t.run([ip, "link", "add", ours, "type", "veth", "peer", "name", "tw0", "netns", name])
    t.defer(lambda: t.run([ip, "link", "del", ours], check=False))
    t.run([ip, "addr", "add", "198.18.78.1/30", "dev", ours])
    t.run([ip, "link", "set", ours, "up"])
    t.run([ip, "-n", name, "addr", "add", "198.18.78.2/30", "dev", "tw0"])
    t.run([ip, "-n", name, "link", "set", "tw0", "up"])
    server = nginx(t, address="198.18.78.2:8080", wrap=[ip, "netns", "exec", name])
    wait_until("nginx has its worker", lambda: children_of(server.pid))
    client = RawClient(t, server.address)
    client.get("/small").response()
    before = net_counter(server.pid, "RetransSegs")
    with t.trace(server.pid) as trace:
        client.get("/huge", "Connection: close")
        client.read_size(300_000)
        t.run([ip, "link", "set", ours, "down"])
        time.sleep(0.4)
        t.run([ip, "link", "set", ours, "up"])
        client.read_all()
        server.wait_lines(2)
    counted = net_counter(server.pid, "RetransSegs") - before
    check(counted > 0, "nothing was sent again: this case shows nothing")
    # the kernel counts segments, and one buffer that is sent again may hold several
    between("retransmits", 1, trace.summary["connections"]["retransmits"], counted)
    equal("requests", 1, trace.counts["matched"])
