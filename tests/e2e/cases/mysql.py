"""MariaDB, counted against its own SHOW GLOBAL STATUS; its client, pymysql and packets of our own."""
import struct
import threading
import time
from collections import Counter

from harness.case import between, case, check, equal
from harness.mysql import (MODERN, NO_EOFS, PASSWORD, STATEMENTS, command, execute, mysql, packet, prepare, query)
from harness.secrets import check_no_canary, recorded

CANARY = "canary-4be1"
SELECT = f"SELECT v FROM counted WHERE id = 5 AND v <> '{CANARY}'"
# What the counters of SHOW GLOBAL STATUS count, by our names.
COUNTERS = {"SELECT": "Com_select", "INSERT": "Com_insert", "UPDATE": "Com_update", "DELETE": "Com_delete",
            "SET": "Com_set_option", "COMMIT": "Com_commit", "ROLLBACK": "Com_rollback", "BEGIN": "Com_begin",
            "CALL": "Com_call_procedure", "LOAD": "Com_load", "INIT_DB": "Com_change_db",
            "PREPARE": "Com_stmt_prepare", "STMT_CLOSE": "Com_stmt_close", "STMT_RESET": "Com_stmt_reset",
            "STMT_FETCH": "Com_stmt_fetch", "STMT_SEND_LONG_DATA": "Com_stmt_send_long_data"}


def seen(trace):
    requests = trace.requests() + trace.requests(outcome="unmatched")
    equal("protocols", {"mysql"}, {r["network.protocol.name"] for r in requests})
    return Counter(r["db.operation.name"] for r in requests)


def summaries(trace):
    return Counter(r.get("db.query.summary") for r in trace.requests())


def count(t, server, load):
    """Runs the load between two looks at the counters, which ask SHOW themselves."""
    before = server.counters()
    with t.trace(server.pid) as trace:
        load()
        after = server.counters()
    found = seen(trace)
    wanted = {name: after[counter] - before[counter] for name, counter in COUNTERS.items()}
    wanted["SELECT"] -= 2 * wanted["CALL"]  # the procedure's own
    equal("operations", {name: n for name, n in wanted.items() if n},
          {name: n for name, n in found.items() if name in COUNTERS})
    equal("connections", after["Connections"] - before["Connections"], found["CONNECT"])
    equal("unmatched", 0, trace.counts["unmatched"])
    equal("bytes not parsed", 0, trace.summary["bytes_not_parsed"])
    equal("answers that nobody asked for", 0, trace.summary["unknown_details"]["unsolicited"])
    check(not [r for r in trace.requests() if "incomplete" in r], "some are incomplete")
    return trace


@case(breaks=("drop_request", "invent_request", "add_loss"))
def counts(t):
    """mysqlslap, the server's client and pymysql: as many of each as SHOW GLOBAL STATUS has"""
    server = mysql(t)

    def load():
        t.run([t.tool("mysqlslap"), "--no-defaults", "-h127.0.0.1", f"-P{server.port}", "-utester",
               f"--password={PASSWORD}", "--create-schema=shop", "--no-drop", "--delimiter=;", "--concurrency=8",
               "--iterations=1", "--number-of-queries=1600",
               f"--query={SELECT};UPDATE counted SET v = 'y' WHERE id = 7"])
        server.sql("USE shop", SELECT, "SELECT 1", "BEGIN", "INSERT INTO counted VALUES (5000, 'z')", "COMMIT",
                   "DELETE FROM counted WHERE id = 5000", "CALL two()", user="tester")
        connection = server.connect()
        with connection.cursor() as cursor:
            for number in range(200):
                cursor.execute("SELECT v FROM counted WHERE id = %s", (number,))
            cursor.callproc("two")
            cursor.execute("INSERT INTO counted VALUES (6000, %s)", (CANARY,))
        connection.ping()
        connection.rollback()
        connection.select_db("shop")
        connection.close()

    trace = count(t, server, load)
    found = summaries(trace)
    equal("of the table", (800 + 1 + 200, 800), (found["SELECT counted"], found["UPDATE counted"]))
    equal("pings", 1, found["PING"])
    equal("ends of answers", {"framing"},
          {r["tailwhy.end_rule"] for r in trace.requests() if "write_last_ns" in r})
    for file in t.folder.glob("tailwhy*"):
        check(CANARY.encode() not in file.read_bytes(), f"{file} has a literal")


