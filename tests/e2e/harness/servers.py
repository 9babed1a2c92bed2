"""Packaged servers and our own, started with generated configurations in the case's folder.

Each has `pid` (what to trace), `address` ("127.0.0.1:80", "[::1]:80", "unix:/path") and, where it
keeps one, `lines()`: its own log as oracles.Line."""
import json
import os
import socket
import subprocess
import sys
import urllib.request

from harness.case import Skip
from harness.context import free_port, wait_until
from harness.oracles import Line
from harness.process import children_of

LOOPBACK = "127.0.0.1"


def accepts(address):
    """Whether somebody listens there. The probe's connection is closed at once."""
    try:
        connect(address, 1).close()
    except OSError:
        return False
    return True


def go_program(t, source):
    """Compiles a Go program of ours, which needs no network, and gives its path."""
    program = t.folder / source.removesuffix(".go")
    environment = {**os.environ, "GOPROXY": "off", "GOFLAGS": "-mod=mod",
                   "GOCACHE": str(t.settings.workload.parent / "go-cache")}
    t.run([t.tool("go"), "build", "-o", program, t.asset(source)], timeout=110, env=environment)
    return program


def connect(address, timeout=20):
    if address.startswith("unix:"):
        found = socket.socket(socket.AF_UNIX)
        found.settimeout(timeout)
        found.connect(address[5:])
        return found
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), timeout)


class Server:
    def __init__(self, t, process, address, probe=True):
        self.t, self.process, self.address = t, process, address
        self.pid = process.pid
        if probe:
            wait_until(f"{process.name} listens on {address}: {process.errors()[-300:]}",
                       lambda: process.running() and accepts(address))

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def lines(self):
        raise NotImplementedError

    def wait_lines(self, count):
        """Its log may lag behind the responses."""
        wait_until(f"{self.process.name} logs {count} requests, has {len(self.lines())}",
                   lambda: len(self.lines()) >= count)


def read_json_lines(file):
    if not file.exists():
        return []
    text = file.read_text(errors="replace")
    return [json.loads(line) for line in text.split("\n")[:-1]]


# --- nginx

NGINX = """
user root;
worker_processes {workers};
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log notice;
events {{ worker_connections 8192; {events} }}
http {{
  log_format truth escape=json '{{"method":"$request_method","path":"$request_uri","status":"$status",'
    '"out":$bytes_sent,"in":$request_length,"id":"$http_x_request_id","seconds":$request_time,'
    '"pid":$pid,"line":"$request"}}';
  access_log {folder}/access.log truth;
  client_body_temp_path {folder}/tmp-body; proxy_temp_path {folder}/tmp-proxy;
  fastcgi_temp_path {folder}/tmp-f; uwsgi_temp_path {folder}/tmp-u; scgi_temp_path {folder}/tmp-s;
  sendfile {sendfile};
  keepalive_requests 1000000;
  client_max_body_size 200m;
  default_type text/plain;
  {http}
  server {{
    {listen}
    root {folder}/www;
    {server}
  }}
}}
"""

FILES = {"small": 600, "medium": 20_000, "large": 200_000, "huge": 20_000_000, "empty": 0}


class Nginx(Server):
    def __init__(self, t, process, address, log, probe=True):
        self.log = log
        super().__init__(t, process, address, probe)

    def lines(self):
        return [Line(line["method"] or None, line["path"].split("?")[0], int(line["status"]),
                     line["out"], line["in"], line["id"] or None, line["seconds"], line["pid"])
                for line in read_json_lines(self.log)]

    def workers(self):
        return children_of(self.pid)


def nginx(t, workers=1, sendfile=True, address=None, upstream=None, http="", server="", events="",
          listen="",
          wrap=()):
    program = t.tool("nginx")
    folder = t.folder
    address = address or f"{LOOPBACK}:{free_port()}"
    www = folder / "www"
    www.mkdir(exist_ok=True)
    for name, size in FILES.items():
        (www / name).write_bytes(b"x" * size)
    if upstream:
        http += f"upstream behind {{ server {upstream}; keepalive 32; }}"
        server += """location /proxy/ {
          proxy_pass http://behind/; proxy_http_version 1.1; proxy_set_header Connection ''; }"""
    listen = f"listen {address} backlog=4096 {listen};"
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(workers=workers, folder=folder, http=http, server=server,
                                   listen=listen, sendfile="on" if sendfile else "off",
                                   events=events))
    command = [*wrap, program, "-p", folder, "-c", config, "-g", "daemon off;"]
    process = t.start(command, "nginx")
    # in a namespace its port may not be reachable from here
    found = Nginx(t, process, address, folder / "access.log", probe=not wrap)
    if not wrap:
        wait_until("nginx has its workers", lambda: len(found.workers()) >= workers)
    return found


