"""`serve`: run the HTTP server until it is stopped."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.output import announce, warn
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.cli.session import configured
from model_sharing_provider.cli.settings import setting_options
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.http.urls import EXPLORER_PREFIX
from model_sharing_provider.keys.private_files import write_private
from model_sharing_provider.serving.logs import set_up_logging
from model_sharing_provider.serving.metrics_listener import served_metrics
from model_sharing_provider.serving.server import run_server
from model_sharing_provider.serving.sockets import bound_sockets, serves_in_clear, tls_context, url_of
from model_sharing_provider.serving.supervisor import supervise

_EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - what an administrator may ask for


@click.command(
    epilog=example(
        "model-sharing-provider serve",
        "model-sharing-provider serve --host 0.0.0.0 --port 8443 --tls-certificate acme.pem",
    )
)
@setting_options("SERVE_")
def serve(**told: Any) -> None:
    """Serve shares to recipients, and the registry and its explorer to colleagues."""
    settings = configured(**told)
    tls = tls_context(settings.tls_certificate, settings.tls_key) is not None
    set_up_logging(settings.log_level, settings.log_format)
    sockets = bound_sockets(settings.host, settings.port, settings.workers)
    url = url_of(settings.host, sockets[0], tls=tls)
    if serves_in_clear(settings, sockets[0]):
        warn(
            "tokens and models travel unencrypted, and anybody who reads a token on the way can use it: set "
            "--tls-certificate, or serve behind a proxy with TLS and name it in "
            "MODEL_SHARING_PROVIDER_TRUSTED_PROXIES and MODEL_SHARING_PROVIDER_PUBLIC_URL"
        )

    def on_serving() -> None:
        write_private(settings.address_path, url.encode())
        announce(f"Serving shares on {url}{PREFIX}  (home {settings.home}; stop with Ctrl-C)")
        if settings.replica_of:
            announce(f"Reads only, from a replica; changes are made at {settings.replica_of}")
        elif settings.ui:
            announce(f"Explorer on {url}{EXPLORER_PREFIX}  (first token: {settings.admin_token_path})")
        if settings.host in _EVERY_ADDRESS and not settings.public_url:
            announce(
                "Set MODEL_SHARING_PROVIDER_PUBLIC_URL to the address that recipients reach: links contain it"
            )

    with served_metrics(settings, announce):
        if settings.workers == 1:
            run_server(settings, sockets[0], on_serving, announce=announce)
        else:
            asyncio.run(_prepare(settings))
            sys.exit(supervise(settings, sockets, on_serving, announce))


async def _prepare(settings: Settings) -> None:
    """Perform a first start, and find what is wrong, once, before there are several processes."""
    async with open_provider(settings, announce) as provider:
        provider.wire_all()
