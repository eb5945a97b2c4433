"""Parquet files of a share's information schema. Imported on demand, since Arrow loads slowly."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model_sharing_protocol.model_formats import known_of
from model_sharing_provider.domain.securables import ModelVersion, RegisteredModel
from model_sharing_provider.domain.sharing import SharedModel

_MOMENT = pa.timestamp("ms", tz="UTC")
_SPARK_TYPES = {pa.string(): "string", pa.int32(): "integer", pa.int64(): "long", _MOMENT: "timestamp"}

_FORMAT = (
    pa.field("format", pa.string()),
    pa.field("license", pa.string()),
    pa.field("summary", pa.string()),
)
_MODELS = pa.schema(
    [
        pa.field("schema", pa.string()),
        pa.field("name", pa.string()),
        pa.field("comment", pa.string()),
        pa.field("latest_version", pa.int32()),
        pa.field("created_at", _MOMENT),
        pa.field("updated_at", _MOMENT),
        *_FORMAT,
    ]
)
_VERSIONS = pa.schema(
    [
        pa.field("schema", pa.string()),
        pa.field("model_name", pa.string()),
        pa.field("version", pa.int32()),
        pa.field("status", pa.string()),
        pa.field("comment", pa.string()),
        pa.field("digest", pa.string()),
        pa.field("size", pa.int64()),
        pa.field("num_files", pa.int32()),
        pa.field("signature", pa.string()),
        pa.field("created_at", _MOMENT),
        pa.field("recalled_at", _MOMENT),
        pa.field("recall_reason", pa.string()),
        pa.field("recall_replacement", pa.int32()),
        pa.field("origin_provider", pa.string()),
        pa.field("origin_share", pa.string()),
        pa.field("origin_model", pa.string()),
        pa.field("origin_version", pa.int32()),
        pa.field("origin_digest", pa.string()),
        pa.field("origin_key", pa.string()),
        *_FORMAT,
    ]
)
_ALIASES = pa.schema(
    [
        pa.field("schema", pa.string()),
        pa.field("model_name", pa.string()),
        pa.field("alias", pa.string()),
        pa.field("version", pa.int32()),
    ]
)

Row = Mapping[str, Any]


def _model_rows(models: Sequence[SharedModel], _versions: Sequence[ModelVersion]) -> Iterable[Row]:
    for item in models:
        yield {
            "schema": item.shared_name.schema,
            "name": item.shared_name.name,
            "comment": item.model.comment,
            "latest_version": item.model.latest_version,
            "created_at": item.model.created_at,
            "updated_at": item.model.updated_at,
            **_format_of(item.model),
        }


def _version_rows(models: Sequence[SharedModel], versions: Sequence[ModelVersion]) -> Iterable[Row]:
    for item, version in _joined(models, versions):
        yield {
            "schema": item.shared_name.schema,
            "model_name": item.shared_name.name,
            "version": version.version,
            "status": version.status.value,
            "comment": version.comment,
            "digest": version.digest,
            "size": version.size,
            "num_files": version.num_files,
            "signature": json.dumps(version.signature) if version.signature else None,
            "created_at": version.created_at,
            "recalled_at": version.recalled_at,
            "recall_reason": version.recall_reason or None,
            "recall_replacement": version.recall_replacement,
            "origin_provider": version.origin_provider or None,
            "origin_share": version.origin_share or None,
            "origin_model": version.origin_model or None,
            "origin_version": version.origin_version,
            "origin_digest": version.origin_digest or None,
            "origin_key": version.origin_key or None,
            **_format_of(version),
        }


def _format_of(described: RegisteredModel | ModelVersion) -> Row:
    """Format, license, and the summary as JSON."""
    known = known_of(described.summary)
    return {
        "format": described.format,
        "license": described.license or None,
        "summary": json.dumps(known) if known else None,
    }


def _alias_rows(models: Sequence[SharedModel], _versions: Sequence[ModelVersion]) -> Iterable[Row]:
    # No alias points at a version that is not READY.
    for item in models:
        for alias, version in item.model.aliases.items():
            yield {
                "schema": item.shared_name.schema,
                "model_name": item.shared_name.name,
                "alias": alias,
                "version": version,
            }


def _joined(
    models: Sequence[SharedModel], versions: Sequence[ModelVersion]
) -> Iterable[tuple[SharedModel, ModelVersion]]:
    """Pairs of a model and each of its versions; a model shared twice appears twice."""
    by_model: dict[str, list[ModelVersion]] = {}
    for version in versions:
        by_model.setdefault(version.model_id, []).append(version)
    return ((item, version) for item in models for version in by_model.get(item.model.id, ()))


_RowsOf = Callable[[Sequence[SharedModel], Sequence[ModelVersion]], Iterable[Row]]
_TABLES: Mapping[str, tuple[Any, _RowsOf]] = {
    "models": (_MODELS, _model_rows),
    "model_versions": (_VERSIONS, _version_rows),
    "model_aliases": (_ALIASES, _alias_rows),
}


def schema_string(table: str) -> str:
    """Schema of a table as a JSON string in Delta's format."""
    schema, _ = _TABLES[table]
    fields = [
        {"name": field.name, "type": _SPARK_TYPES[field.type], "nullable": True, "metadata": {}}
        for field in schema
    ]
    return json.dumps({"type": "struct", "fields": fields})


class TableWriter:
    """Writer of a table as one Parquet file, batch by batch. Its methods block."""

    def __init__(self, table: str) -> None:
        self._schema, self._rows_of = _TABLES[table]
        self._buffer = io.BytesIO()
        self._writer = pq.ParquetWriter(self._buffer, self._schema)

    def add(self, models: Sequence[SharedModel], versions: Sequence[ModelVersion]) -> None:
        """Append the rows of these models, or of their versions, as a row group."""
        if rows := list(self._rows_of(models, versions)):
            self._writer.write_table(pa.Table.from_pylist(rows, schema=self._schema))

    def finish(self) -> bytes:
        """Complete the file, and return its content."""
        self._writer.close()
        return self._buffer.getvalue()
