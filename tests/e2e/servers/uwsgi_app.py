"""A WSGI application: /slow takes 120 ms, /missing and /broken fail, /big is long, others say what they got."""
import time

STATUS = {"/missing": "404 Not Found", "/broken": "503 Service Unavailable", "/moved": "302 Found"}


def application(environ, start_response):
    path = environ["PATH_INFO"]
    body = environ["wsgi.input"].read()
    if path == "/slow":
        time.sleep(0.12)
    start_response(STATUS.get(path, "200 OK"), [("Content-Type", "text/plain"), ("Set-Cookie", "s3cr3t-canary-1f7c")])
    return [b"x" * 300_000 if path == "/big" else b"%d bytes\n" % len(body)]
