"""Each way of seeing the same thing: with a kernel feature masked, the numbers stay the same."""
from harness.case import case, check, equal
from harness.loads import load
from harness.oracles import same_requests
from harness.servers import nginx, redis


def without(t, *features, routes=True):
    """nginx by its access log, and redis by its own count, with these features masked."""
    server = nginx(t)
    store = redis(t)
    store.command("CONFIG", "RESETSTAT")
    with t.trace([server.pid, store.pid], "--disable-feature", ",".join(features)) as trace:
        load(t, server.address, "-n", 800, "-c", 8, "--get", "/small", "--get", "/missing", "--get",
             "/large", "--head", "/small")
        load(t, server.address, "-n", 160, "-c", 2, "--depth", 8, "--get", "/missing", "--head", "/small")
        load(t, server.address, "-n", 100, "-c", 4, "--close", "--get", "/small")
        for number in range(50):
            store.command("SET", f"key-{number}", "value")
        calls = store.calls()
        server.wait_lines(1060)
    own = [r for r in trace.requests() if r["process.pid"] == store.pid]
    equal("redis", calls["set"] + 1, len(own))
    fields = ("id", "method", "path", "status", "bytes_out", "bytes_in")
    same_requests("nginx", [r for r in trace.requests() if r["process.pid"] != store.pid],
                  server.lines(), fields if routes else ("bytes_out", "bytes_in"))
    t.notes.append("; ".join(trace.of_kind("header")[0]["missing"])[:200] or "nothing missing")


@case()
def sock_length(t):
    """without sock:sock_send_length and sock_recv_length (kernels before 6.3)"""
    without(t, "sock_length_tp")


@case()
def sock_length_and_data_ready(t):
    """without sock:sk_data_ready as well: arrivals by other means"""
    without(t, "sock_length_tp", "data_ready_tp")


@case()
def fexit(t):
    """without fentry and fexit"""
    without(t, "fexit")


@case()
def tracepoints_of_sockets(t):
    """with neither socket tracepoints nor fexit: by system calls"""
    without(t, "sock_length_tp", "data_ready_tp", "fexit")


@case()
def data_ready(t):
    """without sock:sk_data_ready"""
    without(t, "data_ready_tp")


@case()
def socket_storage(t):
    """without socket storage: connections by address"""
    without(t, "sk_storage")


@case()
def socket_storage_and_tracepoints(t):
    """without socket storage and socket tracepoints: the poorest kernel that will do"""
    without(t, "sk_storage", "sock_length_tp", "data_ready_tp", "fexit")


@case()
def needed(t):
    """without what nothing can do without: exit code 4, and the feature is named"""
    server = nginx(t)
    for feature, word in (("tp_btf", "BTF"), ("process_tp", "sched_process_fork"), ("ringbuf", "ring buffer"),
                          ("task_storage", "task storage"), ("iter", "iterators"), ("pt_regs", "registers")):
        done = t.tailwhy("--profile", "-d", "1", "-p", server.pid, "--disable-feature", feature)
        equal(f"exit code without {feature}: {done.stderr}", 4, done.returncode)
        check(word in done.stderr, f"{feature}: '{word}' is not in {done.stderr}")


@case()
def connection_state(t):
    """without inet_sock_set_state, retransmits and resets"""
    without(t, "set_state_tp", "retransmit_tp", "reset_tp")
