"""Readiness: the database, its tables and the artifact store can serve requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Coroutine
from typing import Any

from model_sharing_protocol.errors import SharingError
from model_sharing_provider.artifacts.download_origins import CdnSample, DownloadOrigins
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.metastore.database import Database
from model_sharing_provider.services.audit_recorder import EventLog
from model_sharing_provider.telemetry.log import log

_ANSWERS_WITHIN_SECONDS = 3.0
_LOOKED_AT_EVERY_SECONDS = 0.5
_WRITTEN_EVERY_SECONDS = 5.0


class Readiness:
    """Readiness check, run at most twice a second: anybody may request it, without a token."""

    def __init__(
        self,
        database: Database,
        artifacts: ArtifactStore,
        origins: DownloadOrigins,
        event_log: EventLog,
    ) -> None:
        self._database = database
        self._event_log = event_log
        self._artifacts = artifacts
        self._origins = origins
        self._one_at_a_time = asyncio.Lock()
        self._looked = -_LOOKED_AT_EVERY_SECONDS
        self._written_again_at = 0.0
        self._failing: dict[str, str] = {}

    def degrades(self, failing: Collection[str]) -> bool:
        """True if only the bucket fails: it fails for every server alike, and much can still be served.

        Lists, aliases, grants and everything in the recipients' caches work without it.
        """
        return self._artifacts.in_bucket and set(failing) == {"artifacts"}

    async def failing(self) -> dict[str, str]:
        """Failing parts, each with a description that names no hosts, buckets or users."""
        async with self._one_at_a_time:
            if time.monotonic() - self._looked >= _LOOKED_AT_EVERY_SECONDS:
                looks = {
                    "database": self._check_database(),
                    "artifacts": self._artifacts.check_reachable(),
                }
                found = await asyncio.gather(*(_look(name, look) for name, look in looks.items()))
                self._failing = {name: what for name, what in zip(looks, found, strict=True) if what}
                self._looked = time.monotonic()
            return dict(self._failing)

    async def cdn_samples(self) -> list[CdnSample]:
        """Objects that the CDNs should deliver, to be tried out by an operator."""
        return await self._origins.cdn_samples()

    async def _check_database(self) -> None:
        """Check that events can be written, as every call needs one, and that rows are fresh enough."""
        await self._database.check_usable()
        await self._database.check_fresh()
        if time.monotonic() >= self._written_again_at:
            self._written_again_at = 0.0
            await self._event_log.check_writable()
            self._written_again_at = time.monotonic() + _WRITTEN_EVERY_SECONDS


async def _look(name: str, look: Coroutine[Any, Any, None]) -> str:
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN_SECONDS):
            await look
    except TimeoutError:
        return f"did not answer within {_ANSWERS_WITHIN_SECONDS:.0f} s"
    except SharingError as error:
        return error.message
    except Exception as error:
        # The error's text may name hosts, buckets and users.
        log.warning("not ready", part=name, reason=str(error))
        return "cannot be reached"
    return ""
