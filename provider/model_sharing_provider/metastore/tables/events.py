"""Tables of what happened: changes for recipients, and the audit log."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    Table,
    Text,
)

from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.metastore.tables.columns import (
    ID,
    NAME,
    metadata,
    partial_index,
    text_type,
)

# What changed in the registry and in shares, in the order of the commits; old rows are deleted.
changes = Table(
    "changes",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    # Random, and the same in all changes of a transaction: after a restore, the same sequence has another.
    Column("mark", text_type(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", text_type(32), nullable=False),
    # The share that changed, or `*` if what shares show may have changed; empty for changes of models.
    Column("share_id", ID, nullable=False, server_default=""),
    Column("schema_id", ID, nullable=False, server_default=""),
    Column("previous_schema_id", ID, nullable=False, server_default=""),
    Column("model_id", ID, nullable=False, server_default=""),
    # The name in its schema at that time, or the shared name in a change of a share; and the one before,
    # for a model that was renamed or moved.
    Column("model", Text, nullable=False, server_default=""),
    Column("previous_model", NAME, nullable=False, server_default=""),
    Column("version", Integer),
    Column("alias", NAME, nullable=False, server_default=""),
    partial_index("ix_changes_share_id_sequence", "share_id", "sequence", where="share_id <> ''"),
)

FREQUENT = (
    AuditAction.CREATE_DOWNLOAD_URL,
    AuditAction.DELTA_SHARING_GET_MODEL_VERSION,
    AuditAction.DELTA_SHARING_GET_MODEL_VERSION_BY_ALIAS,
    AuditAction.DELTA_SHARING_LIST_CHANGES,
    AuditAction.DELTA_SHARING_QUERY_MODEL_VERSION,
    AuditAction.GET_MODEL_VERSION,
    AuditAction.GET_MODEL_VERSION_BY_ALIAS,
    AuditAction.GET_REGISTERED_MODEL,
)
"""Actions of programs that load models, by the thousand a second, which are left out of the index by action.

To change them takes a migration: the index in the database names them.
"""
NOT_FREQUENT = "action NOT IN ({})".format(", ".join(f"'{action}'" for action in FREQUENT))
"""Condition of the index of the audit log by action; only a query that has it is read along the index."""

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("face", text_type(32), nullable=False),
    Column("principal_type", text_type(16), nullable=False),
    Column("principal", NAME, nullable=False),
    Column("action", text_type(64), nullable=False),
    Column("object_type", text_type(16), nullable=False),
    Column("object_name", Text, nullable=False),
    Column("share", NAME, nullable=False),
    Column("recipient", NAME, nullable=False),
    Column("outcome", text_type(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("address", text_type(64), nullable=False),
    Column("request_id", text_type(64), nullable=False),
    # The number of calls that the event stands for, and the time of the first.
    Column("count", BigInteger, nullable=False, server_default="1"),
    Column("first_at", BigInteger, nullable=False, server_default="0"),
    # The version whose files a recipient was given access to; NULL for all other events.
    Column("version_id", ID),
    # JSON: names of the groups that the caller was in by a claim of its token alone; NULL for none.
    Column("token_groups", Text),
    Index("ix_audit_log_at_id", "at", "id"),
    # Every call pays for each index, so there are more only for rare events that are searched for.
    partial_index("ix_audit_log_pulls", "version_id", "recipient", "at", where="version_id IS NOT NULL"),
    partial_index("ix_audit_log_pulls_of_recipient", "recipient", "at", where="version_id IS NOT NULL"),
    partial_index("ix_audit_log_action", "action", "id", where=NOT_FREQUENT),
    partial_index("ix_audit_log_not_ok", "outcome", "at", "id", where="outcome <> 'OK'"),
)
