"""Signed URLs of whichever CDN delivers an object, by the table of CDNs of the settings.

A signature takes 4 µs by HMAC, 60 by Ed25519, 110 by ECDSA and 700 by RSA. So those of a version's files
share one where that is not HMAC: it is for the version's folder, and expires as the others do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import assert_never

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from model_sharing_provider.artifacts.cdn import cloudfront, google
from model_sharing_provider.domain.cdns import Cdn

# Signatures by RSA that other requests wait for: 10 ms.
_SIGNED_AT_ONCE = 16


class CdnUrls:
    """Signer of URLs by the CDNs that `table` returns, which may change between calls."""

    def __init__(self, table: Callable[[], Sequence[Cdn]] = tuple) -> None:
        self._table = table

    @property
    def cdns(self) -> Sequence[Cdn]:
        return self._table()

    def find(self, location: str) -> Cdn | None:
        """CDN in use for an object: that of the longest location above it."""
        found = [cdn for cdn in self._table() if cdn.delivers(location)]
        nearest = max(found, key=lambda cdn: len(cdn.location), default=None)
        return nearest if nearest is not None and nearest.in_use else None

    async def sign(
        self, cdn: Cdn, locations: Sequence[str], seconds: int, folder: str | None = None
    ) -> list[str]:
        """Sign URLs of these objects, valid for some seconds.

        `folder` is one with nothing in it that whoever gets the URLs may not read; then one signature may be
        for all that is below it.
        """
        expires = int(time.time()) + seconds
        urls = [cdn.url_of(location) for location in locations]
        if folder is not None and len(urls) > 1 and (query := _folder_query(cdn, folder, expires)):
            return [f"{url}?{query}" for url in urls]
        signed = []
        for start in range(0, len(urls), _SIGNED_AT_ONCE):
            signed += [_signed(cdn, url, expires) for url in urls[start : start + _SIGNED_AT_ONCE]]
            await asyncio.sleep(0)
        return signed


def _signed(cdn: Cdn, url: str, expires: int) -> str:
    match cdn.key:
        case RSAPrivateKey() | EllipticCurvePrivateKey() as key:
            return cloudfront.sign_url(url, expires, cdn.key_id, key, cdn.hash)
        case Ed25519PrivateKey() | bytes() as key:
            return google.sign_url(url, expires, cdn.key_id, key)
        case other:
            assert_never(other)


def _folder_query(cdn: Cdn, folder: str, expires: int) -> str | None:
    """Query that is valid for all objects of a folder; None where each URL is signed more cheaply."""
    below = f"{cdn.url_of(folder)}/"
    match cdn.key:
        case RSAPrivateKey() | EllipticCurvePrivateKey() as key:
            return cloudfront.sign_folder(below, expires, cdn.key_id, key, cdn.hash)
        case Ed25519PrivateKey() as key:
            return google.sign_folder(below, expires, cdn.key_id, key)
        case bytes():
            return None
        case other:
            assert_never(other)
