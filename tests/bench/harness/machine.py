"""The machine during a measurement: awake CPUs, pinned processes, a priority, and their clocks."""
import os
import struct
import subprocess
import time
from pathlib import Path

SERVER_CPU, LOAD_CPU = 0, 1


def keep_awake():
    """Idle CPUs poll until this process ends: an interrupt to a halted one costs microseconds."""
    file = open("/dev/cpu_dma_latency", "wb", buffering=0)
    file.write(struct.pack("i", 0))
    return file


def go_first():
    """Nice -20 for this process and its children, against the others on a machine that is not idle."""
    os.setsid()
    os.nice(-20)
    group = Path("/proc/self/autogroup")  # sessions share the CPU by group, whatever their nice is
    if group.exists():
        group.write_text("-20")


class Program:
    """A process that we started, on the given CPUs; ended by its id."""

    def __init__(self, command, cpu=None, folder=None, **options):
        prefix = [] if cpu is None else ["taskset", "-c", str(cpu)]
        self.name = str(command[0]).rsplit("/", 1)[-1]
        self.errors = (folder / f"{self.name}.err") if folder else None
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.DEVNULL)
        stderr = open(self.errors, "ab") if self.errors else subprocess.DEVNULL
        self.popen = subprocess.Popen([*prefix, *map(str, command)], stderr=stderr, **options)
        self.pid = self.popen.pid

    def end(self, number=15, patience=10):
        if self.popen.poll() is None:
            os.kill(self.pid, number)
        try:
            return self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            os.kill(self.pid, 9)
            return self.popen.wait()

    def said(self):
        return self.errors.read_text(errors="replace") if self.errors else ""


def children_of(pid):
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()]


def tree_of(pid):
    return [pid] + [below for child in children_of(pid) for below in tree_of(child)]


def written_bytes(pid):
    """What the process has handed to write, writev and sendfile so far: sockets are files too."""
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("wchar:"):
            return int(line[6:])
    raise RuntimeError(f"no wchar in /proc/{pid}/io")


def cpu_seconds(pid):
    """CPU time of all threads that live, from the scheduler's own account."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total / 1e9


def wait_until(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.02)
