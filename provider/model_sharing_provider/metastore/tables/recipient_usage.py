"""Tables of what recipients have used of their limits."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table

from model_sharing_provider.metastore.tables.columns import ID, metadata, text_type

recipient_usage = Table(
    "recipient_usage",
    metadata,
    # Without foreign keys: a server may write one last row of a recipient that was just deleted.
    Column("recipient_id", ID, primary_key=True),
    Column("period", text_type(16), primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("taken", BigInteger, nullable=False),
    # What the last statement granted, which is how it tells.
    Column("granted", BigInteger, nullable=False),
    # Start of the last period in which somebody was refused.
    Column("refused_at", BigInteger, nullable=False),
)

recipient_issues = Table(
    "recipient_issues",
    metadata,
    Column("recipient_id", ID, primary_key=True),
    # What URLs of a bucket or CDN were issued for, such as a version's id.
    Column("subject", text_type(128), primary_key=True),
    # Start of the day in which its size was counted.
    Column("started_at", BigInteger, nullable=False),
)
