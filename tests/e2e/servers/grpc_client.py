"""Calls every method of grpc_server.py: ADDRESS ROUNDS. Prints a line "Method CODE" for each call."""
import sys
import time

import grpc

address, rounds = sys.argv[1], int(sys.argv[2])
time.sleep(float(sys.argv[3]) if len(sys.argv) > 3 else 0)
channel = grpc.insecure_channel(address)
SERVICE = "/test.pkg.Service/"
METADATA = (("authorization", "CANARY0123456789CANARY"),)


def call(method, make, request):
    try:
        answer = make(SERVICE + method)(request(), metadata=METADATA, timeout=20)
        if not isinstance(answer, bytes):
            list(answer)
        code = "OK"
    except grpc.RpcError as error:
        code = error.code().name
    print(method, code, flush=True)


for _ in range(rounds):
    for status in range(17):
        call("Unary", channel.unary_unary, lambda status=status: b"%d" % status)
    call("ServerStream", channel.unary_stream, lambda: b"50")
    call("ClientStream", channel.stream_unary, lambda: iter([b"a" * 100] * 50))
    call("Bidi", channel.stream_stream, lambda: iter([b"b" * 100] * 50))
    call("Missing", channel.unary_unary, lambda: b"")
