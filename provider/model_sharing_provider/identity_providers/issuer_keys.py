"""Keys of issuers, by discovery: the issuer's configuration names the address of its JSON Web Key Set.

Both are asked for at most once every `asked_every` seconds for an issuer, whatever tokens arrive: when there
are none yet, when a token names a key that is not among them (the issuer rotated its keys), and when they are
old. While an issuer cannot be asked, its last keys are used for a day.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache

from model_sharing_protocol.errors import SharingError, Unauthenticated
from model_sharing_provider.identity_providers.issuer_documents import IssuerDocuments
from model_sharing_provider.identity_providers.signature_keys import MAX_KEYS, find_key

if TYPE_CHECKING:
    from jwt import PyJWK

_ISSUERS_KEPT = 256
_FRESH_SECONDS = 3600.0
_USED_SECONDS = 24 * 3600.0
_ASKED_EVERY_SECONDS = 30.0


@dataclass(slots=True)
class _Known:
    """Configuration and keys of one issuer, and when they were fetched and asked for."""

    configuration: Mapping[str, Any] = field(default_factory=dict)
    keys: Sequence[Mapping[str, Any]] = ()
    fetched_at: float = -math.inf
    asked_at: float = -math.inf
    failure: SharingError | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class IssuerKeys:
    """Keys of the issuers that policies name, in this process."""

    def __init__(
        self,
        documents: IssuerDocuments,
        *,
        asked_every: float = _ASKED_EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._documents = documents
        self._asked_every = asked_every
        self._clock = clock
        self._known: LRUCache[str, _Known] = LRUCache(_ISSUERS_KEPT)

    async def find(self, issuer: str, kid: str | None, algorithm: str) -> PyJWK:
        """Key of an issuer. Raises Unauthenticated if it has no such key, IssuerUnavailable."""
        known = self._known.setdefault(issuer, _Known())
        key = find_key(known.keys, kid, algorithm)
        if key is None or self._age(known) > _FRESH_SECONDS:
            async with known.lock:
                # Another caller may have been faster.
                key = find_key(known.keys, kid, algorithm)
                if key is None or self._age(known) > _FRESH_SECONDS:
                    await self._ask(issuer, known)
            key = find_key(known.keys, kid, algorithm)
        if known.failure is not None and (key is None or self._age(known) > _USED_SECONDS):
            raise type(known.failure)(known.failure.message)
        if key is None:
            raise Unauthenticated(
                f"The issuer {issuer!r} has no key that fits the identity token's 'kid' and algorithm."
            )
        return key

    async def configuration(self, issuer: str) -> Mapping[str, Any]:
        """Discovery document of an issuer, which names it. Raises Unauthenticated, IssuerUnavailable."""
        known = self._known.setdefault(issuer, _Known())
        if self._age(known) > _FRESH_SECONDS:
            async with known.lock:
                if self._age(known) > _FRESH_SECONDS:
                    await self._ask(issuer, known)
        if known.failure is not None and self._age(known) > _USED_SECONDS:
            raise type(known.failure)(known.failure.message)
        return known.configuration

    def _age(self, known: _Known) -> float:
        return self._clock() - known.fetched_at

    async def _ask(self, issuer: str, known: _Known) -> None:
        now = self._clock()
        if now - known.asked_at < self._asked_every:
            return
        known.asked_at = now
        try:
            known.configuration = await self._fetch_configuration(issuer)
            known.keys = await self._fetch_keys(issuer, known.configuration)
        except SharingError as error:
            known.failure = error
        else:
            known.fetched_at, known.failure = now, None

    async def _fetch_configuration(self, issuer: str) -> Mapping[str, Any]:
        found = await self._documents.fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise Unauthenticated(f"The configuration of {issuer!r} is that of another issuer.")
        return found

    async def _fetch_keys(self, issuer: str, configuration: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        keys = (await self._documents.fetch(str(configuration.get("jwks_uri", "")))).get("keys")
        if not isinstance(keys, list) or len(keys) > MAX_KEYS:
            raise Unauthenticated(f"The issuer {issuer!r} has no set of at most {MAX_KEYS} keys.")
        return [key for key in keys if isinstance(key, dict)]
