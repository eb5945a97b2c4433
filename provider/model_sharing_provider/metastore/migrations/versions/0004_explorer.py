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
    _create_indexes()
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


def _create_indexes() -> None:
    for name, table, column in (
        ("ix_registered_models_name", "registered_models", "name"),
        ("ix_model_versions_digest", "model_versions", "digest"),
        ("ix_model_versions_created_at", "model_versions", "created_at"),
        ("ix_model_aliases_alias_key", "model_aliases", "alias_key"),
        ("ix_tags_key", "tags", "key"),
    ):
        op.create_index(name, table, [column])
    pulls = sa.text("version_id IS NOT NULL")
    op.create_index(
        "ix_audit_log_pulls_of_recipient",
        "audit_log",
        ["recipient", "at"],
        sqlite_where=pulls,
        postgresql_where=pulls,
    )
    not_ready = sa.text("status <> 'READY'")
    op.create_index(
        "ix_model_versions_not_ready",
        "model_versions",
        ["created_at"],
        sqlite_where=not_ready,
        postgresql_where=not_ready,
    )
