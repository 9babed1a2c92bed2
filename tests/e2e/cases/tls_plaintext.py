"""Plaintext of encrypted connections (--tls): counts equal the servers' logs, times are the wire's,
and nothing is attached unless it was asked for."""
import shutil
import ssl
import time
from pathlib import Path

from harness.case import Failure, check, case, equal
from harness.context import free_port, wait_until
from harness.loads import h2load
from harness.oracles import joined, same_as_log, same_multiset, same_requests, share
from harness.servers import LOOPBACK, Server, apache, delay_server, node_server
from harness.secrets import check_no_canary, recorded
from harness.tls import TlsClient, certificate, go_server, https_nginx, load, tls_server

CANARY = "s3cr3t-canary-91ab"
FIELDS = ("method", "path", "status", "id")


def check_whole(trace, count, protocol="http"):
    """Every record is a request that was read, and nothing was lost."""
    equal("protocols", {protocol}, {record["network.protocol.name"] for record in trace.requests()})
    equal("requests seen", count, trace.counts["seen"])
    equal("requests matched", count, trace.counts["matched"])
    equal("lost", 0, trace.summary["lost"])
    equal("bytes not parsed", 0, trace.summary["bytes_not_parsed"])
    check(not any(record.get("incomplete") for record in trace.requests()), "some are incomplete")


def check_within(t, records, samples):
    """client sends <= arrival <= read <= written, and ours <= the client's, request by request."""
    by_id = {record["http.request.header.x-request-id"]: record for record in records}
    within = []
    for sample in samples:
        record = by_id[sample.id]
        stamps = [sample.begin, record.get("arrived_ns", record["read_first_ns"]), record["read_first_ns"],
                  record["read_last_ns"], record["write_first_ns"], record["write_last_ns"]]
        if stamps != sorted(stamps):
            raise Failure(f"{sample.id}: stamps out of order: {[at - stamps[0] for at in stamps]}")
        within.append(record["duration_ns"] <= sample.end - sample.begin)
    check(share(within) > 0.9, f"ours <= client in only {share(within):.1%}")
    t.notes.append(f"ours <= client in {share(within):.1%}")


@case(breaks=("drop_request", "invent_request", "change_status", "change_route", "early_end"))
def nginx_http1(t):
    """nginx, HTTP/1.1, TLS 1.3 and 1.2: its access log, and ours <= client"""
    server = https_nginx(t)
    paths = ["/small", "/medium", "/large", "/nothing", "/empty"]
    with t.trace(server.pid, "--tls") as trace:
        samples = load(t, server.address, paths, 6, 50)
        samples += load(t, server.address, paths, 4, 50, version=ssl.TLSVersion.TLSv1_2, prefix="old")
        server.wait_lines(500)
    same_as_log(trace, server, 500)
    check_whole(trace, 500)
    check_within(t, trace.requests(), samples)
    equal("connections", 10, trace.summary["connections"]["opened"])


@case()
def nginx_uploads(t):
    """bodies of 300 kB to nginx: a request's last byte is read when the last record is"""
    behind = delay_server(t)
    server = https_nginx(t, upstream=behind.address)
    with t.trace(server.pid, "--tls") as trace:
        samples = load(t, server.address, ["/proxy/size/10"], 3, 20, method="POST", body=b"b" * 300_000)
        server.wait_lines(60)
    check_whole(trace, 60)
    equal("bytes of requests", True, all(record["tailwhy.request.bytes"] > 300_000
                                         for record in trace.requests()))
    check_within(t, trace.requests(), samples)


@case(breaks=("drop_request", "change_status"))
def nginx_http2(t):
    """nginx, HTTP/2: 1, 10 and 100 streams at a time, its access log and h2load's count"""
    server = https_nginx(t, listen="ssl http2", sendfile=False)
    total = 0
    for clients, depth, requests in ((1, 1, 500), (10, 10, 4000), (1, 100, 3000)):
        with t.trace(server.pid, "--tls") as trace:
            rows = h2load(t, server.address, "/small", requests, clients, streams=depth, h2=True, tls=True)
            total += requests
            server.wait_lines(total)
        check_whole(trace, requests)
        equal("versions", {"2"}, {record["network.protocol.version"] for record in trace.requests()})
        same_requests("access log", trace.requests(), server.lines()[-requests:],
                      ("method", "path", "status"))
        ours = sorted(record["duration_ns"] / 1e3 for record in trace.requests())
        theirs = sorted(us for _, _, us in rows[-requests:])  # its log goes on from run to run
        # h2load tells no ids: sorted, each of ours is at most the client's of the same rank
        inside = share(mine <= client + 50 for mine, client in zip(ours, theirs, strict=True))
        # a send of 100 answers returns when the client, woken by its first bytes, has run before
        wanted = 0.95 if depth < 100 else 0.6
        check(inside > wanted, f"{depth} streams: ours <= client in only {inside:.1%} of the ranks")
        t.notes.append(f"{depth} streams: ours <= client in {inside:.1%}")


