"""`serve`: run the HTTP server until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import ssl
import sys
from pathlib import Path
from typing import Any

import click
import structlog
from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter, PortInUse
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.bootstrap import open_provider
from model_sharing_provider.cli.session import announce, configured
from model_sharing_provider.cli.settings import setting_options
from model_sharing_provider.rest.app import make_app
from model_sharing_provider.rest.connections import watch
from model_sharing_provider.server_secrets import write_private
from model_sharing_provider.settings import Settings

_GRACE_SECONDS = 10.0
_EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - what an administrator may ask for


@click.command()
@setting_options("SERVE_")
def serve(**told: Any) -> None:
    """Serve shares to recipients, and the registry to colleagues."""
    settings = configured(**told)
    tls = _tls(settings.tls_certificate, settings.tls_key)
    _set_up_logging(settings.log_level)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, tls))


async def _serve(settings: Settings, tls: ssl.SSLContext | None) -> None:
    host, port = settings.host, settings.port
    async with open_provider(settings, announce) as provider:
        app = make_app(provider)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GRACE_SECONDS)
        await runner.setup()
        assert runner.server is not None  # noqa: S101 - set up above
        watching = asyncio.create_task(watch(app, runner.server))
        try:
            site = web.TCPSite(runner, host, port, ssl_context=tls)
            await _listen(site, host, port)
            url = f"{'https' if tls else 'http'}://{_in_url(host)}:{runner.addresses[0][1]}"
            write_private(settings.address_path, url.encode())
            announce(f"Serving shares on {url}{PREFIX}  (home {settings.home}; stop with Ctrl-C)")
            if host in _EVERY_ADDRESS and not settings.public_url:
                announce("Set MODEL_SHARING_PUBLIC_URL to the address that recipients reach: links need it")
            await _stopped()
            announce("Stopping: transfers in progress have ten seconds to finish")
        finally:
            watching.cancel()
            await runner.cleanup()


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        if key is not None:
            raise InvalidParameter("--tls-key needs --tls-certificate beside it.")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        raise InvalidParameter(f"The TLS certificate {certificate} cannot be used: {error}.") from error
    return context


async def _listen(site: web.TCPSite, host: str, port: int) -> None:
    try:
        await site.start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"Port {port} on {host} is taken; stop what listens there, or choose another with --port."
            ) from error
        raise InvalidParameter(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from error


async def _stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not to be had on Windows
    except ImportError:
        return None
    return uvloop.Loop


def _set_up_logging(level: str) -> None:
    """JSON lines for machines, colours for people, always on standard error."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
