"""Changes of a share, for its recipients: a feed that can be waited for.

A token says up to which change a recipient knows the share. It is bound to the grant, and to the random mark
of that change: a token from before a restore, of another share or of another server does not fit.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable

from cachetools import LRUCache

from model_sharing_protocol.errors import FeedTokenExpired
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.changes import ChangesPage, FeedPosition
from model_sharing_provider.domain.sharing import Share, SharedFeed
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.sharing.change_signal import ChangeSignal
from model_sharing_provider.services.sharing.recipient_view import authorize_granted, target_of_recipient

MAX_PAGE_SIZE = 500
_TOKEN = re.compile(r"([0-9]{1,18})-([0-9a-f]{32})", re.ASCII)
_PAGES_KEPT = 500
_CHECK_INTERVAL_SECONDS = 1.0
_EXPIRED = (
    "The token is not one of this share's feed as it is now: it is too old, from before a restore or a new "
    "grant, or of another share. List the share again, and ask for its changes without a token."
)


class Changes:
    def __init__(self, signal: ChangeSignal) -> None:
        self._signal = signal
        self._pages: LRUCache[tuple[str, int, str, int], asyncio.Task[ChangesPage]] = LRUCache(_PAGES_KEPT)

    def stop_waiting(self) -> None:
        """End all waiting, since the process stops."""
        self._signal.stop()

    async def wait(
        self, context: Context, share: str, since: str, seconds: float, is_gone: Callable[[], bool]
    ) -> None:
        """Wait until `list` may have something to tell or to refuse, or the caller is gone.

        It holds neither a transaction nor a connection. Nothing is decided here: whoever waited is
        authenticated and authorized again.
        """
        end = asyncio.get_running_loop().time() + seconds
        token = await self._signal.current()
        known: FeedPosition | None = None
        while not self._signal.closed and not is_gone():
            async with context.read_unaudited() as rows:
                feed = await rows.recipient_reads.feed(context.caller.principal, share.lower())
            if feed.share is None or feed.grant is None or feed.token_expires_at <= now_ms():
                return
            try:
                known = known or await self._position(context, feed, since)
                page = await self._page(context, feed, feed.share, known, MAX_PAGE_SIZE)
            except FeedTokenExpired:
                return
            remaining = end - asyncio.get_running_loop().time()
            if page.changes or page.more or remaining <= 0:
                return
            known = page.position
            token = await self._signal.changed(token, min(remaining, _CHECK_INTERVAL_SECONDS))

    async def list(
        self, context: Context, share: str, since: str, limit: int = MAX_PAGE_SIZE
    ) -> tuple[Share, ChangesPage, str]:
        """Changes of a share after a token, and the token after them; none without a token.

        Raises NotFound, and FeedTokenExpired for a token that is too old, foreign, or from the future.
        """
        share = share.lower()
        target = target_of_recipient(context, share)
        async with context.view(AuditAction.DELTA_SHARING_LIST_CHANGES, target) as operation:
            feed = await operation.rows.recipient_reads.feed(operation.principal, share)
            found, grant = authorize_granted(operation, share, feed.share, feed.grant)
            if since:
                after = await self._position(context, feed, since)
                page = await self._page(context, feed, found, after, min(limit, MAX_PAGE_SIZE))
            else:
                page = ChangesPage((), feed.position)
            return found, page, _token(page.position, grant.id)

    async def _position(self, context: Context, feed: SharedFeed, token: str) -> FeedPosition:
        """Position of a token. Raises FeedTokenExpired."""
        parsed = _TOKEN.fullmatch(token)
        if parsed is None or feed.grant is None:
            raise FeedTokenExpired(_EXPIRED)
        sequence = int(parsed[1])
        mark: str | None = feed.position.mark
        if sequence != feed.position.sequence:
            async with context.read_unaudited() as rows:
                mark = await rows.shared_changes.mark_of(sequence)
        if mark is None or token != _token(FeedPosition(sequence, mark), feed.grant.id):
            raise FeedTokenExpired(_EXPIRED)
        return FeedPosition(sequence, mark)

    async def _page(
        self, context: Context, feed: SharedFeed, share: Share, after: FeedPosition, limit: int
    ) -> ChangesPage:
        """Page of changes, read once for all who ask the same until the next change."""
        if after == feed.position:
            return ChangesPage((), after)
        key = share.id, after.sequence, feed.position.mark, limit
        reading = self._pages.get(key)
        if reading is None or (reading.done() and (reading.cancelled() or reading.exception())):
            reading = asyncio.create_task(_read(context, feed, share, after, limit))
            self._pages[key] = reading
        return await asyncio.shield(reading)


async def _read(
    context: Context, feed: SharedFeed, share: Share, after: FeedPosition, limit: int
) -> ChangesPage:
    async with context.read_unaudited() as rows:
        return await rows.shared_changes.page(share, feed.limited, after, limit)


def _token(position: FeedPosition, grant_id: str) -> str:
    # The mark is a secret of the database, so nobody can make a token.
    bound = hashlib.sha256(f"{position.mark} {grant_id}".encode()).hexdigest()[:32]
    return f"{position.sequence}-{bound}"