@case(breaks=("drop_request", "change_status"))
def apache_http1(t):
    """Apache, whose filters send what OpenSSL made: its access log"""
    server = apache(t, "event", certificate=certificate(t))
    with t.trace(server.pid, "--tls") as trace:
        samples = load(t, server.address, ["/small", "/medium", "/large", "/nothing"], 6, 40)
        server.wait_lines(240)
    same_requests("access log", trace.requests(), server.lines(), ("method", "path", "status"))
    check_whole(trace, 240)
    check_within(t, trace.requests(), samples)


@case(breaks=("drop_request",))
def apache_http2(t):
    """Apache, HTTP/2, a stream at a time: its access log, and answers that its filters keep for a while"""
    server = apache(t, "event", http2=True, certificate=certificate(t))
    with t.trace(server.pid, "--tls") as trace:
        h2load(t, server.address, "/small", 400, 2, streams=1, h2=True, tls=True)
        server.wait_lines(400)
    equal("seen and matched", (400, 400), (trace.counts["seen"], trace.counts["matched"]))
    same_requests("access log", trace.requests(), server.lines(), ("method", "path", "status"))


def check_own_log(t, trace, server, samples, count):
    """The server's log, request by request, and its stamps: read <= had it, began <= written <= ended."""
    server.wait_lines(count)
    check_whole(trace, count)
    same_multiset("its log", [(r["http.request.method"], r["http.response.status_code"],
                               r["http.request.header.x-request-id"]) for r in trace.requests()],
                  [(line.method, line.status, line.id) for line in server.lines()])
    check_within(t, trace.requests(), samples)
    lines = {row["id"]: row for row in server.truth()}
    for record, row in joined("by id", trace.by_id(), server.lines()):
        row = lines[row.id]
        check(record["read_first_ns"] <= row["read"], f"{row['id']}: read after the server had it")
        check(row["begin"] <= record["write_first_ns"] <= record["write_last_ns"] <= row["end"],
              f"{row['id']}: written when the server did not write")


@case(breaks=("drop_request", "late_end", "early_end"))
def python_ssl(t):
    """Python's ssl, a thread a connection: server-internal <= ours <= client, stamp by stamp"""
    own_server(t, tls_server(t))


@case(breaks=("drop_request", "late_end", "early_end"))
def go_http1(t):
    """Go's net/http, HTTP/1.1, goroutines that change threads: server-internal <= ours <= client"""
    own_server(t, go_server(t))


def own_server(t, server):
    with t.trace(server.pid, "--tls") as trace:
        samples = load(t, server.address, ["/size/10", "/size/40000", "/status/503", "/size/300"], 5, 60)
        samples += load(t, server.address, ["/size/10"], 2, 20, method="POST", body=b"b" * 50_000,
                        prefix="post")
        server.wait_lines(340)
    check_own_log(t, trace, server, samples, 340)


@case(breaks=("drop_request", "change_status"))
def go_http2(t):
    """Go's net/http, HTTP/2: 1, 10 and 100 streams at a time, its log"""
    server = go_server(t)
    total = 0
    for clients, depth, requests in ((1, 1, 500), (10, 10, 4000), (1, 100, 3000)):
        with t.trace(server.pid, "--tls") as trace:
            h2load(t, server.address, "/size/300", requests, clients, streams=depth, h2=True, tls=True)
            total += requests
            server.wait_lines(total)
        check_whole(trace, requests)
        equal("versions", {"2"}, {record["network.protocol.version"] for record in trace.requests()})
        same_requests("its log", trace.requests(), server.lines()[-requests:], ("method", "status"))


@case(breaks=("drop_request",))
def go_client(t):
    """what Go's net/http asks an HTTPS nginx: that one's access log, each within its own request"""
    behind = https_nginx(t)
    server = go_server(t, behind.address)
    with t.trace(server.pid, "--tls") as trace:
        load(t, server.address, ["/fetch/small", "/fetch/missing", "/fetch/medium"], 5, 30)
        server.wait_lines(150)
        behind.wait_lines(150)
    equal("lost", 0, trace.summary["lost"])
    asked = trace.by_id("client")
    served = trace.by_id("server")
    equal("asked", set(served), set(asked))
    for line in behind.lines():
        record = asked[line.id]
        equal("status", line.status, record["http.response.status_code"])
        inside = served[line.id]
        check(inside["read_last_ns"] <= record["read_first_ns"] <= record["write_last_ns"]
              <= inside["write_first_ns"], f"{line.id}: not within the request that it is for")


