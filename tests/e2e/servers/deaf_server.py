"""Listens with room for one connection and accepts none: deaf_server.py"""
import socket
import time

listener = socket.create_server(("127.0.0.1", 0), backlog=1)
print(f"listening 127.0.0.1:{listener.getsockname()[1]}", flush=True)
time.sleep(60)
