"""Mapping between rows and domain values, for SQLAlchemy Core and plain SQL alike.

A column with the name of a field is mapped by that name: a new one needs no line here, unless its value is
stored in another form.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import msgspec
from sqlalchemy import Table

from model_sharing_protocol.model_formats import NOTHING_KNOWN, ModelFormat, ModelSummary, known_of
from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.principals import Principal, PrincipalType
from model_sharing_provider.domain.recipient_limits import RecipientLimits
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.domain.sharing import Share, ShareGrant
from model_sharing_provider.domain.skills import SkillMetadata
from model_sharing_provider.metastore.engine.database_engine import SqlRow
from model_sharing_provider.metastore.tables import model_versions, shares


def _shared_names(kind: type[Any], table: Table) -> tuple[str, ...]:
    columns = {column.name for column in table.columns}
    return tuple(each.name for each in fields(kind) if each.name in columns)


_VERSION = _shared_names(ModelVersion, model_versions)
_SHARE = _shared_names(Share, shares)


def version_values(version: ModelVersion) -> dict[str, Any]:
    """Column values of a version; its names, aliases and tags are in other tables."""
    values = {name: getattr(version, name) for name in _VERSION}
    return values | {
        "signature": json.dumps(version.signature) if version.signature else None,
        "format": version.format or "",
        "summary": json.dumps(known) if (known := known_of(version.summary)) else "",
    }


def read_version(row: SqlRow) -> ModelVersion:
    """Version without aliases and tags, from a row with the names of its model, schema and catalog."""
    values = {name: row[name] for name in _VERSION}
    values["status"] = VersionStatus(values["status"])
    values["signature"] = json.loads(values["signature"]) if values["signature"] else None
    values["format"] = read_format(values["format"])
    values["summary"] = read_summary(values["summary"])
    return ModelVersion(full_name=FullName(row["catalog_name"], row["schema_name"], row["name"]), **values)


def read_format(value: str) -> ModelFormat | None:
    return ModelFormat(value) if value else None


def skill_value(skill: SkillMetadata | None) -> str:
    """Column value of a skill's metadata, in JSON; empty for what is not a skill."""
    return msgspec.json.encode(skill).decode() if skill is not None else ""


def read_skill(value: str) -> SkillMetadata | None:
    return msgspec.json.decode(value, type=SkillMetadata) if value else None


def read_summary(value: str) -> ModelSummary:
    return msgspec.json.decode(value, type=ModelSummary) if value else NOTHING_KNOWN


def share_values(share: Share) -> dict[str, Any]:
    return {name: getattr(share, name) for name in _SHARE}


def read_share(row: SqlRow) -> Share:
    values = {name: row[name] for name in _SHARE}
    return Share(**values | {"resharing": bool(values["resharing"])})  # plain SQL on SQLite reads 0 or 1


def read_share_grant(row: SqlRow, *, grant_id: str = "id", share: str = "share") -> ShareGrant:
    """Grant from a row with the names of its share and recipient."""
    return ShareGrant(
        id=row[grant_id],
        share=row[share],
        recipient=row["recipient"],
        privilege=row["privilege"],
        granted_at=row["granted_at"],
        granted_by=row["granted_by"],
    )


def read_limits(row: SqlRow) -> RecipientLimits:
    return RecipientLimits(row["requests_per_minute"], row["bytes_per_day"], row["bytes_per_month"])


def read_principal(row: SqlRow) -> Principal:
    return Principal(PrincipalType(row["type"]), row["id"], row["name"])
