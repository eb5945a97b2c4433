"""Tables of terms that recipients accept. Nothing is deleted from them: they are a record."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text

from model_sharing_provider.metastore.tables.columns import ID, NAME, id_column, metadata, text_type

DIGEST = text_type(71)

terms_texts = Table(
    "terms_texts",
    metadata,
    Column("digest", DIGEST, primary_key=True),
    Column("version", NAME, nullable=False),
    Column("text", Text, nullable=False),
)

# Terms that a share or a model has, or had until `ended_at`.
securable_terms = Table(
    "securable_terms",
    metadata,
    id_column(),
    Column("securable_type", text_type(16), nullable=False),
    Column("securable_id", ID, nullable=False),
    Column("digest", DIGEST, ForeignKey("terms_texts.digest"), nullable=False),
    Column("set_at", BigInteger, nullable=False),
    Column("set_by", NAME, nullable=False),
    Column("ended_at", BigInteger),
    Column("ended_by", NAME, nullable=False, server_default=""),
    Index("ix_securable_terms_securable_id", "securable_id"),
)

# Recipient and share by their names at that time, too: the record outlives both.
terms_acceptances = Table(
    "terms_acceptances",
    metadata,
    Column("recipient_id", ID, primary_key=True),
    Column("digest", DIGEST, ForeignKey("terms_texts.digest"), primary_key=True),
    Column("recipient", NAME, nullable=False),
    Column("share", NAME, nullable=False),
    Column("accepted_at", BigInteger, nullable=False),
    Column("accepted_by", Text, nullable=False),
)
