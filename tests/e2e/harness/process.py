"""Processes of ours: started in a group of their own, ended by their id, never by a name."""
import os
import signal
import subprocess
import time
from pathlib import Path


class Process:
    """A command with its output in files of its name: a second of that name adds to them, and each
    reads only what came after its own start."""

    def __init__(self, command, folder, name=None, stdin=subprocess.DEVNULL, stdout=None, **options):
        self.command = [str(word) for word in command]
        self.name = name or Path(self.command[0]).name
        self.out = folder / f"{self.name}.out"
        self.err = folder / f"{self.name}.err"
        with open(self.err, "ab") as err, open(self.out, "ab") as out:
            self.err_start, self.out_start = err.tell(), out.tell()
            self.popen = subprocess.Popen(self.command, stdin=stdin,
                                          stdout=out if stdout is None else stdout, stderr=err,
                                          start_new_session=True, **options)
        self.pid = self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def wait(self, timeout=20):
        return self.popen.wait(timeout)

    def signal(self, number):
        """Of SIGSTOP returns when every thread stands still: until then they may go on reading."""
        if not self.running():
            return
        os.kill(self.pid, number)
        end = time.monotonic() + 5
        while number == signal.SIGSTOP and not self._stands_still() and time.monotonic() < end:
            time.sleep(0.001)

    def _stands_still(self):
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                state = (task / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:  # it has ended
                continue
            if state != "T":
                return False
        return True

    def end(self):
        """SIGTERM, then SIGKILL, then whatever is left of its own process group."""
        if self.running():
            os.kill(self.pid, signal.SIGTERM)
            try:
                self.popen.wait(3)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait()
        if self.popen.stdin:
            self.popen.stdin.close()

    def output(self):
        return self.out.read_bytes()[self.out_start:].decode(errors="replace")

    def errors(self):
        return self.err.read_bytes()[self.err_start:].decode(errors="replace")


def children_of(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def comm_of(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip()


def sleep_until_quiet(path, quiet=0.2, limit=5):
    """Waits until a file has not grown for a while."""
    end, size, since = time.monotonic() + limit, -1, time.monotonic()
    while time.monotonic() < end:
        now = path.stat().st_size if path.exists() else 0
        if now != size:
            size, since = now, time.monotonic()
        elif time.monotonic() - since > quiet:
            return
        time.sleep(0.02)
