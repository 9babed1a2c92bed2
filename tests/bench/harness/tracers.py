"""What is compared: tailwhy in several configurations, switched within milliseconds, and other tools,
which have to be started and stopped."""
import json
import shutil
import time
from subprocess import PIPE

from harness.machine import Program, cpu_seconds, tree_of

# name, arguments of tailwhy
CONFIGURATIONS = {
    "everything": [],
    "without syscalls": ["--without", "syscalls"],
    "without sched": ["--without", "sched"],
    "without net": ["--without", "net"],
    "sockets only": ["--without", "sched,net,syscalls"],
    "--capture 0": ["--capture", "0"],
    "with --log": ["--log", "{folder}/requests.jsonl"],
}

# read -> write on one thread, as a histogram: less than what tailwhy says, from system calls.
BPFTRACE = """
tracepoint:syscalls:sys_enter_{read} /pid == {pid}/ {{ @begin[tid] = nsecs; }}
tracepoint:syscalls:sys_enter_{write} /pid == {pid} && @begin[tid]/ {{
  @us = hist((nsecs - @begin[tid]) / 1000); delete(@begin[tid]); }}
"""


# Tools that find their tracepoints in tracefs get one of their own where none is mounted.
TRACEFS = ["unshare", "-m", "sh", "-c", """
[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"
""", "sh"]


class Nothing:
    """The null comparison: everything is done but the tracing."""

    name, settle = "nothing (null)", 0.04

    def on(self):
        pass

    off = on

    def cpu_ns(self):
        return 0

    def end(self):
        return {}


class Tailwhy:
    """The real program with a switch on its hooks (toggle.cpp)."""

    settle = 0.04  # its reader looks every 20 ms

    def __init__(self, toggle, name, arguments, pid, folder, cpu=None):
        self.name = name
        folder = folder / name.replace(" ", "_")
        folder.mkdir(exist_ok=True)
        self.report = folder / "report.json"
        arguments = [word.format(folder=folder) for word in arguments]
        command = [toggle, "-p", pid, "--profile", "-d", "1h", "--format", "json",
                   "-o", self.report, "-q", *arguments]
        self.program = Program(command, cpu=cpu, folder=folder, stdin=PIPE, stdout=PIPE)
        self.answers = self.program.popen.stdout
        if not self.answers.readline():
            raise RuntimeError(f"tailwhy ({name}) did not start: {self.program.said()}")

    def say(self, word):
        self.program.popen.stdin.write(word.encode() + b"\n")
        self.program.popen.stdin.flush()
        return json.loads(self.answers.readline())

    def on(self):
        self.say("on")

    def off(self):
        self.say("off")

    def cpu_ns(self):
        return self.say("stats")["cpu_ns"]

    def end(self):
        """What its report says: requests, losses that are events, its memory."""
        self.program.popen.stdin.close()
        self.program.end(number=0)
        self.answers.close()
        if not self.report.exists():
            raise RuntimeError(f"tailwhy ({self.name}) left no report: {self.program.said()}")
        return json.loads(self.report.read_text())


class Tool:
    """Any tool that is started to trace and stopped to end that."""

    def __init__(self, name, command, folder, number=2, cpu=None, settle=2.0):
        self.name, self.command, self.folder = name, command, folder
        self.number, self.cpu, self.settle = number, cpu, settle
        self.program = None

    def on(self):
        self.program = Program(self.command, cpu=self.cpu, folder=self.folder)

    def off(self):
        if self.program.popen.poll() is not None:
            raise RuntimeError(f"{self.name} ended by itself: {self.program.said()[-400:]}")
        self.program.end(self.number)
        self.program = None
        time.sleep(0.5)  # what it leaves behind in the kernel is cleared

    def cpu_ns(self):
        return sum(cpu_seconds(pid) for pid in tree_of(self.program.pid)) * 1e9 if self.program else 0

    def end(self):
        return {}


def tools(workload, tailwhy, folder):
    """Those that work here, and of the others the name and why not."""
    worker = workload.worker
    read, write = ("recvfrom", "writev") if workload.name.startswith("nginx") else ("read", "write")
    script = folder / "latency.bt"
    script.write_text(BPFTRACE.format(pid=worker, read=read, write=write))
    commands = {
        "tailwhy, started": [tailwhy, "-p", workload.pid, "--profile", "-d", "1h", "-o", "/dev/null",
                             "-q"],
        "strace -c -f": ["strace", "-c", "-f", "-o", "/dev/null", "-p", worker],
        "perf trace -s": [*TRACEFS, "perf", "trace", "-s", "-o", "/dev/null", "-p", worker],
        "bpftrace, histogram": [*TRACEFS, "bpftrace", script],
    }
    working, others = [], []
    for name, command in commands.items():
        program = command[len(TRACEFS)] if command[0] == TRACEFS[0] else command[0]
        if not shutil.which(str(program)):
            others.append((name, "not installed"))
            continue
        own = folder / str(len(working) + len(others))
        own.mkdir()
        tool = Tool(name, command, own)
        tool.on()
        time.sleep(tool.settle)
        try:
            tool.off()
            working.append(tool)
        except RuntimeError as error:
            others.append((name, str(error)))
    return working, others
