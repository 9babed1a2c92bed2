"""Servers in network and PID namespaces that are not ours."""
import json
import os

from harness.case import Skip, case, check, equal
from harness.context import wait_until
from harness.loads import load
from harness.oracles import same_requests
from harness.process import children_of, comm_of
from harness.servers import delay_server, nginx

JOINED = ("id", "method", "path", "status", "bytes_out", "bytes_in")


def network_namespace(t):
    """A new one with loopback; gives its name."""
    ip = t.tool("ip")
    name = f"twe2e-{os.getpid()}"
    if t.run([ip, "netns", "add", name], check=False).returncode != 0:
        raise Skip("network namespaces cannot be made here")
    t.defer(lambda: t.run([ip, "netns", "del", name], check=False))
    t.run([ip, "-n", name, "link", "set", "lo", "up"])
    return name, [ip, "netns", "exec", name]


def inner(server, program):
    """The first process called `program` below the one we started (unshare, ip)."""
    def find():
        queue = [server.pid]
        while queue:
            pid = queue.pop(0)
            if comm_of(pid) == program:
                return pid
            queue += children_of(pid)
        return None
    return wait_until(f"{program} runs", find)


@case(breaks=("drop_request",))
def network(t):
    """nginx in another network namespace, load in there too"""
    _, inside = network_namespace(t)
    server = nginx(t, address="127.0.0.1:8080", wrap=inside)
    wait_until("nginx has its worker", lambda: children_of(inner(server, "nginx")))
    with t.trace(inner(server, "nginx")) as trace:
        load(t, "127.0.0.1:8080", "-n", 1000, "-c", 10, "--get", "/small", wrap=inside)
        load(t, "127.0.0.1:8080", "-n", 200, "-c", 10, "--close", "--get", "/large", wrap=inside)
        server.wait_lines(1200)
    same_requests("nginx", trace.requests(), server.lines(), JOINED)


@case()
def across_a_cable(t):
    """a server in a namespace, its clients in ours, over a veth pair"""
    name, inside = network_namespace(t)
    ip = t.tool("ip")
    ours = f"tw{os.getpid() % 100000}"
    t.run([ip, "link", "add", ours, "type", "veth", "peer", "name", "tw0", "netns", name])
    t.defer(lambda: t.run([ip, "link", "del", ours], check=False))
    t.run([ip, "addr", "add", "198.18.77.1/30", "dev", ours])
    t.run([ip, "link", "set", ours, "up"])
    t.run([ip, "-n", name, "addr", "add", "198.18.77.2/30", "dev", "tw0"])
    t.run([ip, "-n", name, "link", "set", "tw0", "up"])
    server = nginx(t, address="198.18.77.2:8080", wrap=inside)
    wait_until("nginx has its worker", lambda: children_of(inner(server, "nginx")))
    with t.trace(inner(server, "nginx"), "--client-address") as trace:
        load(t, server.address, "-n", 1000, "-c", 10, "--get", "/small")
        server.wait_lines(1000)
    same_requests("nginx", trace.requests(), server.lines(), JOINED)
    equal("peers", {"198.18.77.1"}, {r["network.peer.address"] for r in trace.requests()})


@case()
def processes(t):
    """a server in another PID namespace, named and reported by its number in ours"""
    unshare = [t.tool("unshare"), "--pid", "--fork", "--mount-proc", "--kill-child"]
    server = delay_server(t, wrap=unshare)
    pid = inner(server, "delay_server")
    with t.trace(pid) as trace:
        load(t, server.address, "-n", 500, "-c", 8, "--get", "/size/100")
    same_requests("the server", trace.requests(), server.lines(),
                  ("id", "status", "bytes_out", "bytes_in"))
    equal("processes", {pid}, {record["process.pid"] for record in trace.requests()})
    inside = {row["tid"] for row in server.truth()}
    ours = {record["thread.id"] for record in trace.requests()}
    check(inside.isdisjoint(ours), "thread ids of the other namespace were reported as ours")
    tasks = {int(tid) for tid in os.listdir(f"/proc/{pid}/task")}
    check(min(tasks) > 1, "no host thread ids")


@case()
def processes_and_network(t):
    """both at once, as in a container, with children forked during the trace"""
    _, inside = network_namespace(t)
    unshare = [*inside, t.tool("unshare"), "--pid", "--fork", "--mount-proc", "--kill-child"]
    server = delay_server(t, "--fork", wrap=unshare)
    with t.trace(inner(server, "delay_server")) as trace:
        samples = load(t, server.address, "-n", 300, "-c", 4, "--per-connection", 3, "--get",
                       "/size/100", wrap=inside)
    same_requests("the server", trace.requests(), server.lines(),
                  ("id", "status", "bytes_out", "bytes_in"))
    equal("processes", len({sample.connection for sample in samples}),
          len({record["process.pid"] for record in trace.requests()}))


@case()
def tracer_inside(t):
    """tailwhy itself in a PID namespace: PIDs are those it was told"""
    unshare = [t.tool("unshare"), "--pid", "--fork", "--mount-proc", "--kill-child"]
    script = (f"{t.workload('delay_server')} --truth {t.folder}/truth.txt > {t.folder}/inner.out & "
              "server=$!; sleep 0.3; "
              f"{t.settings.binary} --profile -d 30 -p $server --format json -o {t.folder}/s.json "
              f"--log {t.folder}/s.jsonl --log-requests all & tracer=$!; sleep 3; "
              f"{t.workload('load')} --to $(cut -d' ' -f2 {t.folder}/inner.out) -n 200 -c 4; "
              "sleep 0.2; kill -INT $tracer; wait $tracer; code=$?; kill $server; exit $code")
    done = t.run([*unshare, "bash", "-c", script], check=False)
    equal(f"exit code ({done.stderr[-300:]})", 0, done.returncode)
    records = [json.loads(line) for line in (t.folder / "s.jsonl").read_text().splitlines()]
    requests = [record for record in records if record["record"] == "request"]
    equal("requests", 200, len(requests))
    truth = {int(line.split(" ")[4]) for line in (t.folder / "truth.txt").read_text().splitlines()}
    equal("thread ids", truth, {record["thread.id"] for record in requests})
