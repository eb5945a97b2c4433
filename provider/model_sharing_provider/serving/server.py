"""Server process: a provider behind sockets, until it is stopped."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from aiohttp import web

from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.bootstrap.startup import Announce
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.http.idle_connections import watch
from model_sharing_provider.http.requests import TRACER
from model_sharing_provider.http.server import Runner
from model_sharing_provider.http.shutdown import SHUTDOWN
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.serving.expiry import show_certificate, watch_expiry
from model_sharing_provider.serving.sockets import Sockets, tls_context
from model_sharing_provider.serving.tracing import traces
from model_sharing_provider.telemetry.log import log


def run_server(
    settings: Settings,
    sockets: Sockets,
    on_serving: Callable[[], None],
    *,
    announce: Announce = lambda _: None,
    lifeline: int | None = None,
) -> None:
    """Serve until SIGTERM, SIGINT, or until the file descriptor `lifeline` is readable. Blocking."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, sockets, on_serving, announce, lifeline))


async def _serve(
    settings: Settings,
    sockets: Sockets,
    on_serving: Callable[[], None],
    announce: Announce,
    lifeline: int | None,
) -> None:
    tls = tls_context(settings.tls_certificate, settings.tls_key)
    async with traces() as tracer, open_provider(settings, announce) as provider:
        provider.wire_all()
        # Signing in to the explorer is a change, and so is most of what its pages are for.
        pages = settings.ui and not settings.replica_of
        app = make_app(provider, settings.trusted_proxies, ui=pages)
        if tracer:
            app[TRACER] = tracer
        # aiohttp waits this long for responses in progress, then again before it ends them; 0 means forever.
        patience = max(settings.grace.total_seconds() / 2, 0.01)
        runner = Runner(app, shutdown_timeout=patience)
        await runner.setup()
        assert runner.server is not None  # noqa: S101 - set up above
        watching = (
            asyncio.create_task(watch(app, runner.server)),
            asyncio.create_task(watch_expiry(provider.inventory, show_certificate(settings.tls_certificate))),
            asyncio.create_task(provider.replication.run()),
            *(asyncio.create_task(run()) for run in _background(provider, settings)),
        )
        log.open()
        try:
            for each in sockets:
                await web.SockSite(runner, each, ssl_context=tls).start()
            gc.freeze()  # what is here now stays: a full collection of it would stop all requests for 40 ms
            on_serving()
            await _stopped(lifeline)
            app[SHUTDOWN].stopping = True
            provider.changes.stop_waiting()
            announce(farewell(settings))
            await asyncio.sleep(settings.drain.total_seconds())
        finally:
            for task in watching:
                task.cancel()
            await asyncio.wait(watching)
            await runner.cleanup()


def _background(
    provider: ProviderServices, settings: Settings
) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
    """What a server does besides answering; nothing for one that leaves it to others, as replicas do."""
    if not settings.jobs or settings.replica_of:
        return ()
    return provider.job_worker.run, provider.mirror_follower.run, provider.eviction.run


async def _stopped(lifeline: int | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if lifeline is not None:
        loop.add_reader(lifeline, stop.set)
    await stop.wait()
    if lifeline is not None:
        loop.remove_reader(lifeline)


def farewell(settings: Settings) -> str:
    drain, grace = settings.drain.total_seconds(), settings.grace.total_seconds()
    still = f"requests are answered for {drain:.0f} s more, then " if drain else ""
    return f"Stopping: {still}transfers in progress have {grace:.0f} s to finish"


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    with suppress(ImportError):  # not available on Windows
        import uvloop  # noqa: PLC0415

        return uvloop.Loop
    return None
