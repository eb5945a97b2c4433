"""Event loop in a background thread, for all blocking calls, so that they work where a loop runs already.

It keeps connections alive between calls, and serves several threads at once.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from model_sharing.catalogs.shared_catalog import SharedCatalog
from model_sharing.downloads.progress_counter import PhaseQueue
from model_sharing.mount_table import Mount
from model_sharing.settings import Settings
from model_sharing_protocol.progress import ProgressCallback

_SECONDS_BETWEEN_CALLS = 0.1

T = TypeVar("T")


class BackgroundLoop:
    """Event loop in a daemon thread, started at first use and stopped when the process ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._calls = 0
        self._catalogs: dict[tuple[Mount, Settings], SharedCatalog] = {}

    def run(
        self,
        work: Callable[[], Coroutine[Any, Any, T]],
        phases: PhaseQueue | None = None,
        callback: ProgressCallback | None = None,
    ) -> T:
        """Run `work()` to its result; `callback` gets its progress in the calling thread.

        What the callback raises ends the work, and is raised. `work` is called when no fork can close
        any more what it uses.
        """
        with self._lock:
            self._calls += 1
            loop = self._running()
        future = None
        try:
            future = asyncio.run_coroutine_threadsafe(work(), loop)
            if phases is not None and callback is not None:
                future.add_done_callback(lambda _: phases.put(None))
                report_progress(phases, callback)
            return future.result()
        except BaseException:
            if future is not None:
                future.cancel()  # Ctrl-C in the waiting thread ends the work too
            raise
        finally:
            with self._lock:
                self._calls -= 1

    def shared_catalog(self, mount: Mount, settings: Settings) -> SharedCatalog:
        """Catalog of a mount, with its open connections: one for each mount and settings."""
        with self._lock:
            key = (mount, settings)
            if key not in self._catalogs:
                self._catalogs[key] = SharedCatalog(mount, settings, self._running())
            return self._catalogs[key]

    def close_if_idle(self) -> None:
        """Close all connections, unless a call is under way."""
        if not self._calls:
            self.close()

    def close(self) -> None:
        """Close all connections and stop the loop. The next call starts anew."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
            catalogs, self._catalogs = self._catalogs, {}
        if loop is None or thread is None:
            return
        for catalog in catalogs.values():
            asyncio.run_coroutine_threadsafe(catalog.close(), loop).result(timeout=2)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=2)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=_serve, args=(self._loop,), name="model-sharing", daemon=True
            )
            self._thread.start()
        return self._loop


def report_progress(phases: PhaseQueue, callback: ProgressCallback) -> None:
    """Report each phase to the callback and, ten times a second, how far it is, until all is done."""
    reported = None
    while (now := phases.next(_SECONDS_BETWEEN_CALLS)) is not None:
        if now != reported:
            callback(now)
        reported = now


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


_background = BackgroundLoop()


_inherited: list[BackgroundLoop] = []


def _close_before_fork() -> None:
    """Close connections and loop, which a child must not inherit: both sides would use them."""
    _background.close_if_idle()


def _reset_in_child() -> None:
    """Start with a new loop; one in use at the fork is kept unused, since closing it disturbs the parent."""
    global _background  # noqa: PLW0603
    _inherited.append(_background)
    _background = BackgroundLoop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_close_before_fork, after_in_child=_reset_in_child)


def run(
    work: Callable[[], Coroutine[Any, Any, T]],
    phases: PhaseQueue | None = None,
    callback: ProgressCallback | None = None,
) -> T:
    """Run on the loop of this process; see `BackgroundLoop.run`."""
    return _background.run(work, phases, callback)


def shared_catalog(mount: Mount, settings: Settings) -> SharedCatalog:
    """Catalog of a mount on the loop of this process."""
    return _background.shared_catalog(mount, settings)


@atexit.register
def close() -> None:
    """Close all connections. What is called afterwards opens them again."""
    _background.close()
