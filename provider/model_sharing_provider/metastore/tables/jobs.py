"""Table of background jobs, which servers claim by row. Written without a new `change_token`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from model_sharing_provider.metastore.tables.columns import (
    ID,
    NAME,
    id_column,
    metadata,
    partial_index,
    text_type,
)

_UNFINISHED = "state IN ('QUEUED', 'RUNNING')"

jobs = Table(
    "jobs",
    metadata,
    id_column(),
    Column("kind", text_type(32), nullable=False),
    Column("subject", NAME, nullable=False),
    # JSON: what it was asked for, groups of the requester's token, and what was done.
    Column("arguments", Text, nullable=False, server_default="{}"),
    Column("requester_id", ID, nullable=False),
    Column("requester", NAME, nullable=False),
    Column("token_id", ID, nullable=False, server_default=""),
    Column("group_ids", Text, nullable=False, server_default="[]"),
    Column("state", text_type(16), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, index=True),
    Column("claimed_by", text_type(64), nullable=False, server_default=""),
    Column("leased_until", BigInteger, nullable=False, server_default="0"),
    Column("progress", Text, nullable=False, server_default="{}"),
    Column("error", Text, nullable=False, server_default=""),
    # One of a kind and subject at a time: whoever asks for it again joins it.
    partial_index("ix_jobs_kind", "kind", "subject", where=_UNFINISHED, unique=True),
    partial_index("ix_jobs_due_at", "due_at", where=_UNFINISHED),
)
