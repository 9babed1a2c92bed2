"""Answers that are streams of events at planned times, and those of language models' servers.

    stream_server.py LOG [CERTAINLY_NOT_SHOWN]

A request says its plan in the header X-Plan: "FIRST GAP COUNT [STALL]", in ms: the first event comes
FIRST after the request was read, the others every GAP, and before the middle one STALL more. What
comes between events (comments, empty events, a role alone) is no event. The log has a line for each
answer: its id, when its request was read, and when each event's send() was called and returned."""
import http.server
import json
import socketserver
import sys
import time

log = open(sys.argv[1], "a", buffering=1, encoding="utf-8")
SECRET = sys.argv[2] if len(sys.argv) > 2 else "word"


def wait_until(when_ns):
    """To within microseconds: the plan is to be the truth."""
    left = when_ns - time.monotonic_ns() - 1_500_000
    if left > 0:
        time.sleep(left / 1e9)
    while time.monotonic_ns() < when_ns:
        pass


def sse(data):
    return f"data: {data}\n\n".encode()


def openai(delta, **more):
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "test/model-7b",
             "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    return sse(json.dumps({**chunk, **more}, separators=(",", ":")))


class Events:
    """What each kind of server writes: before the first event, each event, between two, at the end."""

    type = "text/event-stream"

    def begin(self):
        return [b": hello\n\n", b"retry: 1000\n\n"]

    def event(self, number):
        return f"id: {number}\nevent: tick\ndata: {SECRET}\ndata: {number}\n\n".encode()

    def between(self):
        return [b": ping\n\n", b"data:\n\n"]

    def end(self, _count):
        return [b"data: [DONE]\n\n"]


class OpenAi(Events):
    def begin(self):
        return [b": ping\n\n", openai({"role": "assistant", "content": ""})]

    def event(self, _number):
        return openai({"content": SECRET})

    def between(self):
        return [b": ping\n\n"]

    def end(self, count):
        usage = {"prompt_tokens": 11, "completion_tokens": 3 * count, "total_tokens": 11 + 3 * count}
        return [openai({}), openai({}, choices=[], usage=usage), b"data: [DONE]\n\n"]


class LlamaCpp(Events):
    def event(self, number):
        return sse(json.dumps({"index": 0, "content": SECRET, "tokens": [number], "stop": False}))

    def end(self, count):
        return [sse(json.dumps({"content": "", "stop": True, "model": "llama.gguf", "tokens_predicted":
                                3 * count, "tokens_evaluated": 11, "prompt": SECRET}))]


class Tgi(Events):
    def event(self, number):
        return sse(json.dumps({"index": number, "token": {"id": number, "text": SECRET}, "details": None}))

    def end(self, count):
        details = {"finish_reason": "length", "generated_tokens": 3 * count, "input_length": 11}
        return [sse(json.dumps({"token": {"text": ""}, "generated_text": "", "details": details}))]


class Ollama(Events):
    type = "application/x-ndjson"

    def begin(self):
        return []

    def event(self, _number):
        return json.dumps({"model": "llama3:8b", "message": {"role": "assistant", "content": SECRET},
                           "done": False}).encode() + b"\n"

    def between(self):
        return []

    def end(self, count):
        return [json.dumps({"model": "llama3:8b", "message": {"role": "assistant", "content": ""},
                            "done": True, "prompt_eval_count": 11, "eval_count": 3 * count}).encode() + b"\n"]


KINDS = {"/v1/chat/completions": OpenAi(), "/completion": LlamaCpp(), "/generate_stream": Tgi(),
         "/api/chat": Ollama()}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or the kernel keeps an event until the one before is acknowledged

    def log_message(self, *arguments):
        pass

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def stream(self, kind):
        read_ns = time.monotonic_ns()
        first, gap, count, *stall = (int(word) for word in self.headers["x-plan"].split())
        self.send_response(200)
        self.send_header("Content-Type", kind.type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in kind.begin():
            self.chunk(piece)
        when, sent = read_ns + first * 1_000_000, []
        for number in range(count):
            if number:
                wait_until(when + gap * 500_000)
                for piece in kind.between():
                    self.chunk(piece)
                when += gap * 1_000_000
            if stall and number == count // 2:
                when += stall[0] * 1_000_000
            wait_until(when)
            event, before = kind.event(number), time.monotonic_ns()
            self.chunk(event)
            sent.append((before, time.monotonic_ns()))
        for piece in kind.end(count):
            self.chunk(piece)
        self.chunk(b"")
        log.write(json.dumps({"id": self.headers.get("x-request-id"), "read_ns": read_ns,
                              "sent_ns": sent}) + "\n")

    def do_GET(self):
        self.stream(Events())

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if json.loads(body).get("stream", True):
            return self.stream(KINDS[self.path])
        answer = json.dumps({"model": "test/model-7b", "choices": [{"message": {"content": SECRET}}],
                             "usage": {"prompt_tokens": 11, "completion_tokens": 5}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        return self.wfile.write(answer)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64


server = Server(("127.0.0.1", 0), Handler)
print(f"listening 127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
