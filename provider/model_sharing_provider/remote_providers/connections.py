"""Connections to upstream providers: one client each, with few calls at a time, and a breaker.

A provider that cannot be reached is not asked by every caller: after a failure, calls fail at once for a
while that doubles up to a minute. The follower of its shares is what tries again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_sharing_protocol.errors import InvalidState, ServerUnreachable, SharingError
from model_sharing_protocol.profile import Profile
from model_sharing_provider.remote_providers.egress import Egress

if TYPE_CHECKING:
    from model_sharing.client.sharing_client import SharingClient
    from model_sharing.transport.session import Transport

_CALLS_AT_ONCE = 8
_RETRY_SECONDS = 1.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(slots=True)
class Breaker:
    """Breaker of one provider: open until a moment of the monotonic clock, after failures in a row."""

    failures: int = 0
    open_until: float = 0.0
    reason: str = ""

    def check(self) -> None:
        """Raise ServerUnreachable while the breaker is open."""
        if time.monotonic() < self.open_until:
            raise ServerUnreachable(self.reason)

    def failed(self, reason: str) -> None:
        self.reason = reason
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0**self.failures)
        self.failures = min(self.failures + 1, 10)
        self.open_until = time.monotonic() + pause

    def succeeded(self) -> None:
        self.failures, self.open_until = 0, 0.0


def _ignore(_: Sequence[str]) -> None:
    """Say nothing of what is left out."""


@dataclass(slots=True)
class _Connection:
    profile: Profile
    transport: Transport
    breaker: Breaker
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_CALLS_AT_ONCE))


class UpstreamConnections:
    """Connections of this process, by the id of the provider. Close them when done."""

    def __init__(self, egress: Egress) -> None:
        self.egress = egress
        self._open: dict[str, _Connection] = {}
        self._breakers: dict[str, Breaker] = {}

    @asynccontextmanager
    async def client(
        self,
        provider_id: str,
        profile: Profile,
        *,
        probes: bool = False,
        waits: bool = False,
        within: float | None = None,
        report_invalid: Callable[[Sequence[str]], None] = _ignore,
    ) -> AsyncIterator[SharingClient]:
        """Client of a provider, for a call or a few. `report_invalid` is told what listings leave out.

        With `probes` the provider is called even while its breaker is open; a call that `waits` for a change
        takes no slot. Raises ServerUnreachable, also after `within` seconds, and what a call raises.
        """
        from model_sharing.client.sharing_client import SharingClient  # noqa: PLC0415 - slow to import

        breaker = self._breakers.setdefault(provider_id, Breaker())
        if not probes:
            breaker.check()
        try:
            connection = await self._connect(provider_id, profile, breaker)
            async with nullcontext() if waits else connection.slots, asyncio.timeout(within):
                yield SharingClient(connection.transport, profile.endpoint, report_invalid)
        except ServerUnreachable as error:
            breaker.failed(error.message)
            raise
        except TimeoutError as error:
            silent = ServerUnreachable(f"{profile.endpoint} did not answer in time.")
            breaker.failed(silent.message)
            raise silent from error
        except SharingError:
            breaker.succeeded()  # it answered
            raise
        breaker.succeeded()

    async def _connect(self, provider_id: str, profile: Profile, breaker: Breaker) -> _Connection:
        from model_sharing.transport.session import Transport  # noqa: PLC0415 - slow to import

        known = self._open.get(provider_id)
        if known is not None and known.profile == profile:
            return known
        try:
            guard = await self.egress.socket_opener(profile.endpoint)
            token_guard = await self.egress.token_socket_opener(profile)
        except InvalidState as error:
            raise ServerUnreachable(f"{profile.endpoint} may not be called: {error.message}") from error
        transport = Transport(lambda: profile, guard, open_token_socket=token_guard, retry_for=_RETRY_SECONDS)
        self._open[provider_id] = _Connection(profile, transport, breaker)
        if known is not None:
            await known.transport.close()
        return self._open[provider_id]

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._open.values():
            await connection.transport.close()
        self._open.clear()
