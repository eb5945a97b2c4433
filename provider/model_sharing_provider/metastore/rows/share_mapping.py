"""Mapping between rows and shares with their grants, as `mapping` has it for the others."""

from __future__ import annotations

from typing import Any

from model_sharing_provider.domain.sharing import Share, ShareGrant
from model_sharing_provider.metastore.engine.database_engine import SqlRow
from model_sharing_provider.metastore.rows.mapping import shared_names
from model_sharing_provider.metastore.tables import shares

_SHARE = shared_names(Share, shares)


def share_values(share: Share) -> dict[str, Any]:
    return {name: getattr(share, name) for name in _SHARE}


def read_share(row: SqlRow) -> Share:
    values = {name: row[name] for name in _SHARE}
    return Share(**values | {"resharing": bool(values["resharing"])})  # plain SQL on SQLite reads 0 or 1


def read_share_grant(row: SqlRow, *, grant_id: str = "id", share: str = "share") -> ShareGrant:
    """Grant from a row with the names of its share and recipient."""
    return ShareGrant(
        id=row[grant_id],
        share=row[share],
        recipient=row["recipient"],
        privilege=row["privilege"],
        granted_at=row["granted_at"],
        granted_by=row["granted_by"],
    )
