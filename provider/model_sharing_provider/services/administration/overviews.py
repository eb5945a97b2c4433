"""Overview for whoever signs in: how much there is, and what needs attention."""

from __future__ import annotations

import time
from datetime import timedelta

from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.overview import Overview
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import ShareObjectStatus
from model_sharing_provider.governance import rules
from model_sharing_provider.metastore.authorization.visibility import Viewer
from model_sharing_provider.services.context import Context, Operation

_SHOWN = 10
_SHARES_LOOKED_AT = 20
_SOON_MS = timedelta(days=30) // timedelta(milliseconds=1)
_DAY_MS = timedelta(days=1) // timedelta(milliseconds=1)
_COUNTED_EVERY_SECONDS = 60.0


class Overviews:
    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._count_again_at = 0.0

    async def get(self, context: Context) -> Overview:
        """Overview of what the caller may see; counts are at most a minute old."""
        async with context.view(AuditAction.GET_OVERVIEW, Target(SecurableType.METASTORE)) as operation:
            await operation.authorize(rules.ANY_PRINCIPAL)
            principal, rows, now = operation.principal, operation.rows.overview, operation.now
            viewer = Viewer.of(principal)
            administers = principal.type is PrincipalType.ADMIN
            soon = now + _SOON_MS
            ending = [
                *await rows.ending_tokens(viewer, now, soon, _SHOWN),
                *await rows.ending_access_tokens(None if administers else [principal.id], now, soon, _SHOWN),
            ]
            return Overview(
                counts=await self._counted(operation) if administers else {},
                denials=await rows.denials(now - _DAY_MS) if administers else None,
                ending=tuple(sorted(ending, key=lambda token: token.ends_at)),
                waiting=tuple(await rows.unused_links(viewer, now, _SHOWN)),
                not_ready=tuple(await rows.unready_versions(viewer, _SHOWN)),
                newest=tuple(await rows.newest_versions(viewer, _SHOWN)),
                unreadable=await _unreadable(operation, viewer),
            )

    async def _counted(self, operation: Operation) -> dict[str, int]:
        # What is counted in an empty metastore changes soon, and costs nothing.
        if time.monotonic() >= self._count_again_at or not all(self._counts.values()):
            self._counts = await operation.rows.overview.counts()
            self._count_again_at = time.monotonic() + _COUNTED_EVERY_SECONDS
        return self._counts


async def _unreadable(operation: Operation, viewer: Viewer) -> dict[str, tuple[str, ...]]:
    shares = await operation.rows.shares.page(PageRequest(_SHARES_LOOKED_AT), viewer)
    found = {}
    for share in shares.items:
        objects = await operation.rows.shares.objects(share)
        names = tuple(
            each.shared_as for each in objects if each.status is ShareObjectStatus.PERMISSION_DENIED
        )
        if names:
            found[share.name] = names[:_SHOWN]
    return found
