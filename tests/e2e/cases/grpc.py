"""gRPC: a server of Python's grpcio, whose client says how each call ended."""
import sys

from harness.case import Skip, case, check, equal
from harness.context import free_port
from harness.oracles import same_multiset
from harness.servers import Server

WORDS = ("rpc.method", "rpc.response.status_code")


def grpc_server(t):
    try:
        import grpc  # noqa: F401
    except ImportError:
        raise Skip("python3-grpcio is not installed") from None
    address = f"127.0.0.1:{free_port()}"
    return Server(t, t.start([sys.executable, t.asset("grpc_server.py"), address], "grpc"), address)


def calls(text):
    lines = [line.split() for line in text.splitlines()]
    return [(f"test.pkg.Service/{method}", code) for method, code in lines]


def same_calls(records, text):
    same_multiset("calls", [tuple(record.get(name) for name in WORDS) for record in records],
                  calls(text))
    equal("protocols", {"grpc"}, {record["network.protocol.name"] for record in records})
    check("CANARY" not in str(records), "the canary got out")


@case()
def calls_of_a_server(t):
    """the four kinds of calls and all 17 status codes, as the client saw them"""
    server = grpc_server(t)
    with t.trace(server.pid) as trace:
        done = t.run([sys.executable, t.asset("grpc_client.py"), server.address, 5])
    equal("calls matched", len(calls(done.stdout)), trace.counts["matched"])
    equal("lost", 0, trace.summary["lost"])
    same_calls(trace.requests(), done.stdout)
    errors = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
    equal("server errors", sum(code in errors for _, code in calls(done.stdout)),
          trace.counts["server_errors"])


@case()
def messages_of_streams(t):
    """a call with several messages either way is a stream: their number, and that of the gaps"""
    server = grpc_server(t)
    with t.trace(server.pid) as trace:
        t.run([sys.executable, t.asset("grpc_client.py"), server.address, 3])
    wanted = {"ServerStream": (50, 1, 49), "ClientStream": (1, 50, None), "Bidi": (50, 50, 49)}
    found = 0
    for record in trace.requests():
        name = record["rpc.method"].rsplit("/", 1)[1]
        if name not in wanted:
            check(not any("stream" in field for field in record), f"{name} was taken for a stream")
            continue
        found += 1
        equal(f"messages and gaps of {name}", wanted[name],
              (record["tailwhy.stream.events"], record["tailwhy.stream.request_messages"],
               record.get("tailwhy.stream.gaps")))
        equal(f"kind of {name}", "grpc", record["tailwhy.stream.kind"])
        check("tailwhy.stream.incomplete" not in record, f"{name} is incomplete")
        check(record["write_first_ns"] <= record["first_event_ns"] <= record["last_event_ns"]
              <= record["write_last_ns"], f"{name}: events lie outside of the answer")
    equal("streams", 9, found)
    rows = {row["rpc.method"].rsplit("/", 1)[1]: row for row in trace.summary["streams"]}
    equal("rows", {name: (3, 3 * events) for name, (events, _, _) in wanted.items()},
          {name: (row["count"], row["events"]) for name, row in rows.items()})


@case()
def calls_of_a_client(t):
    """the same, seen from the client's side"""
    server = grpc_server(t)
    client = t.start([sys.executable, t.asset("grpc_client.py"), server.address, 5, 2], "client")
    with t.trace(client.pid) as trace:
        client.wait()
    records = [record for record in trace.requests("client")
               if record["network.protocol.name"] == "grpc"]
    equal("calls", 5 * 21, len(records))
    check(all(record["rpc.method"].startswith("test.pkg.Service/") for record in records), "a wrong name")
    equal("codes", 17, len({record["rpc.response.status_code"] for record in records}))
