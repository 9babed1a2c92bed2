"""A WSGI application for gunicorn. /sleep/20 sleeps 20 ms, /cpu/5 burns 5 ms of CPU, /down/20 asks the
server at $DOWN for /sleep/20ms; other paths answer at once."""
import http.client
import os
import time


def burn(ms):
    end = time.thread_time_ns() + ms * 1_000_000
    while time.thread_time_ns() < end:
        pass


def down(ms):
    connection = http.client.HTTPConnection(os.environ["DOWN"])
    connection.request("GET", f"/sleep/{ms}ms")
    connection.getresponse().read()
    connection.close()


STEPS = {"sleep": lambda ms: time.sleep(ms / 1000), "cpu": burn, "down": down}


def application(environ, start_response):
    words = environ["PATH_INFO"].split("/")
    if words[1] in STEPS:
        STEPS[words[1]](int(words[2]))
    start_response("200 OK", [("Content-Length", "2"), ("Content-Type", "text/plain")])
    return [b"ok"]
