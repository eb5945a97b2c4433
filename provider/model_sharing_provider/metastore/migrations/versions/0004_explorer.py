"""Sessions of the explorer, and indexes for its pages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_sessions()
    # By which a page finds the shares that a model is in.
    op.create_index("ix_share_objects_object_id", "share_objects", ["object_id"])
    # By which the tree finds schemas of all catalogs.
    op.create_index("ix_schemas_name", "schemas", ["name"])


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.Text(collation="C"), "postgresql")


_ID = _text(36)


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("session_hash", _text(64), primary_key=True),
        sa.Column("token_id", _ID, sa.ForeignKey("access_tokens.id"), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_sessions_token_id", "sessions", ["token_id"])
