"""Servers in Python and Node, with their own logs."""
from harness.case import case, equal
from harness.loads import load, same_connections
from harness.oracles import same_requests
from harness.servers import FILES, node_server, python_server

LOGGED = ("id", "method", "path", "status")


def folder_of_files(t):
    www = t.folder / "www"
    www.mkdir()
    for name in ("small", "medium", "large"):
        (www / name).write_bytes(b"p" * FILES[name])
    return www


def serve_files(t, count, *arguments, depth=1):
    server = python_server(t, "simple_server.py", folder_of_files(t), *arguments)
    # Python closes after a 404: with requests behind it in the pipeline those would stay unanswered
    missing = ["--get", "/missing"] if depth == 1 else []
    with t.trace(server.pid) as trace:
        samples = load(t, server.address, "-n", count, "-c", 8, "--depth", depth, "--body", 2000,
                       "--get", "/small", "--head", "/medium", "--get", "/large", "--post", "/small",
                       *missing)
        server.wait_lines(count)
    same_requests("the server", trace.requests(), server.lines(), LOGGED)
    equal("bytes out as the client read them", sum(s.bytes_in for s in samples),
          trace.counts["response_bytes"])
    equal("bytes in as the client sent them", sum(s.bytes_out for s in samples),
          trace.counts["request_bytes"])
    return trace, samples


@case()
def http_server(t):
    """python3 -m http.server: HTTP/1.0, one thread, head and body in two writes"""
    serve_files(t, 400)


@case(breaks=("drop_request", "change_status"))
def threading_server(t):
    """Python's ThreadingHTTPServer with keep-alive: a thread per connection"""
    trace, samples = serve_files(t, 800, "threads")
    same_connections(trace.requests(), samples)


@case()
def threading_server_pipelined(t):
    """the same with four requests in one segment"""
    serve_files(t, 400, "threads", depth=4)


@case(breaks=("drop_request", "change_route"))
def node(t):
    """Node's http server: libuv, writev, chunked answers, uploads"""
    server = node_server(t)
    with t.trace(server.pid) as trace:
        samples = load(t, server.address, "-n", 1200, "-c", 16, "--body", 30_000, "--get", "/small",
                       "--get", "/chunked", "--post", "/upload", "--get", "/missing")
        server.wait_lines(1200)
    same_requests("node", trace.requests(), server.lines(), LOGGED)
    equal("bytes out as the client read them", sum(s.bytes_in for s in samples),
          trace.counts["response_bytes"])