@case()
def go_without_symbols(t):
    """a Go program without symbols: unknown, and said so"""
    server = go_server(t, strip=True)
    with t.trace(server.pid, "--tls") as trace:
        load(t, server.address, ["/size/10"], 2, 10)
        server.wait_lines(20)
    equal("protocols", {"unknown"}, {record["network.protocol.name"] for record in trace.requests(outcome=None)})
    check("no TLS library that is known" in trace.process.errors(), "nobody was told")


@case(breaks=("drop_request",))
def node(t):
    """node, which has OpenSSL in itself and moves the ciphertext by its own calls: handshakes are unknown"""
    server = node_server(t, *certificate(t))
    with t.trace(server.pid, "--tls") as trace:
        samples = load(t, server.address, ["/plain", "/missing"], 6, 40)
        samples += load(t, server.address, ["/plain"], 2, 20, method="POST", body=b"b" * 100_000,
                        prefix="post")
        server.wait_lines(280)
    protocols = [record["network.protocol.name"] for record in trace.requests()]
    equal("unknown: a handshake each", 8, protocols.count("unknown"))
    equal("requests", 280, protocols.count("http"))
    equal("lost", 0, trace.summary["lost"])
    read = [record for record in trace.requests() if record["network.protocol.name"] == "http"]
    same_requests("its log", read, server.lines(), ("method", "path", "status", "id"))
    check_within(t, read, samples)


@case(breaks=("drop_request",))
def gnutls(t):
    """gnutls-serv: each answer of a server on GnuTLS"""
    pem, key = certificate(t)
    address = f"{LOOPBACK}:{free_port()}"
    process = t.start([t.tool("gnutls-serv"), "--http", "--quiet", "--noticket", "--x509certfile", pem,
                       "--x509keyfile", key, "-p", address.rsplit(":", 1)[1]], "gnutls-serv")
    server = Server(t, process, address)
    with t.trace(server.pid, "--tls") as trace:
        for i in range(20):
            client = TlsClient(t, address)
            client.request("/", f"g-{i}")
            client.close()
    check("GnuTLS" in trace.records[0]["tls"][0], f"not by GnuTLS: {trace.records[0]['tls']}")
    read = [record for record in trace.requests(outcome=None)
            if record["network.protocol.name"] == "http"]
    equal("requests", {f"g-{i}" for i in range(20)},
          {record["http.request.header.x-request-id"] for record in read})
    equal("statuses", {200}, {record["http.response.status_code"] for record in read})


@case()
def budgets(t):
    """the parts of each budget are the whole of its duration, and hardly anything is unattributed"""
    server = https_nginx(t)
    with t.trace(server.pid, "--tls") as trace:
        load(t, server.address, ["/small", "/large"], 4, 100)
        server.wait_lines(400)
    share_of = trace.summary["unattributed_share"] if "unattributed_share" in trace.summary else 0
    check(share_of <= 0.05, f"{share_of:.1%} of the time are unattributed")


@case()
def mid_connection(t):
    """connections that were open before: what is under way at the attach is unknown, then all is read"""
    for make in (https_nginx, tls_server, go_server):
        server = make(t)
        clients = [TlsClient(t, server.address) for _ in range(5)]
        for number, client in enumerate(clients):
            client.request("/size/10", f"before-{number}")
        with t.trace(server.pid, "--tls") as trace:
            for i in range(10):
                for number, client in enumerate(clients):
                    client.request(f"/size/{10 + i}", f"after-{number}-{i}")
            time.sleep(0.2)  # the client has an answer before the library's call returns
        equal("opened", 0, trace.summary["connections"]["opened"])
        equal("requests", 50, trace.counts["matched"])
        protocols = [record["network.protocol.name"] for record in trace.requests()]
        # a thread that waits in a read at the attach was not seen to begin that
        check(protocols.count("unknown") <= 5, f"{protocols.count('unknown')} are unknown")
        equal("read", 50 - protocols.count("unknown"), protocols.count("http"))
        t.notes.append(f"{server.process.name}: {protocols.count('unknown')} of 50 unknown")
        server.process.end()


