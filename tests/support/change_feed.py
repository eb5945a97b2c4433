"""Reader of a share's change feed, which verifies what it reads."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import msgspec

from model_sharing_protocol.dsse import Envelope, PublicKey
from model_sharing_protocol.error_responses import error_from_open_sharing
from model_sharing_protocol.open_sharing import SIGNATURE_HEADER, ErrorAnswer, ShareChange, ShareChanges
from model_sharing_protocol.profile import Profile
from model_sharing_protocol.signatures import verify_changes


@dataclass
class FeedReader:
    """Reader with the token that it has now. Read with `read`, which moves on."""

    profile: Profile
    share: str
    key: PublicKey
    session: aiohttp.ClientSession = field(repr=False)
    token: str = ""

    async def ask(self, since: str, wait: int = 0, max_results: int | None = None) -> ShareChanges:
        """One page. Raises the error that the provider answered with."""
        query = {"since": since} if since else {}
        if wait:
            query["wait"] = str(wait)
        if max_results is not None:
            query["maxResults"] = str(max_results)
        url = f"{self.profile.endpoint}/shares/{self.share}/changes"
        headers = {"Authorization": f"Bearer {self.profile.bearer_token}"}
        async with self.session.get(url, params=query, headers=headers) as answer:
            body = await answer.read()
            if answer.status != 200:
                error = msgspec.json.decode(body, type=ErrorAnswer)
                raise error_from_open_sharing(answer.status, error.error_code, error.message)
            envelope = msgspec.json.decode(answer.headers[SIGNATURE_HEADER], type=Envelope)
            verify_changes(envelope, self.key, self.share, since, hashlib.sha256(body).hexdigest())
            return msgspec.json.decode(body, type=ShareChanges)

    async def start(self) -> None:
        """Take the token of now."""
        self.token = (await self.ask("")).token

    async def read(self, wait: int = 0) -> list[ShareChange]:
        """All changes since the last time, in as many pages as it takes."""
        found: list[ShareChange] = []
        while True:
            page = await self.ask(self.token, wait)
            found += page.changes
            self.token = page.token
            if not page.more:
                return found

    async def news(self, wait: int = 0) -> list[str]:
        """The same in short: `ALIAS_SET ml_team.iris 2 champion`."""
        return [brief(change) for change in await self.read(wait)]


def brief(change: ShareChange) -> str:
    parts = (change.kind, change.previous_model, change.model, change.version, change.alias)
    return " ".join(str(part) for part in parts if part is not None)


@asynccontextmanager
async def feed_reader(profile: Profile, share: str, key: str) -> AsyncIterator[FeedReader]:
    """Reader with a token; `key` is the PEM of the provider's signing key."""
    async with aiohttp.ClientSession() as session:
        reader = FeedReader(profile, share, PublicKey.parse(key), session)
        await reader.start()
        yield reader