# --- Apache

APACHE = """
ServerRoot {folder}
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
Mutex pthread
ServerName test
LogLevel warn
ErrorLog {folder}/apache-error.log
LoadModule mpm_{mpm}_module {modules}/mod_mpm_{mpm}.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule alias_module {modules}/mod_alias.so
LoadModule mime_module {modules}/mod_mime.so
LoadModule env_module {modules}/mod_env.so
LoadModule headers_module {modules}/mod_headers.so
TypesConfig /dev/null
User www-data
Group www-data
Listen {address}
KeepAlive On
MaxKeepAliveRequests 0
StartServers 2
DocumentRoot {folder}/www
<Directory {folder}/www>
  Require all granted
</Directory>
LogFormat "{{\\"method\\":\\"%m\\",\\"path\\":\\"%U\\",\\"status\\":\\"%>s\\",\\"out\\":%O,\\"in\\":%I,\\"id\\":\\"%{{x-request-id}}i\\",\\"us\\":%D}}" truth
CustomLog {folder}/access.log truth
"""


class Apache(Nginx):
    def lines(self):
        return [Line(line["method"], line["path"], int(line["status"]), line["out"], line["in"],
                     line["id"], line["us"] / 1e6) for line in read_json_lines(self.log)]


def apache(t, mpm, http2=False, certificate=None):
    """`certificate`: the files of one and its key; then it speaks HTTPS, with HTTP/2 if asked."""
    program = t.tool("apache2")
    modules = "/usr/lib/apache2/modules"
    www = t.folder / "www"
    www.mkdir(exist_ok=True)
    for name in ("small", "medium", "large"):
        (www / name).write_bytes(b"x" * FILES[name])
    address = f"{LOOPBACK}:{free_port()}"
    config = t.folder / "apache.conf"
    text = APACHE.format(folder=t.folder, mpm=mpm, modules=modules, address=address)
    if http2:
        text += (f"LoadModule http2_module {modules}/mod_http2.so\n"
                 "Protocols h2 h2c http/1.1\nH2Direct on\nH2Upgrade on\n")
    if certificate:
        text += (f"LoadModule ssl_module {modules}/mod_ssl.so\nSSLEngine on\n"
                 f"SSLCertificateFile {certificate[0]}\nSSLCertificateKeyFile {certificate[1]}\n")
    built_in = subprocess.run([program, "-l"], stdout=subprocess.PIPE, text=True, check=True).stdout
    if "mod_logio.c" not in built_in:
        text = f"LoadModule logio_module {modules}/mod_logio.so\n" + text
    config.write_text(text)
    process = t.start([program, "-f", config, "-DFOREGROUND"], "apache2")
    return Apache(t, process, address, t.folder / "access.log")


# --- redis

class Redis(Server):
    def __init__(self, t, process, address):
        super().__init__(t, process, address)
        self.socket = connect(self.address)

    def command(self, *words):
        """Sends one command and reads one reply: a status, a number or a bulk string."""
        parts = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        self.socket.sendall(f"*{len(words)}\r\n{parts}".encode())
        reply = b""
        while not reply.endswith(b"\r\n") or (reply[:1] == b"$" and not self._whole(reply)):
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionError("redis closed the connection")
            reply += piece
        return reply.decode()

    @staticmethod
    def _whole(reply):
        head, _, body = reply.partition(b"\r\n")
        return len(body) >= int(head[1:]) + 2

    def calls(self, field="calls"):
        """Calls per command since the last CONFIG RESETSTAT, this INFO not among them."""
        found = {}
        for line in self.command("INFO", "commandstats").split("\r\n"):
            if line.startswith("cmdstat_"):
                name, _, values = line[8:].partition(":")
                found[name] = int(dict(v.split("=") for v in values.split(","))[field])
        return found

    def errors(self):
        """Error replies by their first word since the last CONFIG RESETSTAT."""
        lines = self.command("INFO", "errorstats").split("\r\n")
        return {line[10:].partition(":")[0]: int(line.partition("count=")[2])
                for line in lines if line.startswith("errorstat_")}


