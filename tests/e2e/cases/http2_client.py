"""HTTP/2 as a client may use it that no load generator is: streams in the middle of which we attach,
streams that are given up, connections that the server takes leave of."""
import time

from harness.case import Failure, Skip, case, check, equal
from harness.servers import connect, delay_server, nginx


HEADERS, GOAWAY = 1, 7


class Client:
    """One connection by prior knowledge; python3-h2 makes the frames."""

    def __init__(self, t, server):
        try:
            from h2.config import H2Configuration
            from h2.connection import H2Connection
        except ImportError:
            raise Skip("python3-h2 is not installed") from None
        self.socket = connect(server.address, 20)
        t.defer(self.socket.close)
        self.authority = server.address
        self.h2 = H2Connection(config=H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.statuses = {}  # by stream: of those that ended
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def get(self, path):
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [(":method", "GET"), (":scheme", "http"),
                                      (":authority", self.authority), (":path", path)],
                             end_stream=True)
        self.flush()
        return stream

    def give_up(self, stream):
        self.h2.reset_stream(stream, error_code=8)  # CANCEL
        self.flush()

    def wait(self, *streams):
        """Until these have ended. Gives their statuses."""
        from h2 import events
        begun = {}
        while not all(stream in self.statuses for stream in streams):
            data = self.socket.recv(65536)
            if not data:
                raise Failure(f"the server closed before {streams} were answered")
            for event in self.h2.receive_data(data):
                if isinstance(event, events.ResponseReceived):
                    begun[event.stream_id] = int(dict(event.headers)[":status"])
                elif isinstance(event, events.StreamEnded):
                    self.statuses[event.stream_id] = begun[event.stream_id]
                elif isinstance(event, events.DataReceived):
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self.flush()
        return [self.statuses[stream] for stream in streams]


    def read_types(self):
        """Types of the frames until the server closes: after GOAWAY python3-h2 reads no more."""
        data = b""
        while piece := self.socket.recv(65536):
            data += piece
        types = []
        while data:
            types.append(data[3])
            data = data[9 + int.from_bytes(data[:3], "big"):]
        return types


def slow_nginx(t, server=""):
    behind = delay_server(t)
    return nginx(t, listen="http2", sendfile=False, upstream=behind.address,
                 server=server)


def of_server(trace):
    return [record for record in trace.of_kind("request") if record["tailwhy.role"] == "server"]


@case()
def attach_in_mid_stream(t):
    """attached while one stream waits and another is done: the next ones are counted, with their names"""
    server = slow_nginx(t)
    client = Client(t, server)
    equal("before", [200], client.wait(client.get("/small")))
    waiting = client.get("/proxy/sleep/3s")
    with t.trace(server.pid) as trace:
        new = client.get("/missing")
        equal("meanwhile", [404], client.wait(new))
        equal("the one that waited", [200], client.wait(waiting))
        last = client.get("/empty")
        equal("and then", [200], client.wait(last))
    records = [record for record in of_server(trace)
               if record["tailwhy.outcome"] != "in_flight_at_attach"]
    equal("routes", ["/missing", "/empty"], [record.get("http.route") for record in records])
    equal("statuses", [404, 200], [record.get("http.response.status_code") for record in records])
    check(all(record["duration_ns"] < 1e9 for record in records),
          "one has the time of the stream that was in flight at the attach")
    equal("in flight at the attach", 1, trace.counts["in_flight_at_attach"])
    equal("lost", 0, trace.summary["lost"])


@case()
def given_up(t):
    """a stream that its client resets has failed (client_abort); the others of its connection have not"""
    server = slow_nginx(t)
    with t.trace(server.pid) as trace:
        client = Client(t, server)
        streams = [client.get("/proxy/sleep/5s" if i % 3 == 0 else "/small") for i in range(30)]
        served = [stream for i, stream in enumerate(streams) if i % 3 != 0]
        equal("statuses", [200] * 20, client.wait(*served))
        time.sleep(0.3)
        for i in range(0, 30, 3):
            client.give_up(streams[i])
        equal("after it", [200], client.wait(client.get("/small")))
        client.socket.close()
        server.wait_lines(31)
    records = of_server(trace)
    failed = [record for record in records if record.get("error.type") == "client_abort"]
    equal("failed", ["/proxy/sleep/5s"] * 10, [record["http.route"] for record in failed])
    equal("why", 10, trace.counts["failures"]["client_abort"])
    equal("nginx says 499", 10, sum(line.status == 499 for line in server.lines()))
    equal("answers of these", {"unmatched"}, {record["tailwhy.outcome"] for record in failed})
    equal("served", 21, sum(record.get("http.response.status_code") == 200 for record in records))
    equal("in flight", 0, trace.counts["in_flight"])


@case()
def goodbye(t):
    """a server that says GOAWAY after ten streams: each of them, and those of the next connection"""
    server = slow_nginx(t, "keepalive_requests 10;")
    with t.trace(server.pid) as trace:
        for _ in range(3):
            client = Client(t, server)
            for _ in range(9):
                equal("status", [200], client.wait(client.get("/small")))
            client.get("/small")
            types = client.read_types()
            check(types.count(GOAWAY) == 1 and HEADERS in types, f"no GOAWAY and answer: {types}")
        server.wait_lines(30)
    records = of_server(trace)
    equal("requests", 30, len(records))
    equal("statuses", {200}, {record["http.response.status_code"] for record in records})
    equal("connections", 3, len({record["tailwhy.connection.id"] for record in records}))
    equal("failed", 0, trace.counts["failed"])
