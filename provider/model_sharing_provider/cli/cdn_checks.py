"""Checks of `doctor`: that each CDN delivers what is in its bucket, to signed URLs alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
from yarl import URL

from model_sharing_protocol.console.doctor_checks import Finding, bad, doubtful, good
from model_sharing_provider.artifacts.download_origins import CdnSample
from model_sharing_provider.services.provider_services import ProviderServices

_ANSWERS_WITHIN_SECONDS = 10.0
_DELIVERED = (200, 206)
_FIRST_BYTE = {"Range": "bytes=0-0", "Accept-Encoding": "identity"}


async def check_cdns(provider: ProviderServices) -> AsyncIterator[Finding]:
    """Check each CDN in use with the first byte of one object."""
    timeout = aiohttp.ClientTimeout(total=_ANSWERS_WITHIN_SECONDS)
    for sample in await provider.readiness.cdn_samples():
        async with aiohttp.ClientSession(timeout=timeout, headers=_FIRST_BYTE) as session:
            yield await _check(session, sample)


async def _check(session: aiohttp.ClientSession, sample: CdnSample) -> Finding:
    subject = f"CDN of {sample.cdn.location}"
    if not sample.url:
        return doubtful(subject, f"{sample.cdn.location} is empty, so {sample.cdn.url} could not be tried.")
    try:
        signed, unsigned = [await _status(session, url) for url in (sample.signed_url, sample.url)]
    except (aiohttp.ClientError, TimeoutError) as error:
        return bad(subject, f"{sample.cdn.url} cannot be reached: {str(error) or type(error).__name__}")
    if signed not in _DELIVERED:
        return bad(
            subject,
            f"{sample.url} with a signature by the key {sample.cdn.key_id!r} gets HTTP {signed}. Check that "
            "the CDN knows this key, that its URL leads to this location, and that it may read it.",
        )
    if unsigned in _DELIVERED:
        return bad(
            subject,
            f"{sample.url} is delivered without a signature, to anybody: have the CDN require one, and make "
            "the bucket private.",
        )
    return good(subject, f"{sample.cdn.url} delivers it to URLs signed by the key {sample.cdn.key_id!r}")


async def _status(session: aiohttp.ClientSession, url: str) -> int:
    # As it was signed: aiohttp would write some characters of it in another way.
    async with session.get(URL(url, encoded=True), allow_redirects=False) as response:
        return response.status
