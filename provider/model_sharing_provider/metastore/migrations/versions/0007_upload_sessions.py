"""a session of parts belongs to one version and to the principal that began it

Sessions that were begun before are not known any more: their files are uploaded again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "upload_sessions",
        sa.Column("id", _text(36), nullable=False),
        sa.Column("version_id", _text(36), nullable=False),
        sa.Column("principal_id", _text(36), nullable=False),
        sa.Column("path", _text(1024), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_versions.id"], name=op.f("fk_upload_sessions_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload_sessions")),
    )
    op.create_index("ix_upload_sessions_version_id", "upload_sessions", ["version_id"])