@case(breaks=("drop_request", "invent_request"))
def pipelines(t):
    """prepared statements in pipelines of 1, 16 and 100, with EOF packets and without"""
    server = mysql(t)

    def load():
        for capabilities in (MODERN, MODERN | NO_EOFS):
            client = server.client(capabilities)
            eofs = capabilities == MODERN
            head = client.ask(prepare("SELECT v FROM counted WHERE id = ?"), 5 if eofs else 3)[0]
            statement = struct.unpack("<I", head[1:5])[0]
            for depth in (1, 16, 100):
                client.ask(b"".join(execute(statement, n + 1) for n in range(depth)), depth * (5 if eofs else 4))
            # MariaDB: executed before its number is known
            client.ask(prepare("UPDATE counted SET v = 'w' WHERE id = ?") + execute(0xffffffff, 9)
                       + query("COMMIT"), 2 + eofs + 1 + 1)
            client.send(command(0x18, struct.pack("<IH", statement, 0) + CANARY.encode()))
            client.ask(command(0x1a, struct.pack("<I", statement)))
            client.ask(execute(statement, 3, cursor=1), 3)
            client.ask(command(0x1c, struct.pack("<II", statement, 10)), 2)
            client.send(command(0x19, struct.pack("<I", statement)))
            client.ask(command(0x0e))
            client.close()

    trace = count(t, server, load)
    selects = [r for r in trace.requests() if r.get("db.query.summary") == "SELECT counted"]
    equal("executions", 2 * (1 + 16 + 100 + 1 + 1), len(selects))
    prepared = Counter(r["db.operation.name"] for r in selects)
    equal("prepared ones", {"PREPARE": 0, "SELECT": 236}, {"PREPARE": prepared["PREPARE"] - 2, "SELECT":
                                                           prepared["SELECT"]})
    # the server reads one command after the other: the others wait in its socket
    equal("depths", {1}, {r["tailwhy.pipeline.depth"] for r in trace.requests()})


@case()
def errors(t):
    """each error once, by its SQLSTATE; a wrong password is one, too"""
    server = mysql(t)
    with t.trace(server.pid) as trace:
        for statement in ("SELECT * FROM nowhere", "SELEC 1", "INSERT INTO counted VALUES (1, 'a')",
                          "INSERT INTO counted VALUES (NULL, 'a')", "SELECT * FROM nowhere.nothing",
                          "SIGNAL SQLSTATE '45017'", "KILL 4000000000"):
            server.sql("USE shop", statement, check=False)
        server.sql("SELECT 1", check=False, user="nobody")
        client = server.client()
        client.ask(execute(77))
        client.ask(prepare("SELECT * FROM nowhere") + execute(0xffffffff), 2)
        client.ask(query("SELECT 1; SELECT * FROM nowhere"), 5)
        client.close()
    codes = Counter(r["db.response.status_code"] for r in trace.requests() if "db.response.status_code" in r)
    equal("SQLSTATEs", Counter({"42S02": 4, "42000": 1, "23000": 2, "45017": 1, "HY000": 3, "28000": 1}), codes)
    equal("server errors", 12, trace.counts["server_errors"])
    equal("of the login", ["28000"], [r["error.type"] for r in trace.requests()
                                      if r["db.operation.name"] == "CONNECT" and "error.type" in r])