@case()
def library_loaded_later(t):
    """a process that loads its TLS library after the attach is read from the next interval on"""
    wait_file = t.folder / "go"
    server = tls_server(t, wait_file)
    with t.trace(server.pid, "--tls", "--interval", "200ms") as trace:
        wait_file.write_text("")
        wait_until("it serves", lambda: accepts(server))
        time.sleep(1)
        load(t, server.address, ["/size/10"], 3, 10)
        server.wait_lines(30)
    check("libssl" in trace.process.errors(), "nobody was told")
    protocols = [record["network.protocol.name"] for record in trace.requests()]
    equal("read", 30, protocols.count("http"))


@case(breaks=("drop_request",))
def other_mount_namespace(t):
    """a library that only the server's own mount namespace has, under the name of another here"""
    own = t.folder / "libssl-of-its-own"
    library = next(Path("/usr/lib").glob("*/libssl.so.3"))
    shutil.copyfile(library, own)
    mount = [t.tool("unshare"), "--mount", "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"', own,
             library]
    server = tls_server(t, wrap=mount)
    with t.trace(server.pid, "--tls") as trace:
        load(t, server.address, ["/size/10", "/status/404"], 3, 20)
        server.wait_lines(60)
    check_whole(trace, 60)
    equal("its inode", own.stat().st_ino, library_inode(server.pid))
    check(not any("libssl-of" in line for line in trace.records[0]["tls"]), "named as here")


def library_inode(pid):
    """Of the libssl that the process has mapped."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        return next(int(line.split()[4]) for line in maps if "libssl" in line)


def accepts(server):
    try:
        TlsClient(server.t, server.address).close()
    except OSError:
        return False
    return True


def code_of(pid, library):
    """The library's code as the process has it, and as the file has it."""
    for line in open(f"/proc/{pid}/maps", encoding="utf-8"):
        words = line.split()
        if len(words) > 5 and library in words[5] and "x" in words[1]:
            begin, end = (int(word, 16) for word in words[0].split("-"))
            with open(f"/proc/{pid}/mem", "rb") as memory, open(words[5], "rb") as file:
                memory.seek(begin)
                file.seek(int(words[2], 16))
                return memory.read(end - begin), file.read(end - begin)
    raise Failure(f"{pid} has no {library}")


@case(breaks=("drop_request",))
def only_when_asked_for(t):
    """without --tls no byte of the library's code is changed; with it some are, and none afterwards"""
    server = https_nginx(t)
    worker = server.workers()[0]

    def changed():
        memory, file = code_of(worker, "libssl.so")
        return sum(ours != theirs for ours, theirs in zip(memory, file))

    equal("bytes changed before", 0, changed())
    with t.trace(server.pid) as trace:
        load(t, server.address, ["/small"], 2, 5)
        equal("bytes changed without --tls", 0, changed())
        server.wait_lines(10)
    equal("protocols", {"unknown"}, {record["network.protocol.name"] for record in trace.requests()})
    equal("hooks", [], [hook for hook in trace.records[0]["hooks"] if hook.startswith("tls")])
    check("tls" not in trace.records[0], "a library is named")
    with t.trace(server.pid, "--tls") as trace:
        load(t, server.address, ["/small"], 2, 5)
        check(changed() >= 3, "nothing was attached")
        server.wait_lines(20)
    check_whole(trace, 10)
    check("libssl" in trace.records[0]["tls"][0], "the library is not named")
    check("us a call" in trace.process.errors(), "its cost was not said")
    wait_until("the code is as it was", lambda: changed() == 0)


@case()
def by_perf_events(t):
    """the same where the kernel has no link to many places"""
    server = https_nginx(t)
    with t.trace(server.pid, "--tls", "--disable-feature", "uprobe_multi") as trace:
        load(t, server.address, ["/small"], 3, 20)
        server.wait_lines(60)
    check_whole(trace, 60)


@case()
def secrets(t):
    """header values, query strings, bodies: in no output and no recording; the recording gives the same"""
    server = https_nginx(t, server="location /up { return 200 'answer'; }")
    with recorded(t, server.pid, "--tls") as trace:
        client = TlsClient(t, server.address)
        for i in range(5):
            client.request(f"/small?token={CANARY}", f"id-{i}", f"Authorization: {CANARY}",
                           f"Cookie: a={CANARY}")
            client.request("/up", f"post-{i}", method="POST", body=CANARY.encode() * 100)
        server.wait_lines(10)
    check_whole(trace, 10)
    check_no_canary(t, trace, CANARY, "/small")
    report = t.tailwhy("report", t.folder / "run.tw", "--format", "jsonl", "--log-requests", "all").stdout
    check(report.count('"/small"') >= 5, "the recording lost requests")
