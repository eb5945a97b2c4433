"""Parquet folders: tables that are a folder of Parquet files, perhaps in folders `column=value`.

All files have the columns of the first, in the order of their paths; partition columns are text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from model_sharing_protocol.errors import CorruptArtifact, UnsupportedOperation
from model_sharing_provider.domain.shared_tables import DataFile, TableSnapshot
from model_sharing_provider.domain.stored_objects import ExternalFile

MAGIC = b"PAR1"
TAIL_BYTES = 8
"""Bytes at the end of a file: the length of its footer, and the magic."""

MAX_FOOTER_BYTES = 16 * 1024 * 1024
_NULL = "__HIVE_DEFAULT_PARTITION__"
_TYPES = {
    "bool": "boolean",
    "int8": "byte",
    "int16": "short",
    "int32": "integer",
    "int64": "long",
    "float": "float",
    "double": "double",
    "string": "string",
    "large_string": "string",
    "binary": "binary",
    "large_binary": "binary",
    "date32[day]": "date",
}


def data_files(files: Sequence[ExternalFile]) -> list[ExternalFile]:
    """Parquet files of a folder in order, without what engines hide: names that begin with `_` or `.`."""
    return sorted(
        (
            file
            for file in files
            if file.path.endswith(".parquet")
            and not any(part.startswith(("_", ".")) for part in file.path.split("/"))
        ),
        key=lambda file: file.path,
    )


def footer_bytes(tail: bytes, size: int) -> int:
    """Length in bytes of a file's footer, from its last bytes. Raises CorruptArtifact."""
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or length > min(MAX_FOOTER_BYTES, size - TAIL_BYTES):
        raise CorruptArtifact("A file of this table is not a Parquet file.")
    return length


def snapshot(files: Sequence[ExternalFile], footer: bytes) -> TableSnapshot:
    """Snapshot of a folder, by its files and the footer of the first. Raises UnsupportedOperation.

    The version is the time of the last change, since the folder has no log.
    """
    partitions = [_partition(file.path) for file in files]
    columns = tuple(partitions[0])
    if any(tuple(each) != columns for each in partitions):
        raise UnsupportedOperation(
            "This folder cannot be shared as a table: its files are in folders of different columns."
        )
    found = [
        DataFile(path=file.path, size=file.size, etag=file.etag, partition_values=values)
        for file, values in zip(files, partitions, strict=True)
    ]
    fields = [*_fields(footer), *({"name": name, "type": "string"} for name in columns)]
    spark = [{**field, "nullable": True, "metadata": {}} for field in fields]
    schema = json.dumps({"type": "struct", "fields": spark})
    return TableSnapshot(max(file.modified for file in files), schema, columns, found)


def _partition(path: str) -> dict[str, str | None]:
    parts = [part.partition("=") for part in path.split("/")[:-1]]
    values = {unquote(name): unquote(value) for name, separator, value in parts if separator}
    return {name: None if value == _NULL else value for name, value in values.items()}


def _fields(footer: bytes) -> list[dict[str, Any]]:
    import pyarrow  # noqa: PLC0415 - slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415

    whole = MAGIC + footer + len(footer).to_bytes(4, "little") + MAGIC
    try:
        schema = pq.read_schema(BytesIO(whole))
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise CorruptArtifact("A file of this table has a footer that cannot be read.") from error
    return [{"name": field.name, "type": _spark_type(field.name, field.type)} for field in schema]


def _spark_type(name: str, kind: Any) -> Any:
    """Type in Spark's JSON. Raises UnsupportedOperation for one that Delta does not have."""
    from pyarrow import types  # noqa: PLC0415

    if types.is_dictionary(kind):
        return _spark_type(name, kind.value_type)
    if types.is_timestamp(kind):
        return "timestamp" if kind.tz else "timestamp_ntz"
    if types.is_nested(kind):
        return _nested_type(name, kind)
    if types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if str(kind) not in _TYPES:
        raise UnsupportedOperation(
            f"This folder cannot be shared as a table: its column {name!r} has the type {kind}."
        )
    return _TYPES[str(kind)]


def _nested_type(name: str, kind: Any) -> Any:
    """Type of lists, maps and structs in Spark's JSON. Raises UnsupportedOperation for others."""
    from pyarrow import types  # noqa: PLC0415

    if types.is_list(kind) or types.is_large_list(kind):
        element = _spark_type(name, kind.value_type)
        return {"type": "array", "elementType": element, "containsNull": True}
    if types.is_map(kind):
        key, value = _spark_type(name, kind.key_type), _spark_type(name, kind.item_type)
        return {"type": "map", "keyType": key, "valueType": value, "valueContainsNull": True}
    if types.is_struct(kind):
        fields = [
            {"name": each.name, "type": _spark_type(each.name, each.type), "nullable": True, "metadata": {}}
            for each in kind
        ]
        return {"type": "struct", "fields": fields}
    raise UnsupportedOperation(
        f"This folder cannot be shared as a table: its column {name!r} has the type {kind}."
    )
