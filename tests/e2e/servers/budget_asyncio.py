"""An asyncio server whose requests spend known times, as their path says, and log where.

    budget_asyncio.py [--listen 127.0.0.1:0] [--truth FILE] [--down 127.0.0.1:PORT] [--threads 2]

/cpu/5ms burns in the loop, /sleep/5ms is asyncio.sleep, /down/5ms asks the downstream for
/sleep/Nns over a kept connection, /pool/5ms sleeps and /pool_cpu/5ms burns in an executor's thread.
Truth lines as budget_server writes them: name=value, ns, CLOCK_MONOTONIC. cpu is the loop's thread
in the turns of this request, others the loop's work for everything else while it was in flight,
idle its waiting in select, run_queue what it waited for a CPU. sleep, downstream and returned end when the coroutine goes on."""
import argparse
import asyncio
import os
import selectors
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

now = time.monotonic_ns
UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}


def nanoseconds(text):
    digits = text.rstrip("nums")
    return int(digits) * UNITS[text[len(digits):]]


mine = threading.local()


def run_queue():
    """How long this thread could have run and did not."""
    if not hasattr(mine, "schedstat"):
        mine.schedstat = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    return int(os.pread(mine.schedstat, 100, 0).split()[1])


def burn(length):
    end = time.thread_time_ns() + length
    while time.thread_time_ns() < end:  # a system call; the other clock is none
        soon = now() + 10_000
        while now() < soon:
            pass


class Selector(selectors.EpollSelector):
    """Knows how long the loop had nothing to do, and what it last waited for a CPU then."""
    idle = last_run_queue = 0

    def select(self, timeout=None):
        waited, begin = run_queue(), now()
        try:
            return super().select(timeout)
        finally:
            self.idle += now() - begin
            self.last_run_queue = run_queue() - waited


class Reader(asyncio.StreamReader):
    """Stamps the bytes when the loop has read them, which is before a coroutine goes on."""
    first = last = 0

    def feed_data(self, data):
        self.last = now()
        self.first = self.first or self.last
        super().feed_data(data)


class Request:
    """What it spent where. Between leave() and go_on() the loop does not work for it."""

    def __init__(self, reader, head):
        self.go_on()
        line, _, fields = head.decode().partition("\r\n")
        self.target = line.split(" ")[1]
        headers = {name.lower(): value.strip() for name, _, value in
                   (field.partition(":") for field in fields.split("\r\n"))}
        self.id = headers.get("x-request-id", "-")
        self.read_first, self.read_last = reader.first, reader.last
        reader.first = 0
        self.idle = selector.idle
        self.run_queue = run_queue()
        self.wall = self.cpu = 0
        self.spent = {}

    def go_on(self):
        self.turn, self.turn_cpu = now(), time.thread_time_ns()

    def leave(self):
        self.cpu += time.thread_time_ns() - self.turn_cpu
        self.wall += now() - self.turn
        return now()

    def add(self, name, length):
        self.spent[name] = self.spent.get(name, 0) + length

    async def waiting(self, name, what):
        begin = self.leave()
        result = await what
        self.go_on()
        self.add(name, now() - begin)
        return result

    def write_truth(self, begin, end, status):
        idle = selector.idle - self.idle
        fields = {"id": self.id, "target": self.target, "status": status, "pid": os.getpid(),
                  "tid": threading.get_native_id(), "read_first": self.read_first,
                  "read_last": self.read_last, "write_first_begin": begin, "write_first": end,
                  "write_last_begin": begin, "write_last": end, "cpu": self.cpu,
                  "others": max(0, end - self.read_last - self.wall - idle), "idle": idle,
                  "run_queue": run_queue() - self.run_queue, **self.spent}
        truth.write(" ".join(f"{name}={value}" for name, value in fields.items()) + "\n")


class Down:
    """Kept connections to the downstream server."""
    kept = []

    async def call(self, length, name):
        reader, writer = self.kept.pop() if self.kept else await self.connect()
        writer.write(f"GET /sleep/{length}ns HTTP/1.1\r\nHost: down\r\n"
                     f"x-request-id: {name}-down\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(size)
        self.kept.append((reader, writer))

    async def connect(self):
        host, port = options.down.rsplit(":", 1)
        return await asyncio.open_connection(host, int(port))


class InPool:
    """Runs in an executor's thread: what it did there, and when it began and ended."""

    def __init__(self, work, length):
        self.work, self.length, self.moved = work, length, now()

    def __call__(self):
        self.begin, cpu = now(), time.thread_time_ns()
        waited = run_queue()
        self.woken_late = waited - getattr(mine, "waited", 0)  # since its last job
        self.work(self.length)
        self.cpu, self.tid = time.thread_time_ns() - cpu, threading.get_native_id()
        mine.waited = run_queue()
        self.run_queue = mine.waited - waited
        self.end = now()


async def in_pool(request, work, length):
    job = InPool(work, length)
    request.leave()
    await loop.run_in_executor(executor, job)
    request.go_on()
    handed, returned = job.begin - job.moved, now() - job.end
    request.spent.update(pool="executor", pool_tid=job.tid, handed=handed,
                         handed_run_queue=min(handed, job.woken_late), returned=returned,
                         returned_run_queue=min(returned, selector.last_run_queue),
                         pool_cpu=job.cpu, pool_run_queue=job.run_queue)
    if work is pause:
        request.add("pool_sleep", job.end - job.begin)


def pause(length):
    time.sleep(length / 1e9)


async def step(request, word, length):
    if word == "cpu":
        burn(length)
    elif word == "sleep":
        await request.waiting("sleep", asyncio.sleep(length / 1e9))
    elif word == "down":
        await request.waiting("downstream", Down().call(length, request.id))
    elif word in ("pool", "pool_cpu"):
        await in_pool(request, pause if word == "pool" else burn, length)
    else:
        raise KeyError(word)


async def serve(reader, writer):
    writer.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while True:
            request = Request(reader, await reader.readuntil(b"\r\n\r\n"))
            words = request.target.strip("/").split("/")
            status = 200
            try:
                for word, length in zip(words[::2], words[1::2]):
                    await step(request, word, nanoseconds(length))
            except (KeyError, ValueError):
                status = 404
            begin = now()
            writer.write(b"HTTP/1.1 %d Status\r\nContent-Length: 2\r\n\r\nok" % status)
            end = request.leave()
            request.write_truth(begin, end, status)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    host, port = options.listen.rsplit(":", 1)
    server = await loop.create_server(
        lambda: asyncio.StreamReaderProtocol(Reader(loop=loop), serve, loop=loop), host, int(port),
        backlog=1024)
    print(f"listening {host}:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


parser = argparse.ArgumentParser()
parser.add_argument("--listen", default="127.0.0.1:0")
parser.add_argument("--truth", default=os.devnull)
parser.add_argument("--down")
parser.add_argument("--threads", type=int, default=2)
options = parser.parse_args()
truth = open(options.truth, "a", buffering=1, encoding="utf-8")
executor = ThreadPoolExecutor(options.threads)
selector = Selector()
loop = asyncio.SelectorEventLoop(selector)
asyncio.set_event_loop(loop)
loop.run_until_complete(main())
