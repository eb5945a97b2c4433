"""Inventory of what operators watch in the metastore: what is about to expire, and who has been granted what.

No caller asks, so there is nothing to authorize and no event, as with readiness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.expiry import Expiring
from model_sharing_provider.keys.signing_keys import SigningKeys
from model_sharing_provider.metastore.database import Database

WATCHED = timedelta(days=7)


class Inventory:
    def __init__(self, database: Database, signing_keys: SigningKeys) -> None:
        self._database = database
        self._signing_keys = signing_keys

    async def expiring(self) -> Mapping[str, Expiring]:
        """By kind of token. Of a recipient, its longest-lived one counts: after that one it has none."""
        now = now_ms()
        until = now + WATCHED // timedelta(milliseconds=1)
        async with self._database.read() as rows:
            return {
                "recipient_token": await rows.recipients.expiring(now, until),
                "access_token": await rows.principals.expiring(now, until),
            }

    async def oldest_grants(self, limit: int) -> Sequence[tuple[str, str]]:
        """Share and recipient of so many grants at most, those first that were made first."""
        async with self._database.read() as rows:
            return await rows.share_grants.oldest(limit)

    @property
    def signing_key_created_at(self) -> int:
        """Epoch ms."""
        return self._signing_keys.listed[-1].created_at
