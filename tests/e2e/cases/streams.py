"""Answers that are streams: when the first event came, the gaps between events, how many there were;
and what language models' servers say of tokens. The servers know when they sent what."""
import concurrent.futures
import http.client
import json
import statistics

from harness.case import between, case, check, equal
from harness.context import wait_until
from harness.secrets import check_no_canary, recorded
from harness.servers import Printed, nginx, python_server, read_json_lines

CANARY = "s3cr3t-canary-77fe"
MS = 1_000_000
LLM = {  # path: its provider, and the model and tokens that its answers tell
    "/v1/chat/completions": ("openai", "test/model-7b"),
    "/completion": ("llama.cpp", "llama.gguf"),
    "/generate_stream": ("tgi", None),
    "/api/chat": ("ollama", "llama3:8b"),
}


def stream_server(t):
    server = python_server(t, "stream_server.py", CANARY)
    return server, server.log


def ask(address, name, plan, path="/events", body=None):
    """One answer, read to its end."""
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    headers = {"X-Plan": " ".join(str(part) for part in plan), "X-Request-Id": name}
    connection.request("GET" if body is None else "POST", path, body, headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    check(answer.status == 200, f"{path} answered {answer.status}")
    return data


def ask_all(address, asks):
    """All at once; `asks`: what ask() takes after the address."""
    with concurrent.futures.ThreadPoolExecutor(len(asks)) as pool:
        return [done.result() for done in [pool.submit(ask, address, *what) for what in asks]]


def by_id(records):
    return {record["http.request.header.x-request-id"]: record for record in records}


def off(found, before, after):
    """How far a stamp is from what lay between two others, in ns."""
    return max(before - found, found - after, 0)


def same_times(t, records, log, plans=None, limit_ms=0.5, exact=True):
    """Events and gaps against when the server sent, and against the plan (`plans` by id), which the
    server keeps as far as it gets a CPU in time. `exact`: the server's own calls are what was seen."""
    wait_until("the server has logged its last answer", lambda: len(read_json_lines(log)) >= len(records))
    truth = {line["id"]: line for line in read_json_lines(log)}
    equal("answers", set(truth), set(records))
    errors = {"first": [], "last": [], "gap": [], "plan": []}
    for name, record in records.items():
        sent = truth[name]["sent_ns"]
        gaps = [b[0] - a[0] for a, b in zip(sent, sent[1:])]
        equal(f"events of {name}", len(sent), record["tailwhy.stream.events"])
        equal(f"gaps of {name}", len(gaps), record["tailwhy.stream.gaps"])
        check("tailwhy.stream.incomplete" not in record, f"{name} is incomplete")
        first, last = record["first_event_ns"], record["last_event_ns"]
        errors["first"].append(off(first, *sent[0]))
        errors["last"].append(off(last, *sent[-1]))
        errors["gap"].append(abs(record["median_gap_ns"] - statistics.median(gaps)))
        check(not exact or errors["first"][-1] == 0, f"{name}: the first event was not sent then")
        check(not exact or errors["last"][-1] == 0, f"{name}: the last event was not sent then")
        if plans:
            planned_first, planned_gap = plans[name][:2]
            late = sent[0][1] - truth[name]["read_ns"] - planned_first * MS  # the server was
            server_off = abs(statistics.median(gaps) - planned_gap * MS)
            errors["plan"].append(max(0, abs(record["median_gap_ns"] - planned_gap * MS) - server_off))
            between(f"{name}: first event, from the plan", 0,
                    first - truth[name]["read_ns"] - planned_first * MS, late)
    for what, values in errors.items():
        if not values:
            continue
        median = statistics.median(values) / MS
        t.notes.append(f"{what} {median:.3f} ms")
        between(f"median error of {what} in ms", 0, median, limit_ms)


@case(breaks=("drop_request", "late_event", "count_ping", "widen_gaps"))
def planned_events(t):
    """first event and gaps are those of the plan; comments, empty events and the end mark are none"""
    server, log = stream_server(t)
    plans = {f"s{i}": (20 + 10 * i, 5 + 3 * i, 12) for i in range(6)}
    plans["stall"] = (10, 10, 10, 200)
    with t.trace(server.pid) as trace:
        for name, plan in plans.items():
            ask(server.address, name, plan)
    records = by_id(trace.requests())
    same_times(t, records, log, plans)
    equal("kinds", {"sse"}, {record["tailwhy.stream.kind"] for record in records.values()})
    between("longest gap in ms", 209.5, records["stall"]["longest_gap_ns"] / MS, 215)
    rows = trace.summary["streams"]
    equal("streaming routes", ["/events"], [row["http.route"] for row in rows])
    equal("answers", len(plans), rows[0]["count"])
    equal("events", sum(plan[2] for plan in plans.values()), rows[0]["events"])
    equal("gaps", sum(plan[2] - 1 for plan in plans.values()), rows[0]["inter_chunk_gap"]["count"])
    equal("first events", len(plans), rows[0]["time_to_first_event"]["count"])
    check("gen_ai" not in trace.summary, "a language model was invented")
    equal("requests in the latency of all", 0, trace.summary["latency"]["duration"]["count"])


@case()
def many_at_once(t):
    """twelve streams at once, each with its own events"""
    server, log = stream_server(t)
    plans = {f"m{i}": (30 + i, 15 + i, 8) for i in range(12)}
    with t.trace(server.pid) as trace:
        ask_all(server.address, [(name, plan) for name, plan in plans.items()])
    same_times(t, by_id(trace.requests()), log, limit_ms=2.0)  # a Python runs one thread at a time
    equal("events", 8 * 12, trace.summary["streams"][0]["events"])


@case(breaks=("miscount_tokens", "count_ping"))
def language_models(t):
    """model, tokens, time to first token and time per token, of four kinds of servers"""
    server, log = stream_server(t)
    plans = {path: (40, 8, 10) for path in LLM}
    with t.trace(server.pid) as trace:
        for path, plan in plans.items():
            body = json.dumps({"messages": [{"role": "user", "content": CANARY}], "model": "asked:1",
                               "stream": True})
            ask(server.address, LLM[path][0], plan, path, body)
    same_times(t, by_id(trace.requests()), log, {LLM[path][0]: plan for path, plan in plans.items()})
    records = {record["http.route"]: record for record in trace.requests()}
    equal("paths", set(LLM), set(records))
    for path, (provider, model) in LLM.items():
        record = records[path]
        equal(f"provider of {path}", provider, record["gen_ai.provider.name"])
        equal(f"model of {path}", model, record.get("gen_ai.response.model"))
        equal(f"model asked of {path}", "asked:1", record["gen_ai.request.model"])
        equal(f"tokens of {path}", (11, 30),
              (record["gen_ai.usage.input_tokens"], record["gen_ai.usage.output_tokens"]))
        equal(f"first token of {path}", record["time_to_first_event_ns"], record["time_to_first_token_ns"])
        each = (record["duration_ns"] - record["time_to_first_token_ns"]) // 29
        equal(f"time of a token of {path}", each, record["time_per_output_token_ns"])
        between(f"time to first token of {path} in ms", 40, record["time_to_first_token_ns"] / MS, 60)
    rows = {row["gen_ai.provider.name"]: row for row in trace.summary["gen_ai"]}
    equal("rows", 4, len(rows))
    for row in rows.values():
        equal("tokens", (1, 1, 11, 30), (row["count"], row["counted"], row["input_tokens"],
                                         row["output_tokens"]))
        for name in ("request.duration", "time_to_first_token", "time_per_output_token"):
            equal(name, 1, row[f"gen_ai.server.{name}"]["count"])


@case()
def no_stream_of_a_language_model(t):
    """an answer in one piece: its tokens, but no first token and no events"""
    server, _ = stream_server(t)
    with t.trace(server.pid) as trace:
        ask(server.address, "one", (0, 0, 0), "/v1/chat/completions", json.dumps({"stream": False}))
    record = trace.requests()[0]
    equal("tokens", (11, 5), (record["gen_ai.usage.input_tokens"], record["gen_ai.usage.output_tokens"]))
    found = [name for name in record if "stream" in name or "token_ns" in name or "event" in name]
    equal("of streams", ["event_name"], found)
    row = trace.summary["gen_ai"][0]
    equal("first tokens", 0, row["gen_ai.server.time_to_first_token"]["count"])
    equal("durations", 1, row["gen_ai.server.request.duration"]["count"])
    check("streams" not in trace.summary, "a stream was invented")


@case()
def behind_nginx(t):
    """the same events through nginx, on its side of the client and of the server behind it"""
    server, log = stream_server(t)
    front = nginx(t, upstream=server.address, server="proxy_buffering off;")
    plans = {f"n{i}": (20, 10 + i, 10) for i in range(5)}
    with t.trace(front.workers()) as trace:
        for name, plan in plans.items():
            ask(front.address, name, plan, "/proxy/events")
    for role in ("server", "client"):
        same_times(t, by_id(trace.requests(role)), log, limit_ms=1.0, exact=False)
    equal("roles", {"server", "client"}, {row["tailwhy.role"] for row in trace.summary["streams"]})


@case()
def node(t):
    """Node's writes, of which each is an event"""
    log = t.folder / "node.jsonl"
    server = Printed(t, t.start([t.tool("node"), t.asset("stream_server.js"), log], "node"), log)
    plans = {f"j{i}": (20, 8 + 2 * i, 10) for i in range(5)}
    with t.trace(server.pid) as trace:
        for name, plan in plans.items():
            ask(server.address, name, plan)
    same_times(t, by_id(trace.requests()), log, exact=False)  # it writes when write() has returned


@case()
def secrets(t):
    """prompts, completions and data of events are in no output and no recording"""
    server, _ = stream_server(t)
    with recorded(t, server.pid) as trace:
        ask(server.address, "plain", (1, 2, 5))
        for path in LLM:
            body = json.dumps({"model": "asked:1", "prompt": CANARY, "inputs": [CANARY],
                               "messages": [{"role": "user", "content": CANARY * 20}], CANARY: 1})
            ask(server.address, path, (1, 2, 5), path, body)
    equal("streams", 5, sum(row["count"] for row in trace.summary["streams"]))
    check_no_canary(t, trace, CANARY, "test/model-7b")
