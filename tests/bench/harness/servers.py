"""The servers that are traced and the programs that load them, pinned to one CPU each."""
import shutil
import socket

from harness.machine import LOAD_CPU, SERVER_CPU, Program, children_of, wait_until

NGINX = """
daemon off; master_process on; user root; worker_processes 1;
pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile {sendfile}; keepalive_requests 1000000000; default_type text/plain;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(port, question):
    """The bytes of one answer."""
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(question)
        s.settimeout(0.3)
        answer = b""
        try:
            while piece := s.recv(65536):
                answer += piece
        except TimeoutError:
            pass
        return answer


class Workload:
    """A server under load. `pid`: what to trace; `worker`: whose progress is measured; `unit_bytes`:
    what it writes for one request; `load()` starts one instance of the load generator."""

    def __init__(self, name, server, port, worker, question, load_command, folder):
        self.name, self.server, self.port, self.folder = name, server, port, folder
        self.pid, self.worker = server.pid, worker
        self.unit_bytes = len(ask(port, question))
        self.load_command = load_command

    def load(self):
        return Program(self.load_command, cpu=LOAD_CPU, folder=self.folder)

    def end(self):
        self.server.end()


def listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def nginx(folder, sendfile="off"):
    port = free_port()
    (folder / "600.txt").write_bytes(b"x" * 600)
    conf = folder / "nginx.conf"
    conf.write_text(NGINX.format(folder=folder, port=port, sendfile=sendfile))
    server = Program(["nginx", "-c", conf], cpu=SERVER_CPU, folder=folder)
    wait_until(f"nginx listens: {server.said()}",
               lambda: listening(port) and children_of(server.pid))
    load = ["wrk", "-t1", "-c64", "-d3600", f"http://127.0.0.1:{port}/600.txt"]
    question = b"GET /600.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    return Workload("nginx", server, port, children_of(server.pid)[0], question, load, folder)


def redis(folder, pipeline):
    port = free_port()
    server = Program(["redis-server", "--port", port, "--save", "", "--appendonly", "no",
                      "--dir", folder], cpu=SERVER_CPU, folder=folder)
    wait_until(f"redis listens: {server.said()}", lambda: listening(port))
    load = ["redis-benchmark", "-p", port, "-t", "get", "-n", 2_000_000_000, "-c", 50,
            "-P", pipeline, "-q"]
    question = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"
    return Workload(f"redis -P {pipeline}", server, port, server.pid, question, load, folder)


WORKLOADS = {
    "nginx": lambda folder: nginx(folder),
    "nginx-sendfile": lambda folder: nginx(folder, "on"),
    "redis-1": lambda folder: redis(folder, 1),
    "redis-16": lambda folder: redis(folder, 16),
}
NEEDS = {"nginx": ["nginx", "wrk"], "redis": ["redis-server", "redis-benchmark"]}


def missing_for(name):
    return [tool for tool in NEEDS[name.split("-")[0]] if not shutil.which(tool)]