def redis(t, address=None):
    program = t.tool("redis-server")
    address = address or f"{LOOPBACK}:{free_port()}"
    where = (["--port", "0", "--unixsocket", address[5:]] if address.startswith("unix:")
             else ["--port", address.rsplit(":", 1)[1], "--bind", LOOPBACK])
    process = t.start([program, *where, "--save", "", "--appendonly", "no", "--dir", t.folder,
                       "--enable-debug-command", "yes"], "redis")
    return Redis(t, process, address)


# --- memcached

class Memcached(Server):
    def stats(self):
        """The server's own counters, asked on a connection of their own. `stats` is a request, too."""
        with connect(self.address) as asked:
            asked.sendall(b"stats\r\n")
            text = b""
            while not text.endswith(b"END\r\n"):
                text += asked.recv(65536)
        lines = [line.split(" ", 2) for line in text.decode().split("\r\n") if line.startswith("STAT ")]
        return {name: int(value) for _, name, value in lines if value.isdigit()}


def memcached(t, *arguments):
    address = f"{LOOPBACK}:{free_port()}"
    process = t.start([t.tool("memcached"), "-u", "nobody", "-l", LOOPBACK, "-U", "0", "-t", "2", "-p",
                       address.rsplit(":", 1)[1], *arguments], "memcached")
    return Memcached(t, process, address)


# --- NATS

class Nats(Server):
    def __init__(self, t, process, address, monitor):
        super().__init__(t, process, address)
        self.monitor = monitor

    def varz(self):
        """The server's own counters. Its monitor is HTTP, and the same process."""
        with urllib.request.urlopen(f"http://{self.monitor}/varz", timeout=10) as answer:
            return json.load(answer)


def nats(t, config=""):
    address, monitor = (f"{LOOPBACK}:{free_port()}" for _ in range(2))
    file = t.folder / "nats.conf"
    file.write_text(f'listen: "{address}"\nhttp: "{monitor}"\n{config}\n')
    process = t.start([t.tool("nats-server"), "-c", file], "nats")
    return Nats(t, process, address, monitor)


# --- our own and interpreted ones: they print "listening ADDRESS"

class Printed(Server):
    """A server that says where it listens, and perhaps logs JSON lines of its own."""

    def __init__(self, t, process, log=None, probe=False):
        self.log = log
        address = wait_until(
            f"{process.name} says where it listens: {process.errors()[-300:]}",
            lambda: next((line.split()[1] for line in process.output().splitlines()
                          if line.startswith("listening ")), None))
        super().__init__(t, process, address, probe)

    def lines(self):
        return [Line(line["method"], line["path"], int(line["status"]), line.get("out"),
                     line.get("in"), line.get("id"), pid=line.get("pid")) for line in read_json_lines(self.log)]


TRUTH = ("id method target status tid bytes_in bytes_out read_first read_last worked "
         "first_write_begin first_write_end last_write_begin last_write_end").split()


class DelayServer(Printed):
    def truth(self):
        """Its own stamps, one dictionary a request."""
        rows = []
        for text in (self.log.read_text().splitlines() if self.log.exists() else []):
            values = text.split(" ")
            rows.append({name: value if name in ("id", "method", "target") else int(value)
                         for name, value in zip(TRUTH, values, strict=True)})
        return rows

    def lines(self):
        return [Line(row["method"], row["target"], row["status"], row["bytes_out"],
                     row["bytes_in"], row["id"]) for row in self.truth()]


def delay_server(t, *arguments, wrap=(), name="delay_server", probe=False):
    truth = t.folder / f"{name}-truth.txt"
    process = t.start([*wrap, t.workload("delay_server"), "--truth", truth, *arguments], name)
    return DelayServer(t, process, truth, probe)


def uring_server(t, mode):
    return Printed(t, t.start([t.workload("uring_server"), "--mode", mode], "uring_server"))


def python_server(t, script, *arguments):
    log = t.folder / f"{script}.log"
    return Printed(t, t.start([sys.executable, "-u", t.asset(script), log, *arguments], script), log)


def node_server(t, *arguments):
    log = t.folder / "node.log"
    try:
        program = t.tool("node")
    except Skip:
        program = t.tool("nodejs")
    return Printed(t, t.start([program, t.asset("node_server.js"), log, *arguments], "node"), log)
