"""Tables of the metastore. Ids are UUIDs as text, times epoch milliseconds; names are stored in lower case.

metastores (one row) · changes
providers ─< mirrors ─ catalogs (those made from a share) · mirror_checks
catalogs ─< schemas ─< registered_models ─< model_versions ─< uploaded_files, lineage
                            │      ├─< model_aliases        ├──< upload_sessions ─< uploaded_parts
                            │      └── mirrored_models       └──< pulled_parts
shares ─< share_objects (a model's or a schema's id, under the name recipients see)
   └────< grants >──── recipients ─< recipient_tokens
(any securable) ─< grants >──── principals ─< access_tokens, group_members
tags (of any securable) · audit_log
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(length: int) -> TypeEngine[str]:
    """Text compared and ordered by its bytes; PostgreSQL would use its locale, and enforce a length."""
    return String(length).with_variant(Text(collation="C"), "postgresql")


_ID = _text(36)
_NAME = _text(255)


def _id() -> Column[str]:
    return Column("id", _ID, primary_key=True)


def _owned() -> list[Column[str] | Column[int]]:
    return [
        Column("comment", Text, nullable=False, default=""),
        Column("owner", _NAME, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
    ]


metastores = Table(
    "metastores",
    metadata,
    _id(),
    Column("name", _NAME, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # Another with each change of any row but the audit log's: see `read_cache`.
    Column("change_token", Text, nullable=False, server_default=""),
    # The sequence of the newest row of `changes`, counted up by the transaction that adds it.
    Column("change_sequence", BigInteger, nullable=False, server_default="0"),
)

catalogs = Table(
    "catalogs",
    metadata,
    _id(),
    Column("name", _NAME, nullable=False, unique=True),
    Column("properties", Text, nullable=False, server_default="{}"),
    *_owned(),
)

schemas = Table(
    "schemas",
    metadata,
    _id(),
    Column("catalog_id", _ID, ForeignKey("catalogs.id"), nullable=False),
    Column("name", _NAME, nullable=False),
    Column("properties", Text, nullable=False, server_default="{}"),
    *_owned(),
    UniqueConstraint("catalog_id", "name"),
)

registered_models = Table(
    "registered_models",
    metadata,
    _id(),
    Column("schema_id", _ID, ForeignKey("schemas.id"), nullable=False),
    Column("name", _NAME, nullable=False),
    Column("next_version", Integer, nullable=False, default=1),
    *_owned(),
    UniqueConstraint("schema_id", "name"),
    Index("ix_registered_models_owner", "owner"),
)

model_versions = Table(
    "model_versions",
    metadata,
    _id(),
    Column("model_id", _ID, ForeignKey("registered_models.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", _text(32), nullable=False),
    Column("comment", Text, nullable=False, default=""),
    Column("source", Text, nullable=False, default=""),
    Column("run_id", _NAME, nullable=False, default=""),
    Column("storage_path", Text, nullable=False),
    Column("signature", Text),
    Column("digest", _text(80), nullable=False, default=""),
    Column("size", BigInteger, nullable=False, default=0),
    Column("num_files", Integer, nullable=False, default=0),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", _NAME, nullable=False),
    Column("updated_at", BigInteger, nullable=False, server_default="0"),
    Column("status_message", Text, nullable=False, server_default=""),
    # The model that MLflow logged in a run, from which this version was made.
    Column("logged_model_id", _NAME, nullable=False, server_default=""),
    # Set while a version is PENDING: the request that made it, until the version is used, and the time
    # when its finalization began.
    Column("create_request", _text(64), nullable=False, server_default=""),
    Column("finalizing_at", BigInteger),
    # Where a version from another metastore came from; its copies keep it. The key is a fingerprint.
    Column("origin_provider", _NAME, nullable=False, server_default=""),
    Column("origin_share", _NAME, nullable=False, server_default=""),
    Column("origin_model", Text, nullable=False, server_default=""),
    Column("origin_version", Integer),
    Column("origin_digest", _text(80), nullable=False, server_default=""),
    Column("origin_key", _text(80), nullable=False, server_default=""),
    # Set if the version was recalled; the replacement is another version of the same model.
    Column("recalled_at", BigInteger),
    Column("recall_reason", Text, nullable=False, server_default=""),
    Column("recall_replacement", Integer),
    UniqueConstraint("model_id", "version"),
    Index("ix_model_versions_run_id", "run_id"),
)

uploaded_files = Table(
    "uploaded_files",
    metadata,
    Column("version_id", _ID, ForeignKey("model_versions.id"), primary_key=True),
    Column("path", _text(1024), primary_key=True),
    Column("staged", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", _text(64), nullable=False),
    Column("uploaded_at", BigInteger, nullable=False),
)

upload_sessions = Table(
    "upload_sessions",
    metadata,
    _id(),
    Column("version_id", _ID, ForeignKey("model_versions.id"), nullable=False, index=True),
    Column("principal_id", _ID, nullable=False),
    Column("path", _text(1024), nullable=False),
    Column("overwrite", Boolean, nullable=False, server_default=true()),
)

uploaded_parts = Table(
    "uploaded_parts",
    metadata,
    Column("session_id", _ID, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("version_id", _ID, ForeignKey("model_versions.id"), nullable=False, index=True),
    Column("staged", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", _text(64), nullable=False),
)

lineage = Table(
    "lineage",
    metadata,
    _id(),
    Column("version_id", _ID, ForeignKey("model_versions.id"), nullable=False, index=True),
    Column("direction", _text(16), nullable=False),
    Column("payload", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("recorded_by", _NAME, nullable=False),
)

model_aliases = Table(
    "model_aliases",
    metadata,
    Column("model_id", _ID, ForeignKey("registered_models.id"), primary_key=True),
    Column("alias_key", _NAME, primary_key=True),
    Column("alias", _NAME, nullable=False),
    Column("version", Integer, nullable=False),
)

tags = Table(
    "tags",
    metadata,
    Column("securable_id", _ID, primary_key=True),
    Column("key", _NAME, primary_key=True),
    Column("value", Text, nullable=False),
)

shares = Table(
    "shares",
    metadata,
    _id(),
    Column("name", _NAME, nullable=False, unique=True),
    Column("revision", Integer, nullable=False, default=0),
    # True if recipients may share its models further.
    Column("resharing", Boolean, nullable=False, server_default=false()),
    *_owned(),
)

share_objects = Table(
    "share_objects",
    metadata,
    _id(),
    Column("share_id", _ID, ForeignKey("shares.id"), nullable=False),
    Column("type", _text(16), nullable=False),
    Column("object_id", _ID, nullable=False),
    Column("object_name", Text, nullable=False),
    Column("shared_schema", _NAME, nullable=False),
    # Empty for a schema: its models appear under their own names.
    Column("shared_name", _NAME, nullable=False, default=""),
    Column("added_at", BigInteger, nullable=False),
    Column("added_by", _NAME, nullable=False),
    UniqueConstraint("share_id", "shared_schema", "shared_name"),
    UniqueConstraint("share_id", "object_id"),
)

recipients = Table(
    "recipients",
    metadata,
    _id(),
    Column("name", _NAME, nullable=False, unique=True),
    # JSON: CIDR networks that may use its tokens (none means all), and the provider's properties.
    Column("ip_access_list", Text, nullable=False, server_default="[]"),
    Column("properties", Text, nullable=False, server_default="{}"),
    *_owned(),
)

recipient_tokens = Table(
    "recipient_tokens",
    metadata,
    _id(),
    Column("recipient_id", _ID, ForeignKey("recipients.id"), nullable=False, index=True),
    Column("code_hash", _text(64), nullable=False, unique=True),
    Column("token_hash", _text(64), unique=True),
    Column("sealed_code", Text, nullable=False, server_default=""),
    Column("activated_at", BigInteger),
    Column("expires_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

grants = Table(
    "grants",
    metadata,
    _id(),
    Column("securable_type", _text(16), nullable=False),
    Column("securable_id", _ID, nullable=False),
    Column("principal_id", _ID, nullable=False, index=True),
    Column("privilege", _text(64), nullable=False),
    Column("granted_at", BigInteger, nullable=False),
    Column("granted_by", _NAME, nullable=False),
    UniqueConstraint("securable_id", "principal_id", "privilege"),
)

principals = Table(
    "principals",
    metadata,
    _id(),
    Column("type", _text(16), nullable=False),
    Column("name", _NAME, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", _ID, ForeignKey("principals.id"), primary_key=True),
    Column("member_id", _ID, ForeignKey("principals.id"), primary_key=True, index=True),
)

access_tokens = Table(
    "access_tokens",
    metadata,
    _id(),
    Column("principal_id", _ID, ForeignKey("principals.id"), nullable=False),
    Column("token_hash", _text(64), nullable=False, unique=True),
    Column("comment", Text, nullable=False, server_default=""),
    Column("expires_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
)

# One row per pepper of the hashes above: a hash of a constant, which identifies the pepper.
token_peppers = Table("token_peppers", metadata, Column("check_hash", _text(64), primary_key=True))

# Keys that recipients may have pinned, or can follow to.
signing_keys = Table("signing_keys", metadata, Column("fingerprint", _text(80), primary_key=True))

providers = Table(
    "providers",
    metadata,
    _id(),
    Column("name", _NAME, nullable=False, unique=True),
    Column("endpoint", Text, nullable=False),
    # The profile contains a bearer token: it is stored encrypted under the server's key.
    Column("sealed_profile", Text, nullable=False),
    *_owned(),
)

# Catalogs that are made from a share of a provider, and kept true by the mirror.
mirrors = Table(
    "mirrors",
    metadata,
    Column("catalog_id", _ID, ForeignKey("catalogs.id"), primary_key=True),
    Column("provider_id", _ID, ForeignKey("providers.id"), nullable=False, index=True),
    Column("share", _NAME, nullable=False),
    Column("broker", Boolean, nullable=False, server_default=false()),
    Column("resharing", Boolean, nullable=False, server_default=false()),
    # JSON: PEMs of the provider's signing keys, oldest first, and where its files may come from.
    Column("keys", Text, nullable=False),
    Column("provider_fingerprint", _text(80), nullable=False),
    Column("file_origins", Text, nullable=False, server_default="[]"),
    Column("synced_at", BigInteger),
    Column("state", _text(32), nullable=False),
    Column("state_reason", Text, nullable=False, server_default=""),
    Column("state_since", BigInteger, nullable=False),
)

# Written often, and without a new `change_token`: the state of the share that a mirror's rows show (empty
# before the first complete sync), when the provider last confirmed it, and which process follows it.
mirror_checks = Table(
    "mirror_checks",
    metadata,
    Column("catalog_id", _ID, ForeignKey("mirrors.catalog_id"), primary_key=True),
    Column("feed_token", Text, nullable=False, server_default=""),
    Column("checked_at", BigInteger, nullable=False, server_default="0"),
    Column("follower", _text(64), nullable=False, server_default=""),
    Column("followed_until", BigInteger, nullable=False, server_default="0"),
)

# The order of the last signed state of a mirrored model: nothing older is believed.
mirrored_models = Table(
    "mirrored_models",
    metadata,
    Column("model_id", _ID, ForeignKey("registered_models.id"), primary_key=True),
    Column("upstream_id", _NAME, nullable=False, server_default="", index=True),
    Column("upstream_updated_at", BigInteger, nullable=False, server_default="0"),
    Column("share_sequence", BigInteger, nullable=False, server_default="0"),
    Column("model_sequence", BigInteger, nullable=False, server_default="0"),
    Column("issued_at", BigInteger, nullable=False, server_default="0"),
)

# Files of mirrored versions that were fetched, or are being fetched: all small ones as one part, and each
# large one. Written without a new `change_token`.
pulled_parts = Table(
    "pulled_parts",
    metadata,
    Column("version_id", _ID, ForeignKey("model_versions.id"), primary_key=True),
    Column("part", _text(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("pulled_at", BigInteger),
    Column("read_at", BigInteger, nullable=False, server_default="0"),
    Column("fetcher", _text(64), nullable=False, server_default=""),
    Column("fetched_until", BigInteger, nullable=False, server_default="0"),
    Index("ix_pulled_parts_read_at", "read_at"),
)

# What changed in the registry and in shares, in the order of the commits; old rows are deleted.
changes = Table(
    "changes",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    # Random, and the same in all changes of a transaction: after a restore, the same sequence has another.
    Column("mark", _text(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", _text(32), nullable=False),
    # The share that changed, or `*` if what shares show may have changed; empty for changes of models.
    Column("share_id", _ID, nullable=False, server_default=""),
    Column("schema_id", _ID, nullable=False, server_default=""),
    Column("previous_schema_id", _ID, nullable=False, server_default=""),
    Column("model_id", _ID, nullable=False, server_default=""),
    # The name in its schema at that time, or the shared name in a change of a share; and the one before,
    # for a model that was renamed or moved.
    Column("model", Text, nullable=False, server_default=""),
    Column("previous_model", _NAME, nullable=False, server_default=""),
    Column("version", Integer),
    Column("alias", _NAME, nullable=False, server_default=""),
    Index(
        "ix_changes_share_id_sequence",
        "share_id",
        "sequence",
        sqlite_where=text("share_id <> ''"),
        postgresql_where=text("share_id <> ''"),
    ),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("face", _text(32), nullable=False),
    Column("principal_type", _text(16), nullable=False),
    Column("principal", _NAME, nullable=False),
    Column("action", _text(64), nullable=False),
    Column("object_type", _text(16), nullable=False),
    Column("object_name", Text, nullable=False),
    Column("share", _NAME, nullable=False),
    Column("recipient", _NAME, nullable=False),
    Column("outcome", _text(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("address", _text(64), nullable=False),
    Column("request_id", _text(64), nullable=False),
    # The number of calls that the event stands for, and the time of the first.
    Column("count", BigInteger, nullable=False, server_default="1"),
    Column("first_at", BigInteger, nullable=False, server_default="0"),
    # The version whose files a recipient was given access to; NULL for all other events.
    Column("version_id", _ID),
    Index("ix_audit_log_at_id", "at", "id"),
    # Every call pays for each index, so there are more only for rare events that are searched for.
    Index(
        "ix_audit_log_pulls",
        "version_id",
        "recipient",
        "at",
        sqlite_where=text("version_id IS NOT NULL"),
        postgresql_where=text("version_id IS NOT NULL"),
    ),
    Index(
        "ix_audit_log_not_ok",
        "outcome",
        "at",
        "id",
        sqlite_where=text("outcome <> 'OK'"),
        postgresql_where=text("outcome <> 'OK'"),
    ),
)
