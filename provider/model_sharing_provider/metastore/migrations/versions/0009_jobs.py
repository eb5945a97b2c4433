"""Table of background jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", _text(36), primary_key=True),
        sa.Column("kind", _text(32), nullable=False),
        sa.Column("subject", _text(255), nullable=False),
        sa.Column("arguments", sa.Text, nullable=False, server_default="{}"),
        sa.Column("requester_id", _text(36), nullable=False),
        sa.Column("requester", _text(255), nullable=False),
        sa.Column("token_id", _text(36), nullable=False, server_default=""),
        sa.Column("group_ids", sa.Text, nullable=False, server_default="[]"),
        sa.Column("state", _text(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("claimed_by", _text(64), nullable=False, server_default=""),
        sa.Column("leased_until", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("progress", sa.Text, nullable=False, server_default="{}"),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("ix_jobs_ended_at", "jobs", ["ended_at"])
    unfinished = sa.text("state IN ('QUEUED', 'RUNNING')")
    op.create_index(
        "ix_jobs_kind",
        "jobs",
        ["kind", "subject"],
        unique=True,
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )
    op.create_index(
        "ix_jobs_due_at", "jobs", ["due_at"], sqlite_where=unfinished, postgresql_where=unfinished
    )


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.Text(collation="C"), "postgresql")
