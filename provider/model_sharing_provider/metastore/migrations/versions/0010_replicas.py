"""Tables for servers over a replica of the database: its heartbeat, and delivered audit events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "heartbeats",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("beaten_at", sa.BigInteger, nullable=False),
    )
    identifier = sa.String(36).with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "audit_spools",
        sa.Column("id", identifier, primary_key=True),
        sa.Column("delivered", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("delivered_at", sa.BigInteger, nullable=False, server_default="0"),
    )
