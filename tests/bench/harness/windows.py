"""Windows of time: how far a server got in each, traced and untraced by turns, and what to make of
the numbers. Neighbouring windows are compared, because the machine's own speed drifts."""
import random
import statistics
import time
from dataclasses import dataclass, field

from harness.machine import cpu_seconds, written_bytes


@dataclass
class Window:
    rate: float  # requests a second
    busy: float  # CPU seconds of the server a second
    tracer_cpu: float = 0  # the same of the tracer

    @property
    def per_cpu(self):
        """Requests for each CPU second of the server: unlike the rate it does not change when the
        server is not saturated, or has to share its CPU."""
        return self.rate / self.busy


def window(workload, seconds, tracer=None):
    tracer_begin = tracer.cpu_ns() if tracer else 0
    begin, bytes_begin, cpu_begin = (time.monotonic_ns(), written_bytes(workload.worker),
                                     cpu_seconds(workload.worker))
    time.sleep(seconds)
    end, bytes_end, cpu_end = (time.monotonic_ns(), written_bytes(workload.worker),
                               cpu_seconds(workload.worker))
    took = (end - begin) / 1e9
    tracer_end = tracer.cpu_ns() if tracer else 0
    return Window((bytes_end - bytes_begin) / workload.unit_bytes / took,
                  (cpu_end - cpu_begin) / took, (tracer_end - tracer_begin) / 1e9 / took)


@dataclass
class Result:
    name: str
    instances: list = field(default_factory=list)  # of the load generator: lists of ratios of rates
    per_cpu: list = field(default_factory=list)  # the same of requests per CPU second
    rates: list = field(default_factory=list)
    cpu: list = field(default_factory=list)
    per_request_ns: list = field(default_factory=list)
    report: dict = field(default_factory=dict)

    def add(self, before, traced, after):
        self.instances[-1].append(traced.rate / ((before.rate + after.rate) / 2))
        self.per_cpu[-1].append(traced.per_cpu / ((before.per_cpu + after.per_cpu) / 2))
        self.rates.append(traced.rate)
        self.cpu.append(traced.tracer_cpu)
        self.per_request_ns.append(traced.tracer_cpu * 1e9 / traced.rate)

    def begin_instance(self):
        self.instances.append([])
        self.per_cpu.append([])


@dataclass
class Spread:
    """A median of the instances' medians, the quartiles of all, the extremes of those medians."""

    median: float
    low: float
    high: float
    least: float
    most: float
    count: int


def spread(instances):
    medians = [statistics.median(instance) for instance in instances if instance]
    values = [value for instance in instances for value in instance]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(statistics.median(medians), low, high, min(medians), max(medians), len(values))


def compare(workload, tracers, instances, rounds, seconds, say):
    """Each tracer in `rounds` windows for each instance of the load generator, an untraced window
    before and after each. Returns the results and the untraced windows."""
    results = {tracer.name: Result(tracer.name) for tracer in tracers}
    untraced = []
    for instance in range(instances):
        load = workload.load()
        time.sleep(1.0)
        for result in results.values():
            result.begin_instance()
        window(workload, seconds)  # the first one is no one's neighbour
        before = window(workload, seconds)
        for _ in range(rounds):
            for tracer in random.sample(tracers, len(tracers)):
                tracer.on()
                time.sleep(tracer.settle)
                traced = window(workload, seconds, tracer)
                tracer.off()
                time.sleep(0.04)
                after = window(workload, seconds)
                results[tracer.name].add(before, traced, after)
                untraced.append(after)
                before = after
        if load.popen.poll() is not None:
            raise RuntimeError(f"the load generator ended by itself: {load.said()[-400:]}")
        load.end()
        say(f"{workload.name}: instance {instance + 1} of {instances}: "
            + ", ".join(f"{r.name} {statistics.median(r.instances[-1]):.3f}" for r in results.values()))
    for tracer in tracers:
        results[tracer.name].report = tracer.end()
    return list(results.values()), untraced
