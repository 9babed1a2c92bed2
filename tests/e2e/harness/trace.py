"""One run of the tracer: starts it, waits until it is attached, ends it, reads what it wrote and
holds it against what must be true of every run."""
import importlib.machinery
import importlib.util
import json
import os
import select
import signal
import subprocess

from harness import falsify
from harness.case import Failure, check, equal

_checker = None


def checker(settings):
    """tools/check-jsonl as a module."""
    global _checker
    if _checker is None:
        path = str(settings.root / "tools" / "check-jsonl")
        loader = importlib.machinery.SourceFileLoader("check_jsonl", path)
        spec = importlib.util.spec_from_loader("check_jsonl", loader)
        _checker = importlib.util.module_from_spec(spec)
        loader.exec_module(_checker)
    return _checker


_schemas = {}


def validator(settings):
    """The validator of the binary's own schema."""
    if settings.binary not in _schemas:
        done = subprocess.run([settings.binary, "--json-schema"], stdout=subprocess.PIPE, check=False)
        check(done.returncode == 0, "tailwhy --json-schema does not work")
        _schemas[settings.binary] = checker(settings).Validator(json.loads(done.stdout))
    return _schemas[settings.binary]


def start_attached(t, command, name, **options):
    """Starts tailwhy and waits until it says that it is attached."""
    ready, writer = os.pipe()
    at = command.index("--") if "--" in command else len(command)
    command = [*command[:at], "--ready-fd", writer, *command[at:]]
    process = t.start(command, name, pass_fds=(writer,), **options)
    os.close(writer)
    with os.fdopen(ready, "rb", 0) as said:
        readable, _, _ = select.select([said], [], [], 30)
        if not readable or not said.read(2):
            raise Failure(f"tailwhy did not attach (exit code {process.popen.poll()}): "
                          f"{process.errors().strip()[-400:]}")
    return process


