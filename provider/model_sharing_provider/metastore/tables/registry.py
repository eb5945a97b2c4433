"""Tables of the registry: catalogs, schemas, models, versions, and what belongs to those."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    true,
)

from model_sharing_provider.metastore.tables.columns import (
    ID,
    NAME,
    id_column,
    metadata,
    owned_columns,
    partial_index,
    text_type,
)

metastores = Table(
    "metastores",
    metadata,
    id_column(),
    Column("name", NAME, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # Another with each change of any row but the audit log's: see `read_cache`.
    Column("change_token", Text, nullable=False, server_default=""),
    # The sequence of the newest row of `changes`, counted up by the transaction that adds it.
    Column("change_sequence", BigInteger, nullable=False, server_default="0"),
)

catalogs = Table(
    "catalogs",
    metadata,
    id_column(),
    Column("name", NAME, nullable=False, unique=True),
    Column("properties", Text, nullable=False, server_default="{}"),
    *owned_columns(),
)

schemas = Table(
    "schemas",
    metadata,
    id_column(),
    Column("catalog_id", ID, ForeignKey("catalogs.id"), nullable=False),
    Column("name", NAME, nullable=False),
    Column("properties", Text, nullable=False, server_default="{}"),
    *owned_columns(),
    UniqueConstraint("catalog_id", "name"),
    Index("ix_schemas_name", "name"),
)

registered_models = Table(
    "registered_models",
    metadata,
    id_column(),
    Column("schema_id", ID, ForeignKey("schemas.id"), nullable=False),
    Column("name", NAME, nullable=False),
    Column("next_version", Integer, nullable=False, default=1),
    *owned_columns(),
    UniqueConstraint("schema_id", "name"),
    Index("ix_registered_models_owner", "owner"),
    Index("ix_registered_models_name", "name"),
)

model_versions = Table(
    "model_versions",
    metadata,
    id_column(),
    Column("model_id", ID, ForeignKey("registered_models.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", text_type(32), nullable=False),
    Column("comment", Text, nullable=False, default=""),
    Column("source", Text, nullable=False, default=""),
    Column("run_id", NAME, nullable=False, default=""),
    Column("storage_path", Text, nullable=False),
    Column("signature", Text),
    Column("digest", text_type(80), nullable=False, default=""),
    Column("chunk_maps", text_type(64), nullable=False, server_default=""),
    Column("size", BigInteger, nullable=False, default=0),
    Column("num_files", Integer, nullable=False, default=0),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", NAME, nullable=False),
    Column("updated_at", BigInteger, nullable=False, server_default="0"),
    Column("updated_by", NAME, nullable=False, server_default=""),
    Column("status_message", Text, nullable=False, server_default=""),
    # The model that MLflow logged in a run, from which this version was made.
    Column("logged_model_id", NAME, nullable=False, server_default=""),
    # Set while a version is PENDING: the request that made it, until the version is used, and the time
    # when its finalization began.
    Column("create_request", text_type(64), nullable=False, server_default=""),
    Column("finalizing_at", BigInteger),
    # Where a version from another metastore came from; its copies keep it. The key is a fingerprint.
    Column("origin_provider", NAME, nullable=False, server_default=""),
    Column("origin_share", NAME, nullable=False, server_default=""),
    Column("origin_model", Text, nullable=False, server_default=""),
    Column("origin_version", Integer),
    Column("origin_digest", text_type(80), nullable=False, server_default=""),
    Column("origin_key", text_type(80), nullable=False, server_default=""),
    # Set if the version was recalled; the replacement is another version of the same model.
    Column("recalled_at", BigInteger),
    Column("recall_reason", Text, nullable=False, server_default=""),
    Column("recall_replacement", Integer),
    # Set when the version becomes READY; the summary is JSON, or empty.
    Column("format", text_type(32), nullable=False, server_default=""),
    Column("license", Text, nullable=False, server_default=""),
    Column("summary", Text, nullable=False, server_default=""),
    UniqueConstraint("model_id", "version"),
    Index("ix_model_versions_run_id", "run_id"),
    Index("ix_model_versions_digest", "digest"),
    Index("ix_model_versions_created_at", "created_at"),
    partial_index("ix_model_versions_not_ready", "created_at", where="status <> 'READY'"),
)

uploaded_files = Table(
    "uploaded_files",
    metadata,
    Column("version_id", ID, ForeignKey("model_versions.id"), primary_key=True),
    Column("path", text_type(1024), primary_key=True),
    Column("staged", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", text_type(64), nullable=False),
    Column("chunk_map", text_type(64), nullable=False, server_default=""),
    Column("uploaded_at", BigInteger, nullable=False),
)

upload_sessions = Table(
    "upload_sessions",
    metadata,
    id_column(),
    Column("version_id", ID, ForeignKey("model_versions.id"), nullable=False, index=True),
    Column("principal_id", ID, nullable=False),
    Column("path", text_type(1024), nullable=False),
    Column("overwrite", Boolean, nullable=False, server_default=true()),
)

uploaded_parts = Table(
    "uploaded_parts",
    metadata,
    Column("session_id", ID, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("version_id", ID, ForeignKey("model_versions.id"), nullable=False, index=True),
    Column("staged", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", text_type(64), nullable=False),
)

lineage = Table(
    "lineage",
    metadata,
    id_column(),
    Column("version_id", ID, ForeignKey("model_versions.id"), nullable=False, index=True),
    Column("direction", text_type(16), nullable=False),
    Column("payload", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("recorded_by", NAME, nullable=False),
)

model_aliases = Table(
    "model_aliases",
    metadata,
    Column("model_id", ID, ForeignKey("registered_models.id"), primary_key=True),
    Column("alias_key", NAME, primary_key=True),
    Column("alias", NAME, nullable=False),
    Column("version", Integer, nullable=False),
    Index("ix_model_aliases_alias_key", "alias_key"),
)

tags = Table(
    "tags",
    metadata,
    Column("securable_id", ID, primary_key=True),
    Column("key", NAME, primary_key=True),
    Column("value", Text, nullable=False),
    Index("ix_tags_key", "key"),
)