@case()
def commands(t):
    """files, results in a row, long statements, changes of users, and what is called by its command"""
    server = mysql(t)
    file = t.folder / "rows.txt"
    file.write_text("".join(f"{n}\t{CANARY}\n" for n in range(7000, 7500)))

    def load():
        connection = server.connect(local_infile=True, client_flag=STATEMENTS)
        with connection.cursor() as cursor:
            cursor.execute(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE counted")
            cursor.execute("SELECT 1; SELECT v FROM counted LIMIT 2; SELECT 3")
            while cursor.nextset():
                pass
            cursor.execute("INSERT INTO counted VALUES (9000, LENGTH(%s))", ("z" * 3_000_000,))
        connection.close()
        client = server.client()
        for code, rest, packets in ((2, b"shop", 1), (9, b"", 1), (0x1f, b"", 1), (0x1b, b"\0\0", 1),
                                    (0x0d, b"", 1), (4, b"counted\0", 3)):
            client.ask(command(code, rest), packets)
        client.ask(command(0x11, b"root\0\0shop\0\x2d\0mysql_native_password\0"))
        equal("the user that has no password", 0, client.ask(packet(2, b""))[0][0])
        client.ask(command(0x0e))
        client.close()

    with t.trace(server.pid) as trace:
        load()
    found = seen(trace)
    for name in ("LOAD", "INIT_DB", "STATISTICS", "RESET_CONNECTION", "SET_OPTION", "DEBUG", "FIELD_LIST",
                 "CHANGE_USER", "INSERT"):
        equal(name, 1, found[name])
    equal("unmatched", 0, trace.counts["unmatched"])
    insert = next(r for r in trace.requests() if r["db.operation.name"] == "INSERT")
    between("bytes of a long statement", 3_000_000, insert["tailwhy.request.bytes"], 3_000_100)




@case()
def times(t):
    """SLEEP takes as long as it says, and big results end with their last byte"""
    server = mysql(t)
    sizes = {}
    with t.trace(server.pid) as trace:
        client = server.client()
        client.ask(query("SELECT SLEEP(0.2)"), 4)
        for capabilities in (MODERN, MODERN | NO_EOFS):
            reader = server.client(capabilities)
            text = "SELECT REPEAT('x', 1000) FROM seq_1_to_10000"
            packets = reader.ask(query(text), 10_000 + (4 if capabilities == MODERN else 3))
            sizes[capabilities] = sum(len(p) + 4 for p in packets)
            reader.ask(command(0x0e))
    slept = next(r for r in trace.requests() if r["duration_ns"] > 150e6)
    between("SLEEP(0.2) in ms", 200, slept["duration_ns"] / 1e6, 230)
    big = [r for r in trace.requests() if r["tailwhy.response.bytes"] > 1_000_000]
    equal("bytes of big results", sorted(sizes.values()), sorted(r["tailwhy.response.bytes"] for r in big))
    equal("their ends", ["framing"] * 2, [r["tailwhy.end_rule"] for r in big])


@case()
def attach_in_mid_connection(t):
    """attached while clients work: no wrong name, nothing unmatched, and as many as are counted"""
    server = mysql(t)
    stop = threading.Event()
    clients = [server.client(MODERN | (NO_EOFS if n % 2 else 0)) for n in range(4)]

    def work(index):
        client, eofs = clients[index], index % 2 == 0
        head = client.ask(prepare("SELECT v FROM counted WHERE id = ?"), 5 if eofs else 3)[0]
        statement = struct.unpack("<I", head[1:5])[0]
        while not stop.is_set():
            client.ask(execute(statement, 3), 5 if eofs else 4)
            client.ask(query("UPDATE counted SET v = 'u' WHERE id = 1"))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    before = server.counters()
    with t.trace(server.pid) as trace:
        begun = server.counters()
        time.sleep(0.5)
        ends = server.counters()
    after = server.counters()
    stop.set()
    for thread in threads:
        thread.join()
    found = seen(trace)
    check(set(found) <= {"EXECUTE", "UPDATE", "CONNECT", "SHOW", "QUIT", "SELECT"} and found["SELECT"] <= 4,
          f"names that nobody sent: {found}")
    for name, counter in (("EXECUTE", "Com_stmt_execute"), ("UPDATE", "Com_update")):
        between(name, ends[counter] - begun[counter], found[name], after[counter] - before[counter])
    equal("unmatched", 0, trace.counts["unmatched"])
    check(trace.counts["in_flight_at_attach"] <= 4, "more in flight than there are connections")


@case()
def attach_in_mid_request(t):
    """what was asked before the attach is counted apart, what follows on its connection is read"""
    server = mysql(t)
    client = server.client()
    client.send(query("SELECT SLEEP(1)"))
    time.sleep(0.1)
    with t.trace(server.pid) as trace:
        client.packets(4)
        client.ask(query("SELECT v FROM counted WHERE id = 1"), 4)
        client.ask(query("SELECT * FROM nowhere"))
    equal("in flight", 1, trace.counts["in_flight_at_attach"])
    equal("read", [("SELECT counted", None), ("SELECT nowhere", "42S02")],
          [(r.get("db.query.summary"), r.get("db.response.status_code")) for r in trace.requests()])


@case()
def compressed(t):
    """the start of a session is read, what is compressed is unknown and has times"""
    server = mysql(t)
    with t.trace(server.pid) as trace:
        server.sql("SELECT SLEEP(0.1)", user="tester", arguments=["--compress"])
    requests = trace.requests() + trace.requests(outcome="unmatched")
    equal("CONNECT", 1, len([r for r in requests if r.get("db.operation.name") == "CONNECT"]))
    unknown = [r for r in requests if r["network.protocol.name"] == "unknown"]
    check(any(r.get("duration_ns", 0) > 100e6 for r in unknown), "the query is not there")


@case()
def secrets(t):
    """literals, values, files, passwords, users and databases are in no output and no recording"""
    server = mysql(t)
    file = t.folder / "secret-rows.txt"
    file.write_text("".join(f"{n}\t{CANARY}\n" for n in range(7000, 7500)))
    with recorded(t, server.pid) as trace:
        connection = server.connect(local_infile=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s, v FROM counted WHERE v <> %s", (CANARY, CANARY * 20))
            cursor.execute(f"SELECT 1 /* {CANARY} */ FROM counted -- {CANARY}")
            cursor.execute(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE counted")
            cursor.execute("SELECT v FROM counted WHERE id = 7001")
            cursor.execute("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
            cursor.execute(f"SELECT 'a\\', '{CANARY}' FROM counted LIMIT 1")
        connection.close()
        client = server.client()
        client.ask(command(2, CANARY.encode()))  # no such database: an error that quotes it
        client.ask(query(f"SELECT nothing AS c FROM counted WHERE v = '{CANARY}'"))
        client.ask(prepare(f"SELECT '{CANARY}' FROM counted WHERE id = ?"), 3)
        client.ask(execute(0xffffffff, 5), 4)
        client.send(command(0x18, struct.pack("<IH", 1, 0) + CANARY.encode()))
        client.ask(command(0x11, CANARY.encode() + b"\0\0shop\0\x2d\0mysql_native_password\0"))
        client.send(packet(3, b""))
        client.close()
        server.sql("SELECT 1", user=CANARY, check=False)
    for secret in (CANARY, PASSWORD):
        check_no_canary(t, trace, secret, "SELECT counted")
