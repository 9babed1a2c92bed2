"""Full disks, closed pipes, broken files, too many events, several tracers: nothing is lost in
silence, nothing that was written is lost, and the exit code says so."""
import json
import os
import random
import signal
import time

from harness.case import case, check, equal
from harness.context import wait_until
from harness.loads import RawClient, load
from harness.oracles import same_requests
from harness.secrets import check_no_canary, recorded
from harness.servers import delay_server, nginx

CANARY = "s3cr3t-canary-7f3a"


@case()
def two_at_once(t):
    """two tracers on one target: both exact"""
    server = nginx(t)
    with t.trace(server.pid) as first, t.trace(server.pid) as second:
        load(t, server.address, "-n", 2000, "-c", 16, "--get", "/small", "--get", "/large")
        server.wait_lines(2000)
    for trace in (first, second):
        same_requests(trace.name, trace.requests(), server.lines())


@case()
def log_on_full_disk(t):
    """/dev/full under the log: the trace goes on, the report is there, exit code 1 and a reason"""
    server = nginx(t)
    trace = t.trace(server.pid, "--log", "/dev/full", "--log-requests", "all", log=False, exits=1,
                    checked=False)
    with trace:
        load(t, server.address, "-n", 500, "-c", 4, "--get", "/small")
        server.wait_lines(500)
    equal("requests in the report", 500, trace.counts["seen"])
    errors = trace.process.errors()
    check("/dev/full" in errors and "space" in errors.lower(), f"not said: {errors}")


@case()
def report_on_full_disk(t):
    """/dev/full under the report: exit code 1, and the log is complete"""
    server = nginx(t)
    trace = t.trace(server.pid, "-d", "60", "--profile", "-o", "/dev/full", profile=False, exits=1)
    trace.command += ["--format", "json"]
    with trace:
        load(t, server.address, "-n", 300, "-c", 4, "--get", "/small")
        server.wait_lines(300)
    same_requests("the log", trace.requests(), server.lines())
    check("/dev/full" in trace.process.errors(), f"not said: {trace.process.errors()}")


@case()
def no_such_folder(t):
    """a log, report or recording that cannot be made: exit code 1 or 2 before anything is traced"""
    server = nginx(t)
    for arguments in (["--profile", "--log", "/no/such/folder/x"], ["--profile", "-o", "/no/such/folder/x"],
                      ["record", "-o", "/no/such/folder/x"]):
        began = time.monotonic()
        done = t.tailwhy(*arguments, "-d", "8", "-p", server.pid)
        check(done.returncode in (1, 2), f"{arguments}: exit code {done.returncode}")
        check("/no/such/folder" in done.stderr, f"{arguments}: {done.stderr}")
        check(time.monotonic() - began < 6, f"{arguments}: found out only at the end")


@case()
def closed_pipe(t):
    """`tailwhy -p PID | head -n 1`: it ends by itself, without noise"""
    server = nginx(t)
    reader, writer = os.pipe()
    process = t.start_tailwhy("-p", server.pid, "-i", "200ms", "--format", "jsonl", name="piped",
                              stdout=writer)
    os.close(writer)
    with os.fdopen(reader) as lines:
        first = json.loads(lines.readline())
    equal("first record", "header", first["record"])
    load(t, server.address, "-n", 200, "-c", 4, "--get", "/small")
    code = process.wait(10)
    check(code in (0, 1, 141), f"exit code {code}: {process.errors()}")
    check(len(process.errors().splitlines()) <= 3, f"noise: {process.errors()}")


@case()
def log_into_closed_pipe(t):
    """a log whose reader goes away: the report is still there, exit code 1 and a reason"""
    server = nginx(t)
    fifo = t.folder / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    trace = t.trace(server.pid, "--log", fifo, "--log-requests", "all", log=False, exits=1,
                    checked=False)
    with trace:
        os.close(reader)
        load(t, server.address, "-n", 500, "-c", 4, "--get", "/small")
        server.wait_lines(500)
    equal("requests in the report", 500, trace.counts["seen"])


@case()
def reopened_log(t):
    """SIGHUP after a rename: a new file under the old name, both whole, together everything"""
    server = nginx(t)
    trace = t.trace(server.pid)
    trace.start()
    moved = t.folder / "moved.jsonl"
    load(t, server.address, "-n", 400, "-c", 4, "--get", "/small")
    server.wait_lines(400)
    time.sleep(0.3)
    trace.log_file.rename(moved)
    trace.process.signal(signal.SIGHUP)
    end = time.monotonic() + 5
    while not trace.log_file.exists() and time.monotonic() < end:
        time.sleep(0.02)
    load(t, server.address, "-n", 300, "-c", 4, "--get", "/medium")
    server.wait_lines(700)
    trace.stop()
    new_file = trace.log_file
    kept = []
    for file in (moved, new_file):
        trace.log_file = file
        trace.read()
        equal(f"first record of {file.name}", "header", trace.records[0]["record"])
        kept += trace.requests()
    equal("last record", "summary", trace.records[-1]["record"])
    same_requests("both files", kept, server.lines())


