"""The command line: exit codes, streams, messages. What is said goes to stderr, results to stdout."""
import json
import os
import pty
import select
import shutil
import signal
import termios
import time

from harness.case import case, check, equal
from harness.loads import RawClient, load
from harness.servers import delay_server, nginx

USAGE, NOT_FOUND, NO_PRIVILEGE, GATE, LOSS = 2, 3, 4, 5, 6


def says(done, code, *words):
    """The run ended with this code and its message has these words (any case), on stderr only."""
    equal(f"exit code of {' '.join(map(str, done.args[1:]))} ({done.stderr.strip()[-200:]})", code,
          done.returncode)
    for word in words:
        check(word.lower() in done.stderr.lower(), f"'{word}' is not in: {done.stderr.strip()}")
    check("\x1b" not in done.stderr, "escape sequences where there is no terminal")


@case()
def help_and_version(t):
    """--help, --version, --json-schema, completion: on stdout, exit code 0, without root"""
    binary = t.folder / "tailwhy"
    shutil.copy(t.settings.binary, binary)
    nobody = [t.tool("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", binary]
    for arguments, words in ((["--help"], ["--pid", "record", "doctor"]), (["--version"], ["tailwhy"]),
                             (["record", "--help"], ["--output"])):
        done = t.run([*nobody, *arguments])
        for word in words:
            check(word in done.stdout, f"{arguments}: no '{word}' in {done.stdout[:300]}")
        equal(f"stderr of {arguments}", "", done.stderr)
    json.loads(t.run([*nobody, "--version", "--json"]).stdout)
    check("$defs" in json.loads(t.run([*nobody, "--json-schema"]).stdout), "no schema")
    for shell in ("bash", "zsh", "fish"):
        script = t.run([*nobody, "completion", shell]).stdout
        check("--profile" in script or "profile" in script, f"completion {shell}: {script[:100]}")
    (t.folder / "completion.bash").write_text(t.run([*nobody, "completion", "bash"]).stdout)
    t.run(["bash", "-n", t.folder / "completion.bash"])


@case()
def nonsense(t):
    """options that make no sense: exit code 2 and what is wrong with them"""
    wrong = [
        ([], "process"), (["-p", "abc"], "abc"), (["-p", "-5"], "5"), (["-p", "0"], "0"),
        (["-p", "1", "-d", "soon"], "soon"), (["-p", "1", "-d", "-3s"], "3s"),
        (["-p", "1", "-i", "1us"], "interval"), (["-p", "1", "--format", "xml"], "xml"),
        (["--nonsense"], "nonsense"), (["-p", "1", "--nonsense"], "nonsense"),
        (["-p", "1", "extra"], "extra"), (["--follow", "-p", "1"], "follow"),
        (["-p", "1", "--"], "command"), (["-p", "1", "--", "true"], "command"),
        (["-p", "1", "--ring-size", "12345"], "ring"), (["-p", "1", "--capture", "1G"], "capture"),
        (["-p", "1", "--without", "everything"], "everything"), (["--port", "99999"], "99999"),
        (["-p", "1", "--log-requests", "some"], "some"), (["-p", "1", "--log-requests", "slow"], "slow"),
        (["-p", "1", "--fail-if", "p99"], "p99"), (["-p", "1", "--fail-if", "p98>x"], "p98"),
        (["-p", "1", "--disable-feature", "gravity"], "gravity"), (["record", "-p", "1"], "output"),
        (["-p", "1", "--route", "user"], "user"), (["-p", "1", "--route", "/a/**/b"], "**"),
        (["report"], "recording"), (["completion", "tcsh"], "tcsh"), (["--comm", "/[/"], "["),
    ]
    for arguments, word in wrong:
        done = t.tailwhy(*arguments, timeout=20)
        says(done, USAGE, "tailwhy:", word)
        equal(f"stdout of {arguments}", "", done.stdout)
        check(len(done.stderr.splitlines()) <= 8, f"{arguments}: a screen of text: {done.stderr}")


@case()
def no_such_target(t):
    """a PID, port or name that nobody has: exit code 3"""
    says(t.tailwhy("--profile", "-p", "3999999", timeout=20), NOT_FOUND, "3999999")
    says(t.tailwhy("--profile", "--port", "1", timeout=20), NOT_FOUND, "port 1")
    says(t.tailwhy("--profile", "--comm", "no-such-name", timeout=20), NOT_FOUND, "no-such-name")
    says(t.tailwhy("--profile", "-p", f"{os.getpid()},3999999", timeout=20), NOT_FOUND, "3999999")


@case()
def kernel_thread(t):
    """a kernel thread is no target, and is called by its name"""
    done = t.tailwhy("--profile", "-p", "2", timeout=20)
    says(done, USAGE, "kernel thread", "kthreadd")


@case()
def a_thread_id(t):
    """the id of a thread that is no process: its process is named"""
    server = delay_server(t)
    client = RawClient(t, server.address)
    client.get("/size/1").response()
    tid = next(int(tid) for tid in os.listdir(f"/proc/{server.pid}/task") if int(tid) != server.pid)
    done = t.tailwhy("--profile", "-d", "1", "-p", tid, timeout=20)
    says(done, USAGE, f"PID {server.pid}")


@case()
def exits_at_once(t):
    """a target that ends before anything was seen: exit code 3"""
    target = t.start(["sleep", "1.5"])
    began = time.monotonic()
    done = t.tailwhy("--profile", "-d", "30", "-p", target.pid)
    check(time.monotonic() - began < 10, "it went on without its target")
    says(done, NOT_FOUND, str(target.pid), "exited")


@case()
def no_root(t):
    """without privileges: exit code 4, what is missing, and how to get it"""
    binary = t.folder / "tailwhy"
    shutil.copy(t.settings.binary, binary)
    nobody = [t.tool("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups"]
    own, roots = t.start([*nobody, "sleep", "60"], "own"), nginx(t)
    time.sleep(0.2)
    done = t.run([*nobody, binary, "--profile", "-d", "1", "-p", own.pid], check=False)
    says(done, NO_PRIVILEGE, "tailwhy:", "try:", "CAP_BPF", "root")
    done = t.run([*nobody, binary, "--profile", "-d", "1", "-p", roots.pid], check=False)
    says(done, NO_PRIVILEGE, "tailwhy:", "root", "try:")


@case()
def gates(t):
    """--fail-if ends with 5 when true, with 0 when not"""
    server = delay_server(t)
    for condition, code in (("p99>50ms", GATE), ("p99>5s", 0), ("errors>1%", GATE), ("errors>99%", 0)):
        with t.trace(server.pid, "--fail-if", condition, exits=code) as trace:
            load(t, server.address, "-n", 20, "-c", 4, "--get", "/sleep/60ms", "--get", "/status/500")
        check(trace.summary["requests"]["seen"] == 20, "the summary is missing although it failed")


@case()
def formats(t):
    """table, json and jsonl on stdout; -o writes the same to a file; nothing else on stdout"""
    server = nginx(t)

    def run(*arguments):
        name = "run" + "".join(word for word in map(str, arguments) if "/" not in word)
        process = t.start_tailwhy("--profile", "-d", "60", "-p", server.pid, *arguments, name=name)
        load(t, server.address, "-n", 100, "-c", 4, "--get", "/small")
        process.signal(signal.SIGINT)
        equal(f"exit code of {arguments}: {process.errors()[-300:]}", 0, process.wait())
        return process.output()

    table = run()
    for word in ("100", "p50", "p99", "/small", "GET"):
        check(word in table, f"no '{word}' in the table:\n{table}")
    check("\x1b" not in table, "colours in a pipe")
    check(max(map(len, table.splitlines())) <= 100, "the table is wider than a screen")
    equal("requests in JSON", 100, json.loads(run("--format", "json"))["requests"]["seen"])
    kinds = [json.loads(line)["record"] for line in run("--format", "jsonl").splitlines()]
    equal("first and last record", ("header", "summary"), (kinds[0], kinds[-1]))
    file = t.folder / "out.txt"
    equal("stdout beside -o", "", run("-o", file))
    check("/small" in file.read_text(), "no report in the file of -o")
    check("\x1b[" in run("--color", "always"), "--color always has no colours")


@case()
def a_line_an_interval(t):
    """in a pipe: one line an interval until Ctrl-C, and a summary then"""
    server = nginx(t)
    t.defer(mend_dev_stderr)
    process = t.start_tailwhy("-p", server.pid, "-i", "500ms", name="lines")
    load(t, server.address, "-n", 300, "-c", 4, "--get", "/small")
    time.sleep(2)
    process.signal(signal.SIGINT)
    equal(f"exit code: {process.errors()}", 0, process.wait())
    lines = process.output().splitlines()
    check(4 <= len(lines) <= 16, f"{len(lines)} lines in over 2 s of 0.5 s intervals")
    per_second = [float(line.split()[1]) for line in lines if line[:1].isdigit()]
    check(200 <= sum(per_second) * 0.5 <= 400, f"rates of the lines: {per_second}")
    check("300" in process.errors(), f"no summary with 300 requests: {process.errors()}")
    check("\x1b" not in process.output(), "escape sequences in a pipe")
    check(os.path.islink("/dev/stderr"), "/dev/stderr was replaced by a file")


def mend_dev_stderr():
    """A report that is renamed into its place must not take the place of a device: if it did, the
    machine is mended."""
    if not os.path.islink("/dev/stderr"):
        os.unlink("/dev/stderr")
        os.symlink("/proc/self/fd/2", "/dev/stderr")


@case()
def report_through_a_link(t):
    """-o LINK writes where the link points to, and -o FIFO and -o /dev/stdout into them"""
    server = delay_server(t)
    file, link, fifo = (t.folder / name for name in ("file.json", "link.json", "fifo"))
    file.write_text("old")
    link.symlink_to(file)
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    t.defer(lambda: os.close(reader))
    for path in (link, fifo, "/dev/stdout"):
        done = t.tailwhy("--profile", "-d", "300ms", "--format", "json", "-p", server.pid, "-o", path)
        equal(f"exit code with -o {path}: {done.stderr}", 0, done.returncode)
    check(link.is_symlink(), "the link was replaced by a file")
    equal("record in the file behind the link", "summary", json.loads(file.read_text())["record"])
    equal("record in the FIFO", "summary", json.loads(os.read(reader, 1 << 20))["record"])
    equal("record on stdout", "summary", json.loads(done.stdout)["record"])


@case()
def live_view(t):
    """at a terminal: redrawn in place, within its width; after Ctrl-C or q the screen and its keys are given back"""
    server = nginx(t)
    for key in (b"\x03", b"q"):
        watch_live_view(t, server, key)


def shows_typing(terminal):
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def watch_live_view(t, server, key):
    ready, writer = os.pipe()
    os.set_inheritable(writer, True)
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color")
        os.execv(t.settings.binary, [str(t.settings.binary), "-p", str(server.pid), "--ready-fd",
                                     str(writer)])
    t.defer(lambda: os.close(terminal))
    os.close(writer)
    os.set_blocking(terminal, False)
    check(shows_typing(terminal), "this terminal never shows what is typed")
    check(select.select([ready], [], [], 20)[0], f"not attached: {read_terminal(terminal, 0.1)!r}")
    os.close(ready)
    output = b""
    load(t, server.address, "-n", 400, "-c", 4, "--get", "/small")
    os.write(terminal, b"x")  # means nothing, and does not appear
    output += read_terminal(terminal, 2.5)
    check(b"/small" in output, f"no route in the live view: {output[-600:]!r}")
    check(b"\x1b[" in output, "nothing was redrawn")
    check(not shows_typing(terminal), "what is typed is shown in the view")
    os.write(terminal, key)
    after = read_terminal(terminal, 3)
    _, status = os.waitpid(pid, 0)
    equal("exit code", 0, os.waitstatus_to_exitcode(status))
    check(b"400" in after, f"no summary after {key!r}: {after[-800:]!r}")
    check(shows_typing(terminal), "what is typed is not shown any more")
    for on, off in ((b"\x1b[?1049h", b"\x1b[?1049l"), (b"\x1b[?25l", b"\x1b[?25h")):
        if on in output:
            check(off in after, f"{on!r} was not taken back")


def read_terminal(terminal, seconds):
    output, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                output += os.read(terminal, 65536)
            except OSError:  # the other end is gone
                return output
    return output


@case()
def ctrl_c(t):
    """SIGINT and SIGTERM end the trace with a summary and exit code 0"""
    server = nginx(t)
    for number in (signal.SIGINT, signal.SIGTERM):
        trace = t.trace(server.pid)
        trace.start()
        load(t, server.address, "-n", 100, "-c", 4, "--get", "/small")
        trace.stop(number)
        trace.read()
        trace.check_always()
        equal("requests", 100, trace.counts["seen"])


@case()
def second_ctrl_c(t):
    """a second Ctrl-C while the summary is stuck in a full pipe: exit code 130 at once"""
    server = nginx(t)
    reader, writer = os.pipe()
    t.defer(lambda: os.close(reader))
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    process = t.start_tailwhy("--profile", "-d", "60", "-p", server.pid, name="stuck", stdout=writer)
    os.close(writer)
    process.signal(signal.SIGINT)
    time.sleep(1)
    if process.running():
        process.signal(signal.SIGINT)
        equal("exit code", 130, process.wait(5))
    else:
        t.notes.append(f"it did not wait for the pipe: exit code {process.wait()}")
        check(process.wait() in (0, 1), f"exit code {process.wait()}")


@case()
def which_requests(t):
    """--log-requests slow, failed, sampled and the default: what is left out is still counted"""
    server = delay_server(t)
    wanted = {
        ("--log-requests", "slow", "--slow", "30ms"): lambda r: r["tailwhy.log.reason"] == "slow",
        ("--log-requests", "failed"): lambda r: r["tailwhy.log.reason"] == "failed",
    }
    for arguments, rule in wanted.items():
        trace = t.trace(server.pid, *arguments, log=False)
        trace.command += ["--log", trace.log_file]
        trace.complete = False
        with trace:
            load(t, server.address, "-n", 300, "-c", 4, "--get", "/size/1*8", "--get", "/sleep/40ms",
                 "--get", "/status/500")
        equal("seen", 300, trace.counts["seen"])
        equal(f"requests in the log of {arguments}", 30, len(trace.requests()))
        check(all(map(rule, trace.requests())), f"{arguments}: reasons are wrong")
    trace = t.trace(server.pid, "--log-requests", "sampled", "--sample", "20", log=False)
    trace.command += ["--log", trace.log_file]
    trace.complete = False
    with trace:
        load(t, server.address, "-n", 3000, "-c", 4, "--rate", 1500, "--get", "/size/1")
    sampled = trace.requests()
    check(20 <= len(sampled) <= 120, f"{len(sampled)} sampled of 3000 in about 2 s at 20 a second")
    weight = sum(record["tailwhy.sample.weight"] for record in sampled)
    equal("sum of the weights", 3000, round(weight))


@case()
def doctor(t):
    """doctor tries every hook and says what works; --json is JSON"""
    server = nginx(t)
    done = t.tailwhy("doctor", "-p", server.pid)
    equal(f"exit code: {done.stderr}", 0, done.returncode)
    check("BTF" in done.stdout, f"doctor says nothing of BTF: {done.stdout}")
    check("\x1b" not in done.stdout, "colours in a pipe")
    json.loads(t.tailwhy("doctor", "--json").stdout)
    binary = t.folder / "tailwhy"
    shutil.copy(t.settings.binary, binary)
    done = t.run([t.tool("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", binary,
                  "doctor"], check=False)
    equal("exit code without root", NO_PRIVILEGE, done.returncode)


@case()
def quiet_and_progress(t):
    """no progress where there is no terminal; -q says nothing but results"""
    server = nginx(t)
    done = t.tailwhy("--profile", "-d", "1", "-q", "-p", server.pid)
    equal(f"exit code: {done.stderr}", 0, done.returncode)
    equal("stderr with -q", "", done.stderr)
    done = t.tailwhy("--profile", "-d", "1", "-p", server.pid)
    check("\r" not in done.stderr, f"a progress bar in a pipe: {done.stderr!r}")


@case()
def command_line(t):
    """-- CMD starts a command and traces it from its first call on"""
    with t.trace(None, "--", t.workload("syscall_errors"), "--rounds", 1, exits=None, checked=False,
                 ends_itself=False) as trace:
        time.sleep(0.3)
    check(trace.summary is not None, "no summary")
    found = {(row["syscall.name"], row["error.type"]) for row in trace.summary["syscall_errors"]}
    check(found, "not one failing call of a program that starts")
    done = t.tailwhy("--profile", "-q", "--format", "json", "--", "sh", "-c", "exit 7")
    check(done.returncode in (0, NOT_FOUND), f"exit code {done.returncode}: {done.stderr}")
    says(t.tailwhy("--profile", "--", "/no/such/program", timeout=20), NOT_FOUND, "/no/such/program")


@case()
def a_client(t):
    """a traced client's requests have the role client, from connect to the last byte"""
    server = delay_server(t)
    with t.trace(None, "--", t.workload("load"), "--to", server.address, "-n", "50", "-c", "5",
                 "--get", "/sleep/5ms/size/3000", ends_itself=True) as trace:
        pass
    equal("asked", 50, trace.client_counts["matched"])
    equal("served", 0, trace.counts["seen"])
    for record in trace.requests("client"):
        check(5_000_000 <= record["duration_ns"] < 200_000_000, f"took {record['duration_ns']} ns")
        equal("peer", server.port, record["network.peer.port"])
    equal("bytes", sum(row["bytes_out"] for row in server.truth()),
          trace.client_counts["response_bytes"])

