"""A MariaDB server of a case, its own counters, and a client of its protocol that speaks in packets."""
import atexit
import hashlib
import os
import pwd
import shutil
import socket
import struct
import tempfile
from pathlib import Path

from harness.case import Skip, check
from harness.context import free_port, wait_until

PASSWORD = "canary-pass-31f0"
SMALL = ["--innodb-log-file-size=4M", "--innodb-buffer-pool-size=8M"]

# Capabilities: a modern client's, with a database, statements in one, files, no EOF packets.
LONG_PASSWORD, WITH_DB, LOCAL_FILES, PROTOCOL_41, TRANSACTIONS = 1, 1 << 3, 1 << 7, 1 << 9, 1 << 13
SECURE, STATEMENTS, RESULTS, PLUGINS, NO_EOFS = 1 << 15, 1 << 16, 1 << 17, 1 << 19, 1 << 24
MODERN = (LONG_PASSWORD | WITH_DB | LOCAL_FILES | PROTOCOL_41 | TRANSACTIONS | SECURE | STATEMENTS | RESULTS
          | PLUGINS)

_installed = None


def installed(t, drop):
    """A folder with the tables of a new server; made once for all cases."""
    global _installed
    if _installed is None:
        folder = Path(tempfile.mkdtemp(prefix="tailwhy-mariadb-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        shutil.chown(folder, "mysql")
        t.run([*drop, t.tool("mariadb-install-db"), "--no-defaults", f"--datadir={folder}", *SMALL,
               "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"])
        _installed = folder
    return _installed


class MySql:
    def __init__(self, t):
        self.t = t
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        os.chmod(t.folder, 0o755)  # its user must get there
        os.chmod(t.folder.parent, 0o755)
        drop = ["setpriv", "--reuid=mysql", "--regid=mysql", "--clear-groups"]
        data = t.folder / "mysql"
        t.run(["cp", "-a", installed(t, drop), data])
        self.process = t.start(
            [*drop, t.tool("mariadbd"), "--no-defaults", f"--datadir={data}", f"--socket={data}/socket",
             f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve", *SMALL,
             "--innodb-flush-log-at-trx-commit=0", "--log-bin=off", "--server-id=1"], "mariadbd")
        self.pid = self.process.pid
        wait_until(f"mariadbd accepts connections: {self.process.errors()[-300:]}",
                   lambda: self.sql("SELECT 1", check=False).returncode == 0)
        self.sql("CREATE DATABASE shop", f"CREATE USER tester@127.0.0.1 IDENTIFIED BY '{PASSWORD}'",
                 "GRANT ALL ON *.* TO tester@127.0.0.1", "USE shop",
                 "CREATE TABLE counted (id int PRIMARY KEY, v varchar(200))",
                 "INSERT INTO counted SELECT seq, REPEAT('x', 100) FROM seq_1_to_1000")
        maker = self.client()
        maker.ask(query("CREATE PROCEDURE two() BEGIN SELECT 1; SELECT v FROM counted LIMIT 3; END"))
        maker.close()

    def sql(self, *statements, check=True, user="root", arguments=()):
        """By the server's own client, one call a statement."""
        password = [] if user == "root" else [f"--password={PASSWORD}"]
        return self.t.run([self.t.tool("mariadb"), "--no-defaults", "-h127.0.0.1", f"-P{self.port}", f"-u{user}",
                           *password, "-N", "-B", "--skip-auto-rehash", *arguments, "-e", ";".join(statements)],
                          check=check)

    def counters(self):
        """SHOW GLOBAL STATUS: how many commands there were since the server began."""
        done = self.sql("SHOW GLOBAL STATUS WHERE Variable_name LIKE 'Com%' OR Variable_name = 'Connections'")
        rows = (line.split("\t") for line in done.stdout.splitlines())
        return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}

    def client(self, capabilities=MODERN | NO_EOFS):
        return Client(self, capabilities)

    def connect(self, **options):
        """A connection of the packaged Python client."""
        try:
            import pymysql  # pylint: disable=import-outside-toplevel
        except ImportError as error:
            raise Skip("python3-pymysql is not installed") from error
        return pymysql.connect(host="127.0.0.1", port=self.port, user="tester", password=PASSWORD,
                               database="shop", **options)


def native_password(salt):
    """mysql_native_password: SHA1(password) xor SHA1(salt + SHA1(SHA1(password)))."""
    once = hashlib.sha1(PASSWORD.encode()).digest()
    twice = hashlib.sha1(once).digest()
    mask = hashlib.sha1(salt + twice).digest()
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


def packet(sequence, payload):
    return struct.pack("<I", len(payload))[:3] + bytes([sequence]) + payload


def command(code, rest=b""):
    return packet(0, bytes([code]) + rest)


def query(text):
    return command(3, text.encode())


def prepare(text):
    return command(0x16, text.encode())


def execute(statement, number=None, cursor=0):
    """With one parameter, an INT, or none."""
    head = struct.pack("<IBI", statement, cursor, 1)
    return command(0x17, head + (b"" if number is None else b"\0\1\x03\0" + struct.pack("<i", number)))


class Client:
    """Sends what it is told to and reads so many packets."""

    def __init__(self, server, capabilities):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        self.data = b""
        greeting = self.packets(1)[0]
        at = greeting.index(b"\0", 1) + 1
        salt = greeting[at + 4:at + 12] + greeting[at + 31:at + 43]
        proof = native_password(salt)
        self.send(packet(1, struct.pack("<IIB23x", capabilities, 1 << 24, 45) + b"tester\0" + bytes([len(proof)])
                         + proof + b"shop\0mysql_native_password\0"))
        check(self.packets(1)[0][0] == 0, "the server refused the client")

    def send(self, data):
        self.socket.sendall(data)
        return self

    def packets(self, count):
        """The payloads of the next packets."""
        found = []
        while len(found) < count:
            size = int.from_bytes(self.data[:3], "little") if len(self.data) >= 4 else 0
            if len(self.data) >= 4 + size:
                found.append(self.data[4:4 + size])
                self.data = self.data[4 + size:]
                continue
            more = self.socket.recv(65536)
            check(more, "the server closed the connection")
            self.data += more
        return found

    def ask(self, data, count=1):
        return self.send(data).packets(count)

    def close(self):
        self.socket.close()


def mysql(t):
    try:
        pwd.getpwnam("mysql")
    except KeyError as error:
        raise Skip("there is no user mysql") from error
    return MySql(t)
