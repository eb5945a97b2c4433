"""Server process of `serve-cache`: an application on one address, until it is stopped."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from model_sharing.cache_server.silent_connections import SILENT_CONNECTIONS
from model_sharing_protocol.errors import InvalidParameter, PortInUse

_IDLE_SECONDS = 60.0
_FAREWELL_SECONDS = 5.0
"""For responses in progress when the server is stopped, and then once more before they are cut."""

# What it would say quotes requests, which may hold tokens; failures are reported by the application itself.
_silent = logging.getLogger("model_sharing.silent")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


async def serve(app: web.Application, host: str, port: int, on_serving: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. `on_serving` gets the URL as soon as clients can connect.

    Raises PortInUse, and InvalidParameter for an address that is not of this machine.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=_silent,
        keepalive_timeout=_IDLE_SECONDS,
        shutdown_timeout=_FAREWELL_SECONDS,
    )
    await runner.setup()
    assert runner.server is not None  # noqa: S101 - set up above
    watching = asyncio.create_task(app[SILENT_CONNECTIONS].watch(runner.server))
    try:
        await _listen(runner, host, port)
        on_serving(f"http://{f'[{host}]' if ':' in host else host}:{runner.addresses[0][1]}")
        await _stopped()
    finally:
        watching.cancel()
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(f"Port {port} of {host} is taken; choose another with --port.") from error
        raise InvalidParameter(f"{host!r} is not an address of this machine to listen on.") from error


async def _stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # on Windows, where Ctrl-C raises KeyboardInterrupt
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    await stop.wait()
