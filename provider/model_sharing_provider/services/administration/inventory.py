"""Inventory for operators: tokens that are about to expire, grants, shared catalogs, and jobs.

It has no caller, so there is nothing to authorize and no audit event, as with readiness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.expiry import Expiring
from model_sharing_provider.domain.jobs import JobCount
from model_sharing_provider.domain.mirrors import SharedCatalogStatus
from model_sharing_provider.keys.signing_keys import SigningKeys
from model_sharing_provider.metastore.database import Database

WATCHED = timedelta(days=7)


class Inventory:
    def __init__(self, database: Database, signing_keys: SigningKeys) -> None:
        self._database = database
        self._signing_keys = signing_keys

    async def expiring(self) -> Mapping[str, Expiring]:
        """Expiry by kind of token. A recipient counts by its longest-lived token: after it, access ends."""
        now = now_ms()
        until = now + WATCHED // timedelta(milliseconds=1)
        async with self._database.read() as rows:
            return {
                "recipient_token": await rows.recipients.expiring(now, until),
                "access_token": await rows.principals.expiring(now, until),
            }

    async def oldest_grants(self, limit: int) -> Sequence[tuple[str, str]]:
        """Oldest grants, as share and recipient, at most `limit`."""
        async with self._database.read() as rows:
            return await rows.share_grants.oldest(limit)

    async def shared_catalogs(self) -> Sequence[SharedCatalogStatus]:
        """Status of all catalogs that are made from shares of other providers."""
        async with self._database.read() as rows:
            found = []
            for mirror in await rows.mirrors.all():
                check = await rows.mirrors.last_check(mirror.catalog_id)
                found.append(SharedCatalogStatus(mirror.catalog, mirror.state, check.checked_at))
            return found

    async def jobs(self) -> Sequence[JobCount]:
        """Numbers of background jobs that are queued, running, or failed."""
        async with self._database.read() as rows:
            return await rows.jobs.counts()

    @property
    def signing_key_created_at(self) -> int:
        """Creation time of the current signing key, in epoch ms."""
        return self._signing_keys.listed[-1].created_at
