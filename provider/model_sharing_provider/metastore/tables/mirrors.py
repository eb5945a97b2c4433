"""Tables of mirrors: catalogs that are made from a share of a provider, and kept true."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Table,
    Text,
    false,
)

from model_sharing_provider.metastore.tables.columns import (
    ID,
    NAME,
    metadata,
    text_type,
)

# Catalogs that are made from a share of a provider, and kept true by the mirror.
mirrors = Table(
    "mirrors",
    metadata,
    Column("catalog_id", ID, ForeignKey("catalogs.id"), primary_key=True),
    Column("provider_id", ID, ForeignKey("providers.id"), nullable=False, index=True),
    Column("share", NAME, nullable=False),
    Column("broker", Boolean, nullable=False, server_default=false()),
    Column("resharing", Boolean, nullable=False, server_default=false()),
    # JSON: PEMs of the provider's signing keys, oldest first, and where its files may come from.
    Column("keys", Text, nullable=False),
    Column("provider_fingerprint", text_type(80), nullable=False),
    Column("file_origins", Text, nullable=False, server_default="[]"),
    Column("synced_at", BigInteger),
    Column("state", text_type(32), nullable=False),
    Column("state_reason", Text, nullable=False, server_default=""),
    Column("state_since", BigInteger, nullable=False),
)

# Written often, and without a new `change_token`: the state of the share that a mirror's rows show (empty
# before the first complete sync), when the provider last confirmed it, and which process follows it.
mirror_checks = Table(
    "mirror_checks",
    metadata,
    Column("catalog_id", ID, ForeignKey("mirrors.catalog_id"), primary_key=True),
    Column("feed_token", Text, nullable=False, server_default=""),
    Column("checked_at", BigInteger, nullable=False, server_default="0"),
    Column("follower", text_type(64), nullable=False, server_default=""),
    Column("followed_until", BigInteger, nullable=False, server_default="0"),
)

# The order of the last signed state of a mirrored model: nothing older is believed.
mirrored_models = Table(
    "mirrored_models",
    metadata,
    Column("model_id", ID, ForeignKey("registered_models.id"), primary_key=True),
    Column("upstream_id", NAME, nullable=False, server_default="", index=True),
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
    Column("version_id", ID, ForeignKey("model_versions.id"), primary_key=True),
    Column("part", text_type(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("pulled_at", BigInteger),
    Column("read_at", BigInteger, nullable=False, server_default="0"),
    Column("fetcher", text_type(64), nullable=False, server_default=""),
    Column("fetched_until", BigInteger, nullable=False, server_default="0"),
    Index("ix_pulled_parts_read_at", "read_at"),
)
