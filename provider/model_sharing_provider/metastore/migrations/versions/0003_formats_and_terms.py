"""Formats, licenses and summaries of versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _add_formats()


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.Text(collation="C"), "postgresql")


def _words(name: str, kind: sa.types.TypeEngine[str]) -> sa.Column[str]:
    return sa.Column(name, kind, nullable=False, server_default="")


def _add_formats() -> None:
    for column in (_words("format", _text(32)), _words("license", sa.Text()), _words("summary", sa.Text())):
        op.add_column("model_versions", column)
    # Until now, nothing else could be registered.
    op.execute("UPDATE model_versions SET format = 'mlflow' WHERE status = 'READY'")
