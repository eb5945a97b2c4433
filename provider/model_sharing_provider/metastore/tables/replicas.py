"""Tables that replicas of the database need: how fresh they are, and what audit events they delivered."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table

from model_sharing_provider.metastore.tables.columns import ID, metadata

# One row: servers of the home note the time now and then, so that a replica knows as of when its rows are.
heartbeats = Table(
    "heartbeats",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("beaten_at", BigInteger, nullable=False),
)

# How far the events of each spool have been written to the audit log.
audit_spools = Table(
    "audit_spools",
    metadata,
    Column("id", ID, primary_key=True),
    Column("delivered", BigInteger, nullable=False, server_default="0"),
    Column("delivered_at", BigInteger, nullable=False, server_default="0"),
)
