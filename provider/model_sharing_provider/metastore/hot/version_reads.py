"""Versions with aliases and tags, read by plain SQL."""

from __future__ import annotations

from dataclasses import replace

from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.metastore.engine.database_engine import SqlRow, SqlRows
from model_sharing_provider.metastore.hot.executor import compile_sql
from model_sharing_provider.metastore.rows.mapping import read_version
from model_sharing_provider.metastore.rows.versions import select_versions

SELECT_VERSION = compile_sql(select_versions())
_ALIASES = """
SELECT alias FROM model_aliases WHERE model_id = :model_id AND version = :version ORDER BY alias_key
"""
_TAGS = "SELECT key, value FROM tags WHERE securable_id = :id ORDER BY key"


def read_full_version(rows: SqlRows, row: SqlRow) -> ModelVersion:
    """Version with its aliases and tags, from a row of SELECT_VERSION."""
    version = read_version(row)
    aliases = rows.execute(_ALIASES, {"model_id": version.model_id, "version": version.version})
    tags = rows.execute(_TAGS, {"id": version.id})
    return replace(
        version,
        aliases=tuple(alias["alias"] for alias in aliases),
        tags={tag["key"]: tag["value"] for tag in tags},
    )
