"""A PostgreSQL server of a case, and its own count of what it executed."""
import os
import pwd
import shutil
from pathlib import Path

from harness.context import free_port, wait_until
from harness.case import Skip

BIN = Path("/usr/lib/postgresql/15/bin")
CONFIG = """
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.track = 'top'
pg_stat_statements.track_utility = off
listen_addresses = '127.0.0.1'
fsync = off
autovacuum = off
"""


class Postgres:
    def __init__(self, t, user):
        self.t = t
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        data = t.folder / "pg"
        data.mkdir()
        os.chmod(t.folder, 0o755)  # its user must get there
        os.chmod(t.folder.parent, 0o755)
        shutil.chown(data, user)
        drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        t.run([*drop, BIN / "initdb", "-D", data, "-A", "trust", "-N", "-U", "tester"], timeout=60)
        with open(data / "postgresql.conf", "a", encoding="utf-8") as file:
            file.write(CONFIG + f"port = {self.port}\nunix_socket_directories = '{data}'\n")
        self.process = t.start([*drop, BIN / "postgres", "-D", data], "postgres")
        wait_until("postgres accepts connections", lambda: t.run(
            [BIN / "pg_isready", "-h", "127.0.0.1", "-p", self.port], check=False).returncode == 0)
        self.pid = self.process.pid
        self.sql("CREATE EXTENSION pg_stat_statements", "CREATE TABLE counted (id int, v text)",
                 "INSERT INTO counted SELECT i, repeat('x', 200) FROM generate_series(1, 1000) i")

    def client(self, *statements):
        """The command that says these on one connection, one after the other."""
        words = [word for statement in statements for word in ("-c", statement)]
        return [BIN / "psql", "-X", "-A", "-t", "-h", "127.0.0.1", "-p", self.port, "-U", "tester",
                "-d", "postgres", *words]

    def psql(self, *statements, check=True):
        return self.t.run(self.client(*statements), check=check).stdout

    sql = psql

    def calls(self, beginning):
        """How many statements that begin so were executed since reset()."""
        found = self.sql("SELECT coalesce(sum(calls), 0) FROM pg_stat_statements "
                         f"WHERE query LIKE '{beginning}%'")
        return int(found.split()[0])

    def reset(self):
        self.sql("SELECT pg_stat_statements_reset()")

    def pgbench(self, script, *arguments, background=False):
        file = self.t.folder / f"bench-{abs(hash(script))}.sql"
        file.write_text(script)
        command = [BIN / "pgbench", "-n", "-h", "127.0.0.1", "-p", self.port, "-U", "tester", "-f", file,
                   *arguments, "postgres"]
        if background:
            return self.t.start(command, "pgbench")
        return self.t.run(command, timeout=60)


def postgres(t):
    if not (BIN / "postgres").exists():
        raise Skip("postgresql-15 is not installed")
    try:
        user = pwd.getpwnam("postgres").pw_name
    except KeyError as error:
        raise Skip("there is no user postgres") from error
    return Postgres(t, user)
