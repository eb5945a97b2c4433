"""`serve --workers`: several processes on one port, which look like one server whatever happens to them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from model_sharing_protocol.errors import MetastoreUnavailable, PortInUse
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.serving.sockets import bound_sockets
from model_sharing_provider.serving.supervisor import supervise
from support.patience import PATIENCE
from support.processes.provider import ProviderProcess
from support.processes.servers import free_port


def two_workers(folder: Path) -> ProviderProcess:
    return ProviderProcess(folder / "home", options=["--workers", "2"], log=folder / "log")


def workers_of(process: subprocess.Popen[bytes]) -> set[int]:
    """The process ids of the server's workers, which Linux tells of."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return {int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def alive(pid: int) -> bool:
    """True if it runs; one that nobody has asked for the end of does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def health(url: str) -> int:
    with urllib.request.urlopen(f"{url}/health", timeout=PATIENCE) as answer:
        return int(answer.status)


def test_a_worker_that_is_killed_is_replaced_and_nobody_is_refused(tmp_path: Path) -> None:
    with two_workers(tmp_path) as server:
        before = workers_of(server.process)
        assert len(before) == 2
        for killed in before:
            os.kill(killed, signal.SIGKILL)
            # What comes while it is gone waits for the next one, or goes to the other.
            assert [health(server.url) for _ in range(20)] == [200] * 20
        wait_until(lambda: len(workers_of(server.process) - before) == 2)
        with pytest.raises(PortInUse, match="is taken"):
            bound_sockets("127.0.0.1", server.port, 2)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
        assert server.said.count("Serving shares on") == 1
        assert server.said.count("Stopping:") == 1
        assert server.said.count("worker ended") == 2
        assert "Traceback" not in server.said


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    with two_workers(tmp_path) as server:
        workers = workers_of(server.process)
        server.process.kill()
        wait_until(lambda: not any(map(alive, workers)))
        port = server.port
        bound_sockets("127.0.0.1", port, 1)[0][0].close()


def test_a_worker_that_cannot_start_ends_all_with_its_exit_code(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    nobody = f"postgresql://u:pass-word@127.0.0.1:{free_port()}/models"
    settings = Settings(tmp_path / "home", postgresql_url=nobody)
    sockets = bound_sockets("127.0.0.1", 0, 2)
    code = supervise(settings, sockets, lambda: pytest.fail("nobody serves"), lambda _: None)
    assert code == MetastoreUnavailable.row.exit_code
    said = capfd.readouterr().err
    assert "error: Cannot connect to the database" in said
    assert "Traceback" not in said
    assert "pass-word" not in said


async def test_ports_and_connections_are_spread_over_processes() -> None:
    first, second = bound_sockets("127.0.0.1", 0, 2)
    port = first[0].getsockname()[1]
    assert second[0].getsockname()[1] == port
    for each in (*first, *second):
        each.listen(200)
        each.setblocking(False)
    clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
    for sockets in (first, second):
        taken = 0
        with sockets[0] as listening, pytest.raises(BlockingIOError):
            while True:
                listening.accept()[0].close()
                taken += 1
        assert taken > 10
    for _, writer in clients:
        writer.close()
