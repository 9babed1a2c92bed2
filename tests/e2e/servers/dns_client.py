"""Waits for SIGUSR1, then asks the name server on the given port for so many addresses over UDP: by
turns on a socket that is connected and on one that is not; every third question is sent twice."""
import select
import signal
import socket
import struct
import sys

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
signal.sigwait({signal.SIGUSR1})
server = ("127.0.0.1", int(sys.argv[1]))
for number in range(int(sys.argv[2])):
    question = struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + b"\4name\7example\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        if number % 2:
            asking.connect(server)
        for _ in range(2 if number % 3 == 2 else 1):
            if number % 2:
                asking.send(question)
            else:
                asking.sendto(question, server)
        select.select([asking], [], [], 5)
        asking.recvfrom(4096)
