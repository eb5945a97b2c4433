"""Limits of recipients, and what each has used of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ID = sa.String(36).with_variant(sa.Text(collation="C"), "postgresql")
_SUBJECT = sa.String(128).with_variant(sa.Text(collation="C"), "postgresql")
_WORD = sa.String(16).with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    for limit in ("requests_per_minute", "bytes_per_day", "bytes_per_month"):
        op.add_column("recipients", sa.Column(limit, sa.BigInteger))
    op.create_table(
        "recipient_usage",
        sa.Column("recipient_id", _ID, primary_key=True),
        sa.Column("period", _WORD, primary_key=True),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("taken", sa.BigInteger, nullable=False),
        sa.Column("granted", sa.BigInteger, nullable=False),
        sa.Column("refused_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "recipient_issues",
        sa.Column("recipient_id", _ID, primary_key=True),
        sa.Column("subject", _SUBJECT, primary_key=True),
        sa.Column("started_at", sa.BigInteger, nullable=False),
    )
