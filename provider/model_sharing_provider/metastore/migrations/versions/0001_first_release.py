"""The tables of the first release, and the rows that every metastore starts with.

What was released does not change: `tables/` goes on from here, and each difference is another migration.
"""

from __future__ import annotations

import time
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_registry()
    _create_version_contents()
    _create_sharing()
    _create_principals()
    _create_keys()
    _create_audit_log()
    _insert_first_rows()


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.Text(collation="C"), "postgresql")


_ID = _text(36)
_NAME = _text(255)


def _id() -> sa.Column[str]:
    return sa.Column("id", _ID, primary_key=True)


def _owned() -> list[sa.Column[str] | sa.Column[int]]:
    return [
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("owner", _NAME, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    ]


def _create_registry() -> None:
    op.create_table(
        "metastores",
        _id(),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("change_token", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "catalogs",
        _id(),
        sa.Column("name", _NAME, nullable=False, unique=True),
        sa.Column("properties", sa.Text, nullable=False, server_default="{}"),
        *_owned(),
    )
    op.create_table(
        "schemas",
        _id(),
        sa.Column("catalog_id", _ID, sa.ForeignKey("catalogs.id"), nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("properties", sa.Text, nullable=False, server_default="{}"),
        *_owned(),
        sa.UniqueConstraint("catalog_id", "name"),
    )
    op.create_table(
        "registered_models",
        _id(),
        sa.Column("schema_id", _ID, sa.ForeignKey("schemas.id"), nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("next_version", sa.Integer, nullable=False),
        *_owned(),
        sa.UniqueConstraint("schema_id", "name"),
    )
    op.create_index("ix_registered_models_owner", "registered_models", ["owner"])
    op.create_table(
        "model_aliases",
        sa.Column("model_id", _ID, sa.ForeignKey("registered_models.id"), primary_key=True),
        sa.Column("alias_key", _NAME, primary_key=True),
        sa.Column("alias", _NAME, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "tags",
        sa.Column("securable_id", _ID, primary_key=True),
        sa.Column("key", _NAME, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def _create_version_contents() -> None:
    op.create_table(
        "model_versions",
        _id(),
        sa.Column("model_id", _ID, sa.ForeignKey("registered_models.id"), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("status", _text(32), nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("run_id", _NAME, nullable=False),
        sa.Column("storage_path", sa.Text, nullable=False),
        sa.Column("signature", sa.Text),
        sa.Column("digest", _text(80), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("num_files", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", _NAME, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("status_message", sa.Text, nullable=False, server_default=""),
        sa.Column("logged_model_id", _NAME, nullable=False, server_default=""),
        sa.Column("create_request", _text(64), nullable=False, server_default=""),
        sa.Column("finalizing_at", sa.BigInteger),
        sa.UniqueConstraint("model_id", "version"),
    )
    op.create_index("ix_model_versions_run_id", "model_versions", ["run_id"])
    op.create_table(
        "uploaded_files",
        sa.Column("version_id", _ID, sa.ForeignKey("model_versions.id"), primary_key=True),
        sa.Column("path", _text(1024), primary_key=True),
        sa.Column("staged", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", _text(64), nullable=False),
        sa.Column("uploaded_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "upload_sessions",
        _id(),
        sa.Column("version_id", _ID, sa.ForeignKey("model_versions.id"), nullable=False, index=True),
        sa.Column("principal_id", _ID, nullable=False),
        sa.Column("path", _text(1024), nullable=False),
        sa.Column("overwrite", sa.Boolean, nullable=False, server_default=sa.true()),
    )
    op.create_table(
        "uploaded_parts",
        sa.Column("session_id", _ID, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("version_id", _ID, sa.ForeignKey("model_versions.id"), nullable=False, index=True),
        sa.Column("staged", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", _text(64), nullable=False),
    )
    op.create_table(
        "lineage",
        _id(),
        sa.Column("version_id", _ID, sa.ForeignKey("model_versions.id"), nullable=False, index=True),
        sa.Column("direction", _text(16), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("recorded_by", _NAME, nullable=False),
    )


def _create_sharing() -> None:
    op.create_table(
        "shares",
        _id(),
        sa.Column("name", _NAME, nullable=False, unique=True),
        sa.Column("revision", sa.Integer, nullable=False),
        *_owned(),
    )
    op.create_table(
        "share_objects",
        _id(),
        sa.Column("share_id", _ID, sa.ForeignKey("shares.id"), nullable=False),
        sa.Column("type", _text(16), nullable=False),
        sa.Column("object_id", _ID, nullable=False),
        sa.Column("object_name", sa.Text, nullable=False),
        sa.Column("shared_schema", _NAME, nullable=False),
        sa.Column("shared_name", _NAME, nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sa.Column("added_by", _NAME, nullable=False),
        sa.UniqueConstraint("share_id", "shared_schema", "shared_name"),
        sa.UniqueConstraint("share_id", "object_id"),
    )
    op.create_table(
        "recipients",
        _id(),
        sa.Column("name", _NAME, nullable=False, unique=True),
        sa.Column("ip_access_list", sa.Text, nullable=False, server_default="[]"),
        sa.Column("properties", sa.Text, nullable=False, server_default="{}"),
        *_owned(),
    )
    op.create_table(
        "recipient_tokens",
        _id(),
        sa.Column("recipient_id", _ID, sa.ForeignKey("recipients.id"), nullable=False, index=True),
        sa.Column("code_hash", _text(64), nullable=False, unique=True),
        sa.Column("token_hash", _text(64), unique=True),
        sa.Column("sealed_code", sa.Text, nullable=False, server_default=""),
        sa.Column("activated_at", sa.BigInteger),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "providers",
        _id(),
        sa.Column("name", _NAME, nullable=False, unique=True),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("sealed_profile", sa.Text, nullable=False),
        *_owned(),
    )


def _create_principals() -> None:
    op.create_table(
        "principals",
        _id(),
        sa.Column("type", _text(16), nullable=False),
        sa.Column("name", _NAME, nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "group_members",
        sa.Column("group_id", _ID, sa.ForeignKey("principals.id"), primary_key=True),
        sa.Column("member_id", _ID, sa.ForeignKey("principals.id"), primary_key=True, index=True),
    )
    op.create_table(
        "access_tokens",
        _id(),
        sa.Column("principal_id", _ID, sa.ForeignKey("principals.id"), nullable=False),
        sa.Column("token_hash", _text(64), nullable=False, unique=True),
        sa.Column("comment", sa.Text, nullable=False, server_default=""),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "grants",
        _id(),
        sa.Column("securable_type", _text(16), nullable=False),
        sa.Column("securable_id", _ID, nullable=False),
        sa.Column("principal_id", _ID, nullable=False, index=True),
        sa.Column("privilege", _text(64), nullable=False),
        sa.Column("granted_at", sa.BigInteger, nullable=False),
        sa.Column("granted_by", _NAME, nullable=False),
        sa.UniqueConstraint("securable_id", "principal_id", "privilege"),
    )


def _create_keys() -> None:
    op.create_table("token_peppers", sa.Column("check_hash", _text(64), primary_key=True))
    op.create_table("signing_keys", sa.Column("fingerprint", _text(80), primary_key=True))


def _create_audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("face", _text(32), nullable=False),
        sa.Column("principal_type", _text(16), nullable=False),
        sa.Column("principal", _NAME, nullable=False),
        sa.Column("action", _text(64), nullable=False),
        sa.Column("object_type", _text(16), nullable=False),
        sa.Column("object_name", sa.Text, nullable=False),
        sa.Column("share", _NAME, nullable=False),
        sa.Column("recipient", _NAME, nullable=False),
        sa.Column("outcome", _text(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("address", _text(64), nullable=False),
        sa.Column("request_id", _text(64), nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False, server_default="1"),
        sa.Column("first_at", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.create_index("ix_audit_log_at_id", "audit_log", ["at", "id"])
    op.create_index(
        "ix_audit_log_not_ok",
        "audit_log",
        ["outcome", "at", "id"],
        sqlite_where=sa.text("outcome <> 'OK'"),
        postgresql_where=sa.text("outcome <> 'OK'"),
    )


def _insert_first_rows() -> None:
    now = int(time.time() * 1000)
    op.execute(
        sa.text("INSERT INTO metastores (id, name, created_at) VALUES (:id, 'metastore', :now)").bindparams(
            id=str(uuid4()), now=now
        )
    )
    op.execute(
        sa.text(
            "INSERT INTO principals (id, type, name, created_at) VALUES (:id, 'GROUP', 'account users', :now)"
        ).bindparams(id=str(uuid4()), now=now)
    )
