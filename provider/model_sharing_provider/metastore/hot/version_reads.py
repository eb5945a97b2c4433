"""Read a version with its aliases and tags by plain SQL."""

from __future__ import annotations

import json

from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.metastore.engine.backend import SqlRow, SqlRows

SELECT_VERSION = """
SELECT v.*, m.name, s.name AS schema_name, c.name AS catalog_name
FROM model_versions v
JOIN registered_models m ON m.id = v.model_id
JOIN schemas s ON s.id = m.schema_id
JOIN catalogs c ON c.id = s.catalog_id
"""
_ALIASES = """
SELECT alias FROM model_aliases WHERE model_id = :model_id AND version = :version ORDER BY alias_key
"""
_TAGS = "SELECT key, value FROM tags WHERE securable_id = :id ORDER BY key"


def read_version(rows: SqlRows, row: SqlRow) -> ModelVersion:
    """The version in a row of SELECT_VERSION."""
    place = {"model_id": row["model_id"], "version": row["version"]}
    return ModelVersion(
        id=row["id"],
        model_id=row["model_id"],
        full_name=FullName(row["catalog_name"], row["schema_name"], row["name"]),
        version=row["version"],
        status=VersionStatus(row["status"]),
        comment=row["comment"],
        source=row["source"],
        run_id=row["run_id"],
        storage_path=row["storage_path"],
        signature=json.loads(row["signature"]) if row["signature"] else None,
        digest=row["digest"],
        size=row["size"],
        num_files=row["num_files"],
        aliases=tuple(alias["alias"] for alias in rows.execute(_ALIASES, place)),
        tags={tag["key"]: tag["value"] for tag in rows.execute(_TAGS, {"id": row["id"]})},
        created_at=row["created_at"],
        created_by=row["created_by"],
        updated_at=row["updated_at"] or row["created_at"],
        status_message=row["status_message"],
        logged_model_id=row["logged_model_id"],
    )
