"""Supervisor of several server processes on one port: starts, restarts and stops them.

The parent does not serve. It holds the sockets open, so that no connection is refused while a dead worker is
replaced, and it forwards SIGTERM and SIGINT, which stop all workers gracefully.
"""

from __future__ import annotations

import multiprocessing
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from itertools import chain
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Self

from model_sharing_protocol.console.command_line import guard_terminal
from model_sharing_protocol.console.output import complain
from model_sharing_protocol.errors import SharingError
from model_sharing_provider.bootstrap.startup import Announce
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.serving.logs import set_up_logging
from model_sharing_provider.serving.metrics_listener import forget_worker
from model_sharing_provider.serving.server import farewell, run_server
from model_sharing_provider.serving.sockets import Sockets
from model_sharing_provider.telemetry.log import log

_SPAWN = multiprocessing.get_context("spawn")
_STOPPING = (signal.SIGINT, signal.SIGTERM)
_LIVED_WELL_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 30.0
_ENDS_WITHIN_SECONDS = 5.0


class Worker:
    """Worker: a server process, replaced when it dies."""

    def __init__(self, settings: Settings, sockets: Sockets) -> None:
        self._settings = settings
        self._sockets = sockets
        self._failures = 0
        self.due: float | None = None
        """Time to replace a dead process; None while one is running."""
        self.start()

    def start(self) -> None:
        self.due = None
        self._started = time.monotonic()
        self.said, says = _SPAWN.Pipe(duplex=False)
        self.process: SpawnProcess = _SPAWN.Process(
            target=_work, args=(self._settings, self._sockets, says), name="worker"
        )
        self.process.start()
        says.close()

    def serves(self) -> bool:
        """Wait until the worker accepts requests (True) or has ended before that (False)."""
        try:
            return bool(self.said.recv())
        except EOFError:
            self.process.join()
            return False

    def died(self) -> None:
        """Schedule a restart: immediately, unless the process keeps dying soon after its start."""
        self.process.join()
        forget_worker(self.process.pid or 0)
        lived = time.monotonic() - self._started
        self._failures = 0 if lived > _LIVED_WELL_SECONDS else self._failures + 1
        pause = min(2.0**self._failures - 2, _LONGEST_PAUSE_SECONDS) if self._failures else 0.0
        self.due = time.monotonic() + pause
        log.error("worker ended", pid=self.process.pid, code=self.process.exitcode, again_in_seconds=pause)

    def stop(self) -> None:
        if self.process.is_alive():
            self.process.terminate()

    def ended(self, by: float) -> None:
        """Wait for its end, at most until a deadline, and kill it then."""
        self.process.join(max(0.0, by - time.monotonic()))
        if self.process.is_alive():
            log.error("worker did not stop and is killed", pid=self.process.pid)
            self.process.kill()
            self.process.join()


class StopSignals:
    """Stop signals: SIGTERM and SIGINT are recorded, not acted upon, while the block lasts."""

    def __init__(self) -> None:
        self.came = False

    def __enter__(self) -> Self:
        self._reads, self._writes = socket.socketpair()
        self._writes.setblocking(False)
        self._before = {number: signal.signal(number, self._notice) for number in _STOPPING}
        self._woke = signal.set_wakeup_fd(self._writes.fileno())
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._woke)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._reads.close()
        self._writes.close()

    def wait(self, others: Sequence[Connection | int], seconds: float | None = None) -> None:
        """Wait for one of the others, for a signal, or for some seconds."""
        wait([*others, self._reads], seconds)

    def _notice(self, *_: object) -> None:
        self.came = True


def supervise(
    settings: Settings, sockets: Sequence[Sockets], on_serving: Callable[[], None], announce: Announce
) -> int:
    """Run a worker on each group of sockets until stopped; return the exit code."""
    with StopSignals() as told:
        workers = [Worker(settings, each) for each in sockets]
        code = _start(workers, told)
        if not code and not told.came:
            on_serving()
            _look_after(workers, told)
            announce(farewell(settings))
        # Open sockets would continue to take connections that no worker answers.
        for each in chain(*sockets):
            each.close()
        for worker in workers:
            worker.stop()
        by = time.monotonic() + (settings.drain + settings.grace).total_seconds() + _ENDS_WITHIN_SECONDS
        for worker in workers:
            worker.ended(by)
    return code


def _start(workers: Sequence[Worker], told: StopSignals) -> int:
    """Wait until all workers serve; return 0, or the exit code of the first that fails to."""
    for worker in workers:
        told.wait([worker.said])
        if told.came:
            return 0
        if not worker.serves():
            code = worker.process.exitcode or 0
            return code if code > 0 else 1
    return 0


def _look_after(workers: Sequence[Worker], told: StopSignals) -> None:
    while not told.came:
        due = [worker.due - time.monotonic() for worker in workers if worker.due is not None]
        alive = [worker.process.sentinel for worker in workers if worker.due is None]
        told.wait(alive, max(0.0, min(due)) if due else None)
        for worker in workers:
            if worker.due is None and not worker.process.is_alive():
                worker.died()
            elif worker.due is not None and worker.due <= time.monotonic() and not told.came:
                worker.start()


def _work(settings: Settings, sockets: Sockets, says: Connection) -> None:
    """Entry point of a worker process."""
    # Ctrl-C reaches the worker too, before it can stop gracefully; the parent forwards it later.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_up_logging(settings.log_level, settings.log_format)
    guard_terminal()
    parent = multiprocessing.parent_process()
    try:
        run_server(settings, sockets, lambda: says.send(True), lifeline=parent.sentinel if parent else None)
    except SharingError as error:
        complain(error.message)
        sys.exit(error.row.exit_code)
