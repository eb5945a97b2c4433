"""Tables of principals, their grants and tokens, and of what identifies this server."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
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
    text_type,
)

grants = Table(
    "grants",
    metadata,
    id_column(),
    Column("securable_type", text_type(16), nullable=False),
    Column("securable_id", ID, nullable=False),
    Column("principal_id", ID, nullable=False, index=True),
    Column("privilege", text_type(64), nullable=False),
    Column("granted_at", BigInteger, nullable=False),
    Column("granted_by", NAME, nullable=False),
    UniqueConstraint("securable_id", "principal_id", "privilege"),
)

principals = Table(
    "principals",
    metadata,
    id_column(),
    Column("type", text_type(16), nullable=False),
    Column("name", NAME, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    # False for a principal whose tokens are refused.
    Column("active", Boolean, nullable=False, server_default=true()),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", ID, ForeignKey("principals.id"), primary_key=True),
    Column("member_id", ID, ForeignKey("principals.id"), primary_key=True, index=True),
)

access_tokens = Table(
    "access_tokens",
    metadata,
    id_column(),
    Column("principal_id", ID, ForeignKey("principals.id"), nullable=False),
    Column("token_hash", text_type(64), nullable=False, unique=True),
    Column("comment", Text, nullable=False, server_default=""),
    Column("expires_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
)

# Sessions of people who signed in to the explorer: either with an access token, or at an identity provider
# under a federation policy.
sessions = Table(
    "sessions",
    metadata,
    Column("session_hash", text_type(64), primary_key=True),
    Column("token_id", ID, ForeignKey("access_tokens.id"), index=True),
    Column("policy_id", ID, ForeignKey("federation_policies.id"), index=True),
    # JSON: ids of the groups that the ID token gave.
    Column("group_ids", Text, nullable=False, server_default="[]"),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

# One row per pepper of the hashes above: a hash of a constant, which identifies the pepper.
token_peppers = Table("token_peppers", metadata, Column("check_hash", text_type(64), primary_key=True))

# Keys that recipients may have pinned, or can follow to.
signing_keys = Table("signing_keys", metadata, Column("fingerprint", text_type(80), primary_key=True))
