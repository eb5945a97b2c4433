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
from model_sharing_provider.domain.skills import SkillMetadata
from model_sharing_provider.metastore.engine.database_engine import SqlRow
from model_sharing_provider.metastore.tables import model_versions


def shared_names(kind: type[Any], table: Table) -> tuple[str, ...]:
    """Names that fields of a class and columns of a table have in common."""
    columns = {column.name for column in table.columns}
    return tuple(each.name for each in fields(kind) if each.name in columns)


_VERSION = shared_names(ModelVersion, model_versions)


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


def read_limits(row: SqlRow) -> RecipientLimits:
    return RecipientLimits(row["requests_per_minute"], row["bytes_per_day"], row["bytes_per_month"])


def read_principal(row: SqlRow) -> Principal:
    return Principal(PrincipalType(row["type"]), row["id"], row["name"])
