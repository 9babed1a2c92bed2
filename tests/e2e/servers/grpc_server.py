"""A gRPC service without generated code: the four kinds of calls, and one that ends as it is told."""
import sys
from concurrent import futures

import grpc

CODES = {code.value[0]: code for code in grpc.StatusCode}


def end(request, context):
    code = int(request or b"0")
    if code:
        context.abort(CODES[code], "as you asked")
    return b"fine"


def answers(request, _context):
    for number in range(int(request)):
        yield b"%d" % number


def collect(requests, _context):
    return b"%d" % sum(len(request) for request in requests)


def echo(requests, _context):
    yield from requests


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(end),
    "ServerStream": grpc.unary_stream_rpc_method_handler(answers),
    "ClientStream": grpc.stream_unary_rpc_method_handler(collect),
    "Bidi": grpc.stream_stream_rpc_method_handler(echo),
}

server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.pkg.Service", HANDLERS)])
if not server.add_insecure_port(sys.argv[1]):
    sys.exit("the port is taken")
server.start()
server.wait_for_termination()
