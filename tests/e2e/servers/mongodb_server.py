"""A scripted server that speaks MongoDB's wire protocol: enough of it for its own client library.

mongodb_server.py LOG prints where it listens and logs a JSON line for each command that it got: its name, its
collection and what was wrong with it. Of collections it keeps nothing but whether an _id came twice; "missing" is
one that it does not have. A command with the field `slow` waits 200 ms. OP_COMPRESSED with zlib."""
import json
import socket
import struct
import sys
import threading
import time
import zlib

import bson

OP_REPLY, OP_QUERY, OP_COMPRESSED, OP_MSG = 1, 2004, 2012, 2013
MORE_TO_COME, EXHAUST_ALLOWED = 2, 1 << 16
lock = threading.Lock()
ids = set()
next_id = 0


def read(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def message(answers, opcode, body):
    global next_id
    with lock:
        next_id += 1
        number = next_id
    return number, struct.pack("<iiii", 16 + len(body), number, answers, opcode) + body


def documents(data):
    """Those of a section of kind 1."""
    at = data.index(b"\0") + 1
    while at < len(data):
        size = struct.unpack_from("<i", data, at)[0]
        yield bson.BSON(data[at:at + size]).decode()
        at += size


def parse(body):
    """Flags and the command, with what its sequences say."""
    flags, at, command, extra = struct.unpack_from("<I", body)[0], 4, None, {}
    while at < len(body):
        size = struct.unpack_from("<i", body, at + 1)[0]
        data = body[at + 1:at + 1 + size]
        if body[at] == 0:
            command = bson.BSON(data).decode()
        else:
            extra[data[4:data.index(b"\0", 4)].decode()] = list(documents(data[4:]))
        at += 1 + size
    return flags, {**command, **extra}


def error(code, name):
    return {"ok": 0.0, "errmsg": f"{name}: canary-9c2e", "code": code, "codeName": name}


def answer(name, command):
    collection = command.get("collection" if name == "getMore" else name)
    if "slow" in command:
        time.sleep(0.2)
    if name.lower() in ("ismaster", "hello"):
        found = {"ismaster": True, "maxWireVersion": 9, "minWireVersion": 0, "maxBsonObjectSize": 1 << 24,
                 "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "ok": 1.0,
                 "topologyVersion": {"processId": bson.ObjectId("5f3c1d2e4b5a697887654321"), "counter": bson.Int64(1)}}
        if "zlib" in command.get("compression", ()):
            found["compression"] = ["zlib"]
        return found
    if collection == "missing":
        return error(26, "NamespaceNotFound")
    if name == "find":
        rows = [{"_id": n, "v": "canary-9c2e" * 5} for n in range(command.get("limit", 1))]
        return {"cursor": {"id": bson.Int64(7 if collection == "long" else 0), "ns": f"shop.{collection}",
                           "firstBatch": rows}, "ok": 1.0}
    if name == "getMore":
        return {"cursor": {"id": bson.Int64(0), "ns": f"shop.{collection}", "nextBatch": []}, "ok": 1.0}
    if name == "insert":
        found = [row["_id"] for row in command["documents"] if row["_id"] in ids]
        ids.update(row["_id"] for row in command["documents"])
        errors = [{"index": 0, "code": 11000, "errmsg": "canary-9c2e"} for _ in found]
        return {"n": len(command["documents"]) - len(found), **({"writeErrors": errors} if found else {}), "ok": 1.0}
    if name in ("update", "delete", "ping", "count", "endSessions", "killCursors"):
        return {"n": 1, "ok": 1.0}
    return error(59, "CommandNotFound")


def status_of(found):
    if found["ok"] == 0:
        return found["codeName"]
    return str(found["writeErrors"][0]["code"]) if "writeErrors" in found else None


def serve(connection, log):
    try:
        while True:
            size, number, _, opcode = struct.unpack("<iiii", read(connection, 16))
            body = read(connection, size - 16)
            packed = opcode == OP_COMPRESSED
            if packed:
                opcode, body = struct.unpack_from("<i", body)[0], zlib.decompress(body[9:])
            if opcode == OP_QUERY:
                at = body.index(b"\0", 4) + 9
                flags, command = 0, bson.BSON(body[at:]).decode()
            else:
                flags, command = parse(body)
            name = next(iter(command))
            one_way = bool(flags & MORE_TO_COME)
            found = answer(name, command)
            value = command.get("collection" if name == "getMore" else name)
            with lock:
                log.write(json.dumps({"name": name, "collection": value if isinstance(value, str) else None,
                                      "status": None if one_way else status_of(found), "one_way": one_way,
                                      "packed": packed, "exhaust": bool(flags & EXHAUST_ALLOWED)}) + "\n")
                log.flush()
            if one_way:
                continue
            rest = 3 if flags & EXHAUST_ALLOWED else 1
            while rest:
                rest -= 1
                text = bson.BSON.encode(found)
                if opcode == OP_QUERY:
                    number, data = message(number, OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1) + text)
                elif packed:
                    text = struct.pack("<I", 0) + b"\0" + text
                    text = struct.pack("<iib", OP_MSG, len(text), 2) + zlib.compress(text)
                    number, data = message(number, OP_COMPRESSED, text)
                else:
                    more = MORE_TO_COME if rest else 0
                    number, data = message(number, OP_MSG, struct.pack("<I", more) + b"\0" + text)
                connection.sendall(data)
                if rest:
                    time.sleep(0.1)
    except (EOFError, ConnectionError):
        pass
    finally:
        connection.close()


def main():
    server = socket.create_server(("127.0.0.1", 0))
    print("listening {}:{}".format(*server.getsockname()), flush=True)
    with open(sys.argv[1], "w", encoding="utf-8") as log:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=serve, args=(connection, log), daemon=True).start()


main()