class Trace:
    """`with t.trace(pid) as trace:` attaches; after the block the results are there, checked."""

    count = 0

    def __init__(self, context, pids, arguments=(), profile=True, log=True, exits=0, lossless=True,
                 complete=True, ends_itself=False, seconds=60, wrap=(), checked=True):
        self.t = context
        Trace.count += 1
        self.name = f"tailwhy-{Trace.count}"
        self.summary_file = context.folder / f"{self.name}.json"
        self.log_file = context.folder / f"{self.name}.jsonl"
        self.exits, self.lossless, self.complete = exits, lossless, complete
        self.ends_itself, self.checked = ends_itself, checked
        self.command = [*wrap, context.settings.binary]
        if profile:
            self.command += ["--profile", "-d", seconds, "--format", "json", "-o", self.summary_file]
        if log:
            self.command += ["--log", self.log_file, "--log-requests", "all"]
        if pids is not None:
            listed = pids if isinstance(pids, (list, tuple)) else [pids]
            self.command += ["-p", ",".join(str(pid) for pid in listed)]
        self.command += list(arguments)
        self.summary, self.records, self.exit_code = None, [], None

    # --- running

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.stop()
            self.read()
            if self.checked:
                self.check_always()
        return False

    def start(self):
        self.process = start_attached(self.t, self.command, self.name)

    def stop(self, number=signal.SIGINT):
        if not self.ends_itself:
            self.process.signal(number)
        try:
            self.exit_code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            raise Failure("tailwhy did not end within 20 s of its signal") from None
        if self.exits is not None and self.exit_code != self.exits:
            raise Failure(f"tailwhy ended with {self.exit_code} instead of {self.exits}: "
                          f"{self.process.errors().strip()[-400:]}")

    # --- results

    def read(self):
        if self.log_file.exists():
            self.check_lines()
            with open(self.log_file, encoding="utf-8") as lines:
                self.records = [json.loads(line) for line in lines]
        if self.summary_file.exists():
            self.summary = json.loads(self.summary_file.read_text())
        elif self.of_kind("summary"):
            self.summary = self.of_kind("summary")[-1]
        if self.t.falsify:
            falsify.FALSIFICATIONS[self.t.falsify](self)

    def check_lines(self):
        check_jsonl = checker(self.t.settings)
        rules = validator(self.t.settings)
        with open(self.log_file, "rb") as lines:
            for number, _, errors in check_jsonl.check_lines(rules, lines, {"request": 8192}):
                if errors:
                    raise Failure(f"{self.log_file.name}:{number} breaks the schema: {errors[:3]}")

    def of_kind(self, kind):
        return [record for record in self.records if record["record"] == kind]

    def requests(self, role="server", outcome="matched"):
        return [r for r in self.of_kind("request")
                if r["tailwhy.role"] == role and outcome in (None, r["tailwhy.outcome"])]

    def by_id(self, role="server"):
        """Requests by their x-request-id; each id once."""
        found = {}
        for request in self.requests(role, None):
            key = request.get("http.request.header.x-request-id")
            check(key not in found, f"two records have the id {key}")
            found[key] = request
        return found

    @property
    def counts(self):
        return self.summary["requests"]

    @property
    def client_counts(self):
        return self.summary["client_requests"]

    def lost(self):
        return {reason: count for reason, count in self.summary["loss"].items() if count}

    # --- what must be true of every run

    def check_always(self):
        check(self.summary is not None, "tailwhy wrote no summary")
        if self.lossless:
            equal("losses", {}, self.lost())
        for name, role in (("requests", "server"), ("client_requests", "client")):
            counts = self.summary[name]
            equal(f"{name}: seen = matched + unmatched + in_flight", counts["seen"],
                  counts["matched"] + counts["unmatched"] + counts["in_flight"])
            if not self.records or not self.complete:
                continue
            for outcome in ("matched", "unmatched", "in_flight_at_attach"):
                equal(f"{name}: {outcome} in the summary and in the log", counts[outcome],
                      len(self.requests(role, outcome)))
        if self.records and self.complete:
            kinds = [record["record"] for record in self.records]
            equal("first and last record", ("header", "summary"), (kinds[0], kinds[-1]))
            self.check_intervals()
        for request in self.of_kind("request"):
            self.check_stamps(request)
        self.check_budgets()

    def check_budgets(self):
        """All that were answered have one or none has, and the parts are the whole."""
        served = [request for request in self.requests() if "write_last_ns" in request]
        have = [request for request in served if "tailwhy.budget" in request]
        check(not have or len(have) == len(served),
              f"only {len(have)} of {len(served)} requests have a budget")
        for request in self.requests(outcome=None):
            budget = request.get("tailwhy.budget")
            if budget is None:
                continue
            check(sum(budget.values()) == request["duration_ns"] and min(budget.values()) >= 0,
                  f"the parts are not the whole: {request}")
            equal("queued_while of a request", budget["queue"],
                  sum(request.get("tailwhy.budget.queued_while", {"": budget["queue"]}).values()))
            equal("a request has a gap if something is unattributed",
                  budget["unattributed"] > 0, "tailwhy.budget.gap" in request)

    def check_intervals(self):
        """The intervals add up to the total."""
        for name in ("requests", "client_requests"):
            for field in ("seen", "matched", "unmatched"):
                equal(f"{name}.{field} of all intervals", self.summary[name][field],
                      sum(record[name][field] for record in self.of_kind("interval")))

    @staticmethod
    def check_stamps(request):
        stamps = [request[name] for name in ("arrived_ns", "read_first_ns", "read_last_ns")
                  if request.get(name)]
        answers = [request[name] for name in ("write_first_ns", "write_last_ns")
                   if request.get(name)]
        if request["tailwhy.role"] == "server":
            check(stamps == sorted(stamps), f"stamps of the request are out of order: {request}")
        check(answers == sorted(answers), f"stamps of the response are out of order: {request}")

