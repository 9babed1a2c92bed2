"""Ways to falsify what tailwhy wrote, for --self-test: a check that cannot fail proves nothing.
Each changes the result of a run in one place, as a bug would; the case must then fail."""
from harness.case import Failure


def _some(trace):
    requests = [r for r in trace.records if r["record"] == "request"]
    if not requests:
        raise Failure("this run has no request to falsify")
    return requests[len(requests) // 2]


def drop_request(trace):
    """One request is missing, everywhere."""
    request = _some(trace)
    trace.records.remove(request)
    role = "client_requests" if request["tailwhy.role"] == "client" else "requests"
    for record in [trace.summary, *trace.of_kind("interval")[:1]]:
        for field in ("seen", "matched"):
            record[role][field] -= 1


def invent_request(trace):
    """One request was counted twice, everywhere."""
    request = _some(trace)
    trace.records.insert(1, dict(request))
    role = "client_requests" if request["tailwhy.role"] == "client" else "requests"
    for record in [trace.summary, *trace.of_kind("interval")[:1]]:
        for field in ("seen", "matched"):
            record[role][field] += 1


def change_status(trace):
    request = _some(trace)
    request["http.response.status_code"] = request.get("http.response.status_code", 200) + 1


def change_response_bytes(trace):
    _some(trace)["tailwhy.response.bytes"] += 1


def change_request_bytes(trace):
    _some(trace)["tailwhy.request.bytes"] -= 1


def change_route(trace):
    _some(trace)["http.route"] = "/elsewhere"


def add_loss(trace):
    trace.summary["loss"]["ring_full"] = 1


def break_sum(trace):
    trace.summary["requests"]["in_flight"] += 1


def drop_from_log(trace):
    trace.records.remove(_some(trace))


def late_end(trace):
    """All responses ended 3 ms later than they did."""
    for request in trace.of_kind("request"):
        request["write_last_ns"] += 3_000_000
        request["duration_ns"] += 3_000_000


def early_end(trace):
    """All responses were written 0.5 ms before they were."""
    for request in trace.of_kind("request"):
        for stamp in ("write_first_ns", "write_last_ns"):
            request[stamp] -= 500_000
        request["duration_ns"] -= 500_000


def late_start(trace):
    """Requests arrived and were read 0.4 ms after the server had read them."""
    for request in trace.of_kind("request"):
        if request.get("arrived_ns"):
            for stamp in ("arrived_ns", "read_first_ns", "read_last_ns"):
                request[stamp] += 400_000
            request["duration_ns"] -= 400_000


def _budgets(trace):
    found = [r["tailwhy.budget"] for r in trace.records if "tailwhy.budget" in r]
    if not found:
        raise Failure("this run has no budget to falsify")
    return found


def lengthen_part(trace):
    """The largest part of one request is 1 ns longer."""
    budget = _budgets(trace)[-1]
    budget[max(budget, key=budget.get)] += 1


def rename_part(trace):
    """All that was spent in the part that took most is called the next one."""
    budgets = _budgets(trace)
    names = [name for name in budgets[0] if name not in ("queue", "unattributed")]
    most = max(names, key=lambda name: sum(budget[name] for budget in budgets))
    other = names[(names.index(most) + 1) % len(names)]
    for budget in budgets:
        budget[other], budget[most] = budget[other] + budget[most], 0


def _count(trace, name):
    counted = [r for r in trace.records if r.get(name)]
    if not counted:
        raise Failure(f"this run has no {name} to falsify")
    return counted[-1]


def miscount_calls(trace):
    _count(trace, "tailwhy.downstream.calls")["tailwhy.downstream.calls"] += 1


def miscount_failed(trace):
    _count(trace, "tailwhy.failed_calls")["tailwhy.failed_calls"] -= 1


def invent_retransmits(trace):
    """More of them in requests than there were in all."""
    request = _some(trace)
    request["tailwhy.retransmits"] = 1 + trace.summary["connections"]["retransmits"]


def drop_budget(trace):
    """One request has no budget."""
    having = [r for r in trace.records if "tailwhy.budget" in r]
    if not having:
        raise Failure("this run has no budget to falsify")
    del having[0]["tailwhy.budget"]


def forget_part(trace):
    """A fifth of each request is not attributed."""
    for request in trace.records:
        budget = request.get("tailwhy.budget")
        if budget is None:
            continue
        most = max((name for name in budget if name != "queue"), key=budget.get)
        fifth = min(sum(budget.values()) // 5, budget[most])
        budget[most] -= fifth
        budget["unattributed"] += fifth
        if budget["unattributed"]:
            request["tailwhy.budget.gap"] = "hand_off"


def miscount_errno(trace):
    trace.summary["syscall_errors"][0]["count"] += 1


def drop_errno(trace):
    del trace.summary["syscall_errors"][-1]


def late_event(trace):
    """The first event of one answer came 2 ms later than it did."""
    _some(trace)["first_event_ns"] += 2_000_000


def count_ping(trace):
    """A comment was taken for an event."""
    _some(trace)["tailwhy.stream.events"] += 1


def widen_gaps(trace):
    """All events were 1 ms further apart."""
    for request in trace.of_kind("request"):
        request["median_gap_ns"] += 1_000_000


def miscount_tokens(trace):
    _some(trace)["gen_ai.usage.output_tokens"] -= 1


FALSIFICATIONS = {function.__name__: function for function in (
    drop_request, invent_request, change_status, change_response_bytes, change_request_bytes,
    change_route, add_loss, break_sum, drop_from_log, late_end, early_end, late_start,
    lengthen_part, rename_part, forget_part, drop_budget, miscount_calls,
    miscount_failed, invent_retransmits, miscount_errno, drop_errno, late_event, count_ping, widen_gaps,
    miscount_tokens)}
