"""Versions of a model by revision, with aliases and tags, read by plain SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from model_sharing_protocol.revisions import Revision
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.metastore.engine.database_engine import SqlRow, SqlRows
from model_sharing_provider.metastore.hot.executor import compile_sql
from model_sharing_provider.metastore.rows.mapping import read_version
from model_sharing_provider.metastore.rows.versions import select_versions

SELECT_VERSION = compile_sql(select_versions())
_ALIASES = """
SELECT alias FROM model_aliases WHERE model_id = :model_id AND version = :version ORDER BY alias_key
"""
_OF_ALIAS = """
JOIN model_aliases a ON a.model_id = model_versions.model_id AND a.version = model_versions.version
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


@dataclass(frozen=True, slots=True)
class RevisionReads:
    """Reads of a model's version by revision, with any status where it has a number.

    Of versions with the same commit, one that was not recalled is found first, and then the newest.
    """

    by_number: str
    by_alias: str
    by_commit: str
    newest: str

    @classmethod
    def of(cls, of_model: str) -> RevisionReads:
        """Reads of the model that the condition `of_model` is about."""
        ready = f"{SELECT_VERSION} WHERE {of_model} AND model_versions.status = 'READY'"
        recalled = "CASE WHEN model_versions.recalled_at IS NULL THEN 0 ELSE 1 END"
        newest = "model_versions.version DESC LIMIT 1"
        return cls(
            f"{SELECT_VERSION} WHERE {of_model} AND model_versions.version = :number",
            f"{SELECT_VERSION} {_OF_ALIAS} WHERE {of_model} AND a.alias_key = :alias",
            f"{ready} AND substr(model_versions.digest, 8, 40) = :commit ORDER BY {recalled}, {newest}",
            f"{ready} AND model_versions.recalled_at IS NULL ORDER BY {newest}",
        )

    def find(self, rows: SqlRows, model: Mapping[str, str], revision: Revision) -> ModelVersion | None:
        """Version by revision, of the model whose values the condition takes."""
        if revision.alias is not None:
            row = rows.execute(self.by_alias, {**model, "alias": revision.alias.lower()}).fetchone()
        elif revision.commit is not None:
            row = rows.execute(self.by_commit, {**model, "commit": revision.commit}).fetchone()
        else:
            row = rows.execute(self.by_number, {**model, "number": revision.number}).fetchone()
        if row is None and revision.or_newest:
            row = rows.execute(self.newest, model).fetchone()
        return read_full_version(rows, row) if row else None
