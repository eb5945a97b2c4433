"""Index of the audit log by action, without those that programs cause by the thousand a second."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_FREQUENT = (
    "createDownloadUrl",
    "deltaSharingGetModelVersion",
    "deltaSharingGetModelVersionByAlias",
    "deltaSharingListChanges",
    "deltaSharingQueryModelVersion",
    "getModelVersion",
    "getModelVersionByAlias",
    "getRegisteredModel",
)


def upgrade() -> None:
    actions = ", ".join(f"'{action}'" for action in _FREQUENT)
    rare = sa.text(f"action NOT IN ({actions})")
    op.create_index(
        "ix_audit_log_action", "audit_log", ["action", "id"], sqlite_where=rare, postgresql_where=rare
    )
