"""Tables of shares, recipients, and the providers that share with this metastore."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from model_sharing_provider.metastore.tables.columns import (
    ID,
    NAME,
    id_column,
    metadata,
    owned_columns,
    text_type,
)

shares = Table(
    "shares",
    metadata,
    id_column(),
    Column("name", NAME, nullable=False, unique=True),
    Column("revision", Integer, nullable=False, default=0),
    # True if recipients may share its models further.
    Column("resharing", Boolean, nullable=False, server_default=false()),
    *owned_columns(),
)

share_objects = Table(
    "share_objects",
    metadata,
    id_column(),
    Column("share_id", ID, ForeignKey("shares.id"), nullable=False),
    Column("type", text_type(16), nullable=False),
    Column("object_id", ID, nullable=False, index=True),
    Column("object_name", Text, nullable=False),
    Column("shared_schema", NAME, nullable=False),
    # Empty for a schema: its models appear under their own names.
    Column("shared_name", NAME, nullable=False, default=""),
    Column("added_at", BigInteger, nullable=False),
    Column("added_by", NAME, nullable=False),
    # JSON: metadata of an agent skill; empty for all else.
    Column("skill", Text, nullable=False, server_default=""),
    UniqueConstraint("share_id", "shared_schema", "shared_name"),
    UniqueConstraint("share_id", "object_id"),
)

recipients = Table(
    "recipients",
    metadata,
    id_column(),
    Column("name", NAME, nullable=False, unique=True),
    # JSON: CIDR networks that may use its tokens (none means all), and the provider's properties.
    Column("ip_access_list", Text, nullable=False, server_default="[]"),
    Column("properties", Text, nullable=False, server_default="{}"),
    Column("authentication_type", text_type(32), nullable=False, server_default="TOKEN"),
    # Limits of its own; none means that of the settings, and 0 no limit.
    Column("requests_per_minute", BigInteger),
    Column("bytes_per_day", BigInteger),
    Column("bytes_per_month", BigInteger),
    *owned_columns(),
)

recipient_tokens = Table(
    "recipient_tokens",
    metadata,
    id_column(),
    Column("recipient_id", ID, ForeignKey("recipients.id"), nullable=False, index=True),
    Column("code_hash", text_type(64), nullable=False, unique=True),
    Column("token_hash", text_type(64), unique=True),
    Column("sealed_code", Text, nullable=False, server_default=""),
    Column("activated_at", BigInteger),
    Column("expires_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

providers = Table(
    "providers",
    metadata,
    id_column(),
    Column("name", NAME, nullable=False, unique=True),
    Column("endpoint", Text, nullable=False),
    Column("authentication_type", text_type(32), nullable=False, server_default="TOKEN"),
    # The profile contains a secret: it is stored encrypted under the server's key.
    Column("sealed_profile", Text, nullable=False),
    *owned_columns(),
)