@case()
def record_and_report(t):
    """what `report` says of a recording is what a live trace of the same time said"""
    server = nginx(t)
    recording = t.folder / "run.tw"
    record = t.trace(server.pid, log=False, profile=False, checked=False)
    record.command[1:1] = ["record", "-o", recording]
    with t.trace(server.pid) as live, record:
        load(t, server.address, "-n", 2000, "-c", 16, "--get", "/small*3", "--get", "/missing",
             "--head", "/medium", "--get", "/large")
        load(t, server.address, "-n", 160, "-c", 2, "--depth", 8, "--get", "/small")
        load(t, server.address, "-n", 100, "-c", 4, "--close", "--get", "/small")
        server.wait_lines(2260)
    binary = t.folder / "tailwhy"
    binary.write_bytes(t.settings.binary.read_bytes())
    binary.chmod(0o755)
    recording.chmod(0o644)
    again = t.trace(None)
    replay = t.run([t.tool("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", binary,
                    "report", recording, "--format", "jsonl", "--log-requests", "all"])
    again.log_file.write_text(replay.stdout)
    again.read()
    again.check_always()
    for name in ("requests", "client_requests"):
        equal(name, live.summary[name], again.summary[name])
    same_requests("the recording", again.requests(), server.lines())

    def rows(summary):
        return sorted((r["http.request.method"], r["http.route"], r["http.response.status_code"],
                       r["count"]) for r in summary["routes"])
    equal("routes", rows(live.summary), rows(again.summary))


@case()
def broken_recordings(t):
    """truncated and damaged recordings: no crash, a message, and what is whole is reported"""
    server = nginx(t)
    recording = t.folder / "run.tw"
    record = t.trace(server.pid, log=False, profile=False, checked=False)
    record.command[1:1] = ["record", "-o", recording]
    with record:
        load(t, server.address, "-n", 500, "-c", 8, "--get", "/small")
        server.wait_lines(500)
    whole = recording.read_bytes()
    numbers = random.Random(7)
    broken = t.folder / "broken.tw"
    variants = {f"cut at {size}": whole[:size]
                for size in (0, 1, 7, 100, len(whole) // 2, len(whole) - 1)}
    for at in [numbers.randrange(len(whole)) for _ in range(12)]:
        damaged = bytearray(whole)
        damaged[at] ^= 0x55
        variants[f"damaged at {at}"] = bytes(damaged)
    variants["something else"] = b"\x7fELF" + bytes(5000)
    for what, data in variants.items():
        broken.write_bytes(data)
        done = t.tailwhy("report", broken, "--format", "json", timeout=30)
        check(done.returncode in (0, 1, 2), f"{what}: exit code {done.returncode}: {done.stderr[-300:]}")
        if data != whole and done.returncode != 0:
            check("tailwhy:" in done.stderr and "broken.tw" in done.stderr,
                  f"{what}: not said: {done.stderr}")
        if done.returncode == 0:
            seen = json.loads(done.stdout)["requests"]["seen"]
            check(seen <= 500, f"{what}: {seen} requests of 500")
            if seen < 500:
                check(done.stderr.strip(), f"{what}: {seen} of 500 requests and not a word")
    missing = t.tailwhy("report", t.folder / "none.tw")
    check(missing.returncode in (1, 2, 3) and "none.tw" in missing.stderr, f"{missing}")


@case()
def recording_on_full_disk(t):
    """a recording that may grow no further: exit code 1 and a reason, and what is in the file can be read"""
    server = delay_server(t)
    recording = t.folder / "run.twcap"
    recorder = t.start([t.tool("prlimit"), "--fsize=60000", t.settings.binary, "record", "-p",
                        server.pid, "-o", recording, "-d", "20s"], "recorder")
    wait_until("it is recording", lambda: recording.exists() and recording.stat().st_size > 0)
    load(t, server.address, "-n", 20_000, "-c", 4, "--limit", 15, "--get", "/size/100")
    recorder.signal(signal.SIGINT)
    equal(f"exit code: {recorder.errors()}", 1, recorder.wait())
    check("File too large" in recorder.errors() and "disk" in recorder.errors(), recorder.errors())
    check(recording.stat().st_size <= 60_000, "the limit was not one")
    done = t.tailwhy("report", recording, "--format", "json")
    requests = json.loads(done.stdout)["requests"]
    check(100 < requests["matched"] < 20_000, f"{requests['matched']} requests were recorded")
    check("no end block" in done.stderr, done.stderr)


@case()
def overload(t):
    """a ring buffer that overflows: losses are counted and said, and what comes later is exact again"""
    server = nginx(t)
    trace = t.trace(server.pid, "--ring-size", "64K", "--max-loss", "0", exits=6, lossless=False)
    with trace:
        load(t, server.address, "-n", 200, "-c", 4, "--rate", 400, "--prefix", "before", "--get", "/small")
        time.sleep(0.5)
        trace.process.signal(signal.SIGSTOP)
        load(t, server.address, "-n", 3000, "-c", 16, "--get", "/medium")
        trace.process.signal(signal.SIGCONT)
        time.sleep(1)
        load(t, server.address, "-n", 200, "-c", 4, "--rate", 400, "--prefix", "after", "--get", "/large")
        server.wait_lines(3400)
    check(trace.lost().get("ring_full", 0) > 0, f"nothing was lost: {trace.lost()}")
    equal("lost, in all", sum(trace.lost().values()), trace.summary["lost"])
    equal("losses in the records", trace.lost().get("ring_full"),
          sum(record["losses"].get("ring_full", 0) for record in trace.of_kind("loss")))
    check("lost" in trace.process.errors(), f"not said: {trace.process.errors()}")
    whole = [r for r in trace.requests() if not r.get("incomplete")]
    for prefix in ("before", "after"):
        lines = [line for line in server.lines() if line.id.startswith(prefix)]
        same_requests(prefix, [r for r in whole if r.get(
            "http.request.header.x-request-id", "").startswith(prefix)], lines)
    by_id = {line.id: line for line in server.lines()}
    for record in whole:  # what is said of those in between is true
        line = by_id.get(record.get("http.request.header.x-request-id"))
        if line:
            equal(f"status and bytes of {line.id}", (line.status, line.bytes_out),
                  (record["http.response.status_code"], record["tailwhy.response.bytes"]))


@case()
def secrets(t):
    """a canary in query, header, cookie, body and password is in no output and no recording"""
    server = delay_server(t)
    with recorded(t, server.pid) as trace:
        client = RawClient(t, server.address)
        for number in range(5):
            client.get(f"/size/10?token={CANARY}", f"Cookie: session={CANARY}",
                       f"Authorization: Basic {CANARY}", f"X-Api-Key: {CANARY}",
                       f"x-request-id: visible-{number}", f"Content-Length: {len(CANARY) + 9}",
                       method="POST", body=f"password={CANARY}".encode()).response()
    equal("requests", 5, trace.counts["matched"])
    check_no_canary(t, trace, CANARY, "visible-3")


@case()
def trace_context(t):
    """traceparent: valid ones are in the log, others are ignored"""
    server = delay_server(t)
    good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    bad = ["00-00000000000000000000000000000000-b7ad6b7169203331-01", "nonsense", good.upper()]
    with t.trace(server.pid) as trace:
        client = RawClient(t, server.address)
        client.get("/size/1", f"traceparent: {good}", "x-request-id: good").response()
        for number, value in enumerate(bad):
            client.get("/size/1", f"traceparent: {value}", f"x-request-id: bad{number}").response()
    record = trace.by_id()["good"]
    equal("trace", ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"),
          (record["trace_id"], record["parent_span_id"]))
    for number in range(len(bad)):
        check("trace_id" not in trace.by_id()[f"bad{number}"], f"{bad[number]} was taken")


@case()
def terminal_escapes(t):
    """what a client sends cannot write to a terminal: paths and methods are escaped"""
    server = delay_server(t)
    process = t.start_tailwhy("--profile", "-d", "60", "-p", server.pid, name="table")
    for path in ("/\x1b[2J\x1b]0;owned\x07", "/a\x00b", "/\u202ereversed", "/caf\xe9", "/\x9b31m"):
        RawClient(t, server.address).get(path).response()
    process.signal(signal.SIGINT)
    equal("exit code", 0, process.wait())
    check("5 answered" in process.output(), f"the requests are missing: {process.output()}")
    text = process.out.read_bytes()
    bad = [byte for byte in text if byte < 32 and byte != 10 or byte == 127]
    check(not bad, f"control characters {set(bad)} in the report")
    check(b"\x1b" not in text and b"\xc2\x9b" not in text and "\u202e".encode() not in text,
          "an escape sequence of a client is in the report")


@case()
def target_is_untouched(t):
    """after the trace the target is as before: same children, same files, still serving, not slowed"""
    server = nginx(t)
    worker = server.workers()[0]
    before = sorted(os.listdir(f"/proc/{worker}/fd"))
    with t.trace(server.pid):
        load(t, server.address, "-n", 500, "-c", 4, "--get", "/small")
        server.wait_lines(500)
    equal("workers", [worker], server.workers())
    end = time.monotonic() + 5
    while before != (after := sorted(os.listdir(f"/proc/{worker}/fd"))) and time.monotonic() < end:
        time.sleep(0.05)  # it has not closed its connections yet
    equal("files of the worker", before, after)
    load(t, server.address, "-n", 100, "-c", 4, "--get", "/small")
    server.wait_lines(600)
