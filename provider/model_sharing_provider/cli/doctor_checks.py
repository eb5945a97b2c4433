"""Checks of `doctor`: home, secrets, stores, TLS, public URL and clock of a provider."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from cryptography import x509

from model_sharing_protocol.console.doctor_checks import (
    Finding,
    bad,
    check_folder,
    check_private_file,
    doubtful,
    good,
)
from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.errors import ArtifactStoreUnavailable, MetastoreUnavailable, SharingError
from model_sharing_protocol.network.plain_http import travels_in_clear
from model_sharing_protocol.times import iso, now_ms
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.cli.cdn_checks import check_cdns
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.principals import Caller
from model_sharing_provider.http.urls import SIGN_IN_CALLBACK_PATH
from model_sharing_provider.keys.cdns import CdnTable
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.mirroring.states import remedy_of
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.serving.sockets import tls_context

_HEALTH = "/health"
_ANSWERS_WITHIN_SECONDS = 5.0
_SOON = timedelta(days=14)
_CLOCK_TOLERANCE_MS = 60_000
_EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - what an administrator may ask for


def check_home(settings: Settings) -> Iterator[Finding]:
    """Check the home and the files with secrets."""
    yield from check_folder("home", settings.home)
    yield check_private_file("secrets", settings.secrets_path)
    yield check_private_file("signing keys", settings.signing_keys_path)
    if settings.cdn_file:
        try:
            paths = CdnTable(settings.cdn_file).key_paths
        except SharingError as error:
            yield bad("CDNs", error)
        else:
            yield from (check_private_file("CDN key", path) for path in paths)


async def check_stores(settings: Settings) -> AsyncIterator[Finding]:
    """Check the database and its secrets, the artifacts, the keys and the clock."""
    async with AsyncExitStack() as opened:
        try:
            provider = await opened.enter_async_context(open_provider(settings))
            provider.wire_all()  # as a server does, which does not start with what this cannot use
            failing = await provider.readiness.failing()
            for part, where, error in (
                ("database", settings.database_shown, MetastoreUnavailable),
                ("artifacts", settings.artifact_root_url, ArtifactStoreUnavailable),
            ):
                yield bad(part, error(f"{where}: {failing[part]}")) if part in failing else good(part, where)
            context = provider.context(Caller(provider.administrator, "cli"))
            yield await _check_keys(provider, context)
            yield await _check_clock(provider, context)
            async for finding in _check_identity_provider(provider):
                yield finding
            async for finding in check_cdns(provider):
                yield finding
            async for finding in _check_shared_catalogs(provider, context):
                yield finding
        except Exception as error:  # such as of a file that is not a database
            yield bad("database, secrets and artifacts", error)


def check_tls(settings: Settings) -> Finding:
    """Check that the certificate can be used, and when it expires."""
    certificate = settings.tls_certificate
    try:
        if tls_context(certificate, settings.tls_key) is None or certificate is None:
            return good("TLS", "not used here; a proxy may terminate it")
        ends = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    except SharingError as error:
        return bad("TLS", error)
    left = ends - datetime.now(UTC)
    validity = f"The certificate {certificate} is valid until {ends.isoformat(timespec='seconds')}"
    if left < timedelta(0):
        return bad("TLS", f"{validity}, which has passed: renew it.")
    return doubtful("TLS", f"{validity}: renew it soon.") if left < _SOON else good("TLS", validity)


async def check_public_url(settings: Settings) -> AsyncIterator[Finding]:
    """Check the public URL, and that a server answers there."""
    url = settings.public_url or await asyncio.to_thread(_last_served, settings.address_path)
    if settings.public_url and travels_in_clear(url):
        yield doubtful("public URL", f"{url} is plain http: tokens travel unencrypted.")
    elif settings.public_url:
        yield good("public URL", url)
    elif settings.host in _EVERY_ADDRESS:
        yield doubtful(
            "public URL", "not set: activation links have an address that recipients cannot reach."
        )
    else:
        yield good("public URL", "not set: links have the address that the server listens on")
    if url:
        yield await _check_server(url)


def _last_served(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


async def _check_server(url: str) -> Finding:
    timeout = aiohttp.ClientTimeout(total=_ANSWERS_WITHIN_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url.rstrip("/") + _HEALTH, allow_redirects=False) as response,
        ):
            body = await response.content.read(1024)
            if response.status == 200 and isinstance(json.loads(body), dict):
                return good("server", f"answers at {url}")
            return doubtful(
                "server", f"What answers at {url} (HTTP {response.status}) is not a model-sharing server."
            )
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        why = str(error) or type(error).__name__
        return doubtful("server", f"No server answers at {url}: {why}. Commands work without one.")


async def _check_keys(provider: ProviderServices, context: Context) -> Finding:
    newest = (await provider.signing.list_keys(context))[-1]
    return good("key", f"signs with {PublicKey.parse(newest.pem).fingerprint}")


async def _check_clock(provider: ProviderServices, context: Context) -> Finding:
    """Check the clock: an event from the future means it was set back, or another server's is ahead."""
    latest = await provider.audit.latest(context, 1)
    now = now_ms()
    if latest and latest[0].at > now + _CLOCK_TOLERANCE_MS:
        return bad(
            "time",
            f"It is {iso(now)} here, and the audit log has an event of {iso(latest[0].at)}. Set the clock.",
        )
    return good("time", iso(now))


async def _check_identity_provider(provider: ProviderServices) -> AsyncIterator[Finding]:
    """Check that the identity provider that people sign in at answers, if one is set."""
    at = provider.code_sign_in.provider
    if at is None:
        return
    try:
        await provider.code_sign_in.check()
    except SharingError as error:
        yield bad("identity provider", error)
    else:
        callback = provider.public_url + SIGN_IN_CALLBACK_PATH
        yield good("identity provider", f"{at.issuer}, with the redirect URI {callback}")


async def _check_shared_catalogs(provider: ProviderServices, context: Context) -> AsyncIterator[Finding]:
    """Check that the catalogs from shares of other providers could be brought up to date."""
    for status in await provider.inventory.shared_catalogs():
        subject = f"catalog {status.catalog}"
        if not status.state.is_failure:
            yield good(subject, f"is what its provider showed at {iso(status.checked_at)}")
            continue
        source = (await provider.catalogs.get(context, status.catalog)).source
        if source is not None:
            remedy = remedy_of(source.state, source.provider)
            yield doubtful(subject, f"{source.state}: {source.state_reason} {remedy}")
