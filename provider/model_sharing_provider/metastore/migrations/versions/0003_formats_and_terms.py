"""Formats, licenses and summaries of versions, and terms of shares and models."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _add_formats()
    _create_terms()


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.Text(collation="C"), "postgresql")


_ID = _text(36)
_NAME = _text(255)
_DIGEST = _text(71)


def _words(name: str, kind: sa.types.TypeEngine[str]) -> sa.Column[str]:
    return sa.Column(name, kind, nullable=False, server_default="")


def _add_formats() -> None:
    for column in (_words("format", _text(32)), _words("license", sa.Text()), _words("summary", sa.Text())):
        op.add_column("model_versions", column)
    # Until now, nothing else could be registered.
    op.execute("UPDATE model_versions SET format = 'mlflow' WHERE status = 'READY'")


def _create_terms() -> None:
    op.create_table(
        "terms_texts",
        sa.Column("digest", _DIGEST, primary_key=True),
        sa.Column("version", _NAME, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "securable_terms",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("securable_type", _text(16), nullable=False),
        sa.Column("securable_id", _ID, nullable=False),
        sa.Column("digest", _DIGEST, sa.ForeignKey("terms_texts.digest"), nullable=False),
        sa.Column("set_at", sa.BigInteger, nullable=False),
        sa.Column("set_by", _NAME, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("ended_by", _NAME, nullable=False, server_default=""),
    )
    op.create_index("ix_securable_terms_securable_id", "securable_terms", ["securable_id"])
    op.create_table(
        "terms_acceptances",
        sa.Column("recipient_id", _ID, primary_key=True),
        sa.Column("digest", _DIGEST, sa.ForeignKey("terms_texts.digest"), primary_key=True),
        sa.Column("recipient", _NAME, nullable=False),
        sa.Column("share", _NAME, nullable=False),
        sa.Column("accepted_at", sa.BigInteger, nullable=False),
        sa.Column("accepted_by", sa.Text, nullable=False),
    )
