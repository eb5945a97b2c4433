"""Catalogs from shares of other providers, the feed of changes, recalls, pulls, and origins of copies."""

from __future__ import annotations

import time
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _add_columns()
    _create_mirrors()
    _create_pulled_parts()
    _create_changes()
    _add_pulls()


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.Text(collation="C"), "postgresql")


_ID = _text(36)
_NAME = _text(255)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def _words(name: str, kind: sa.types.TypeEngine[str]) -> sa.Column[str]:
    return sa.Column(name, kind, nullable=False, server_default="")


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def _add_columns() -> None:
    op.add_column("metastores", _number("change_sequence"))
    op.add_column("shares", _flag("resharing"))
    for column in (
        _words("origin_provider", _NAME),
        _words("origin_share", _NAME),
        _words("origin_model", sa.Text()),
        sa.Column("origin_version", sa.Integer),
        _words("origin_digest", _text(80)),
        _words("origin_key", _text(80)),
        sa.Column("recalled_at", sa.BigInteger),
        _words("recall_reason", sa.Text()),
        sa.Column("recall_replacement", sa.Integer),
    ):
        op.add_column("model_versions", column)


def _create_mirrors() -> None:
    op.create_table(
        "mirrors",
        sa.Column("catalog_id", _ID, sa.ForeignKey("catalogs.id"), primary_key=True),
        sa.Column("provider_id", _ID, sa.ForeignKey("providers.id"), nullable=False),
        sa.Column("share", _NAME, nullable=False),
        _flag("broker"),
        _flag("resharing"),
        sa.Column("keys", sa.Text, nullable=False),
        sa.Column("provider_fingerprint", _text(80), nullable=False),
        sa.Column("file_origins", sa.Text, nullable=False, server_default="[]"),
        sa.Column("synced_at", sa.BigInteger),
        sa.Column("state", _text(32), nullable=False),
        _words("state_reason", sa.Text()),
        sa.Column("state_since", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_mirrors_provider_id", "mirrors", ["provider_id"])
    op.create_table(
        "mirror_checks",
        sa.Column("catalog_id", _ID, sa.ForeignKey("mirrors.catalog_id"), primary_key=True),
        _words("feed_token", sa.Text()),
        _number("checked_at"),
        _words("follower", _text(64)),
        _number("followed_until"),
    )
    op.create_table(
        "mirrored_models",
        sa.Column("model_id", _ID, sa.ForeignKey("registered_models.id"), primary_key=True),
        _words("upstream_id", _NAME),
        _number("upstream_updated_at"),
        _number("share_sequence"),
        _number("model_sequence"),
        _number("issued_at"),
    )
    op.create_index("ix_mirrored_models_upstream_id", "mirrored_models", ["upstream_id"])


def _create_pulled_parts() -> None:
    op.create_table(
        "pulled_parts",
        sa.Column("version_id", _ID, sa.ForeignKey("model_versions.id"), primary_key=True),
        sa.Column("part", _text(64), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("pulled_at", sa.BigInteger),
        _number("read_at"),
        _words("fetcher", _text(64)),
        _number("fetched_until"),
    )
    op.create_index("ix_pulled_parts_read_at", "pulled_parts", ["read_at"])


def _create_changes() -> None:
    op.create_table(
        "changes",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("mark", _text(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", _text(32), nullable=False),
        _words("share_id", _ID),
        _words("schema_id", _ID),
        _words("previous_schema_id", _ID),
        _words("model_id", _ID),
        _words("model", sa.Text()),
        _words("previous_model", _NAME),
        sa.Column("version", sa.Integer),
        _words("alias", _NAME),
    )
    of_shares = sa.text("share_id <> ''")
    op.create_index(
        "ix_changes_share_id_sequence",
        "changes",
        ["share_id", "sequence"],
        sqlite_where=of_shares,
        postgresql_where=of_shares,
    )
    # The first change, which tokens of the feed refer to until there is another.
    first = sa.text("INSERT INTO changes (sequence, mark, at, kind) VALUES (0, :mark, :now, 'SHARE_CHANGED')")
    op.execute(first.bindparams(mark=uuid4().hex, now=int(time.time() * 1000)))


def _add_pulls() -> None:
    op.add_column("audit_log", sa.Column("version_id", _ID))
    pulls = sa.text("version_id IS NOT NULL")
    op.create_index(
        "ix_audit_log_pulls",
        "audit_log",
        ["version_id", "recipient", "at"],
        sqlite_where=pulls,
        postgresql_where=pulls,
    )
