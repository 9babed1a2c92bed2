"""Servers whose requests spend known times for known reasons, and say where.

tools/workload/budget_server.cpp and servers/budget_* describe their paths and the fields of their
truth: one dictionary a request, times and stamps in ns."""

from harness.context import wait_until
from harness.oracles import Line
from harness.process import sleep_until_quiet
from harness.servers import Printed, delay_server, go_program

WORDS = ("id", "target", "pool")  # what is no number


class BudgetServer(Printed):
    down = None  # the address of its downstream

    def truth(self, count=None):
        """Of all requests so far; `count`: waits until there are so many."""
        if count is not None:
            wait_until(f"{self.process.name} has written {count} truths",
                       lambda: self.log.exists() and len(self.log.read_text().splitlines()) >= count)
            sleep_until_quiet(self.log, quiet=0.05)
        rows = []
        for text in (self.log.read_text().splitlines() if self.log.exists() else []):
            fields = dict(field.split("=", 1) for field in text.split(" "))
            rows.append({name: value if name in WORDS else int(value)
                         for name, value in fields.items()})
        return rows

    def lines(self):
        return [Line("GET", row["target"], row["status"], id=row["id"], pid=row["pid"])
                for row in self.truth()]


def start(t, name, command, down, wrap=()):
    """Each gets a delay_server as its downstream, or what `down` says."""
    truth = t.folder / f"{name}-truth.txt"
    down = down or delay_server(t, name=f"{name}-down").address
    process = t.start([*wrap, *command, "--truth", truth, "--down", down], name)
    server = BudgetServer(t, process, truth)
    server.down = down
    return server


def budget_server(t, *arguments, model="threads", down=None, wrap=(), name="budget_server"):
    command = [t.workload("budget_server"), "--model", model, "--dir", t.folder, *arguments]
    return start(t, name, command, down, wrap)


def budget_asyncio(t, *arguments, down=None, wrap=()):
    command = ["/usr/bin/python3", "-u", t.asset("budget_asyncio.py"), *arguments]
    return start(t, "budget_asyncio", command, down, wrap)


def budget_node(t, *arguments, down=None, wrap=()):
    return start(t, "budget_node", [t.tool("node"), t.asset("budget_node.js"), *arguments], down, wrap)


def budget_java(t, *arguments, down=None, wrap=()):
    """Compiled first: in the launcher's own process the compiler's threads would be the target's."""
    t.run([t.tool("javac"), "-d", t.folder, t.asset("budget_java.java")], timeout=110)
    command = [t.tool("java"), "-cp", t.folder, "budget_java", *arguments]
    return start(t, "budget_java", command, down, wrap)


def budget_go(t, *arguments, down=None, wrap=()):
    return start(t, "budget_go", [go_program(t, "budget_go.go"), *arguments], down, wrap)
