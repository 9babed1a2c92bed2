"""What a case is given: its folder, where programs are, and things that end with the case."""
import os
import shutil
import socket
import subprocess
import time

from harness.case import Failure, Skip
from harness.process import Process
from harness.trace import Trace, start_attached


class Context:
    def __init__(self, settings, folder, falsify=None):
        self.settings = settings
        self.folder = folder
        self.falsify = falsify
        self.notes = []  # numbers worth printing beside "ok"
        self._ends = []

    # --- things that end with the case

    def defer(self, function):
        self._ends.append(function)

    def clean_up(self):
        while self._ends:
            try:
                self._ends.pop()()
            except OSError as error:
                print(f"     cleaning up: {error}", flush=True)

    def start(self, command, name=None, **options):
        """A process of ours that ends with the case, its output in the folder."""
        process = Process(command, self.folder, name, **options)
        self.defer(process.end)
        return process

    def run(self, command, timeout=50, check=True, **options):
        """Runs to the end; gives the finished process with its output as text."""
        command = [str(word) for word in command]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace", timeout=timeout,
                              **options)
        if check and done.returncode != 0:
            raise Failure(f"{command[0]} ended with {done.returncode}: "
                          f"{(done.stderr or done.stdout).strip()[-300:]}")
        return done

    # --- programs

    def workload(self, name):
        program = self.settings.workload / name
        if not program.exists():
            raise Skip(f"{name} was not built")
        return str(program)

    def tool(self, name):
        path = shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin:" + os.environ["PATH"])
        if path is None:
            raise Skip(f"{name} is not installed")
        return path

    def asset(self, name):
        """A small server or program that lies beside the cases."""
        return str(self.settings.root / "tests" / "e2e" / "servers" / name)

    def tailwhy(self, *arguments, **options):
        """Runs the binary under test to its end, whatever its exit code."""
        return self.run([self.settings.binary, *arguments], check=False, **options)

    def start_tailwhy(self, *arguments, name="tailwhy", **options):
        """Starts the binary under test and waits until it is attached."""
        return start_attached(self, [self.settings.binary, *arguments], name, **options)

    def trace(self, pids, *arguments, **options):
        """A trace as a context manager: attached inside, read and checked after it."""
        return Trace(self, pids, arguments, **options)


def free_port(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def wait_until(what, condition, seconds=20, every=0.02):
    """Polls until the condition gives something true, and gives that."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"waited {seconds} s in vain: {what}")
        time.sleep(every)
