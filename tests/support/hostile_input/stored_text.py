"""Text that others wrote, wherever the database keeps it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

STORED = {
    "catalogs": ["comment", "owner"],
    "schemas": ["comment", "owner"],
    "registered_models": ["comment", "owner"],
    "model_versions": ["comment", "source", "run_id", "created_by"],
    "model_aliases": ["alias"],
    "tags": ["value"],
    "lineage": ["recorded_by"],
    "shares": ["comment", "owner"],
    "share_objects": ["added_by"],
    "grants": ["granted_by"],
    "terms_texts": ["version", "text"],
    "securable_terms": ["set_by"],
    "terms_acceptances": ["share", "accepted_by"],
    "recipients": ["comment", "owner"],
    "providers": ["comment", "owner", "endpoint"],
    "access_tokens": ["comment"],
    "audit_log": ["principal", "object_name", "share", "recipient", "reason", "address", "request_id"],
}
"""Columns by table. What names things is checked where it comes in, and is not here."""


def store_everywhere(database: Path, text: str) -> None:
    """Put a text, with a number, into each of these columns of each row, whatever the services would say."""
    with closing(sqlite3.connect(database)) as rows:
        for table, columns in STORED.items():
            values = ", ".join(f"{column} = ? || rowid" for column in columns)
            rows.execute(f"UPDATE {table} SET {values}", [text] * len(columns))
        rows.commit()
