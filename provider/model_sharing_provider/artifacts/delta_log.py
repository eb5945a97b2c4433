"""Delta log: snapshots of Delta tables. The one module that knows `deltalake`, an optional package.

Its functions block. A table with a feature that a reader of Parquet files alone would get wrong is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from types import ModuleType
from typing import Any
from urllib.parse import unquote

from model_sharing_protocol.errors import (
    CorruptArtifact,
    InvalidParameter,
    MissingDependency,
    NotFound,
    UnsupportedOperation,
)
from model_sharing_protocol.paths import check_relative_path
from model_sharing_protocol.times import moment
from model_sharing_provider.domain.shared_tables import DataFile, TableRevision, TableSnapshot

MAX_TABLE_FILES = 20_000
"""Files of a table that is served: its query has a line for each."""

LOG = "_delta_log"
_READER_VERSIONS = 3
# Features that change nothing for whoever reads the Parquet files that the log names.
_HARMLESS = {"timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"}
# Features that are harmless as long as the table makes no use of them, which is checked.
_UNUSED = {"deletionVectors", "columnMapping"}


def read_snapshot(location: str, revision: TableRevision) -> TableSnapshot:
    """Read the snapshot of a Delta table at a location.

    Raises NotFound, UnsupportedOperation for a table that cannot be served, InvalidParameter for a revision
    that its log does not have (any more), CorruptArtifact, MissingDependency.
    """
    deltalake = _library()
    from deltalake.exceptions import DeltaError, TableNotFoundError  # noqa: PLC0415

    try:
        table = _open(deltalake, location, revision)
        _check_readable(table)
        columns = tuple(table.metadata().partition_columns)
        files = list(_files(table, columns))
        return TableSnapshot(table.version(), table.schema().to_json(), columns, files)
    except TableNotFoundError as error:
        raise NotFound("The files of this table are gone from its location.") from error
    except DeltaError as error:
        if revision.version is not None or revision.timestamp is not None:
            raise InvalidParameter(
                "This table does not have the version that is asked for, or not any more."
            ) from error
        raise CorruptArtifact("The log of this Delta table cannot be read.") from error


def _library() -> ModuleType:
    try:
        import deltalake  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependency(
            "Delta tables need the package deltalake: pip install 'model-sharing[tables]'."
        ) from error
    return deltalake


def _open(deltalake: ModuleType, location: str, revision: TableRevision) -> Any:
    table = deltalake.DeltaTable(location, version=revision.version)
    if revision.timestamp is not None:
        asked = moment(revision.timestamp)
        table.load_as_version(asked)
        # For a time before all that is left of the log, the library loads the oldest version.
        if table.history(1)[0]["timestamp"] > revision.timestamp:
            raise InvalidParameter(f"This table has no version of {asked.isoformat()}, or not any more.")
    return table


def _check_readable(table: Any) -> None:
    """Check that the Parquet files are the table. Raises UnsupportedOperation."""
    protocol, configuration = table.protocol(), table.metadata().configuration
    mapping = configuration.get("delta.columnMapping.mode", "none")
    if mapping != "none":
        raise _not_served(f"its columns have other names in its files (column mapping {mapping!r})")
    features = set(protocol.reader_features or ())
    if protocol.min_reader_version > _READER_VERSIONS or features - _HARMLESS - _UNUSED:
        named = ", ".join(sorted(features - _HARMLESS - _UNUSED)) or "a newer protocol"
        raise _not_served(f"its readers need {named}")
    if "deletionVectors" in features and _rows(table.deletion_vectors()):
        raise _not_served("rows are deleted in files that still have them (deletion vectors)")
    if len(table.file_uris()) > MAX_TABLE_FILES:
        raise _not_served(f"it has more than {MAX_TABLE_FILES} files; compact it (OPTIMIZE)")


def _not_served(reason: str) -> UnsupportedOperation:
    return UnsupportedOperation(f"This Delta table cannot be shared as Parquet files: {reason}.")


def _rows(batches: Any) -> list[dict[str, Any]]:
    import pyarrow  # noqa: PLC0415

    return list(pyarrow.table(batches).to_pylist())


def _files(table: Any, columns: tuple[str, ...]) -> Iterator[DataFile]:
    for row in _rows(table.get_add_actions(flatten=False)):
        partition: Mapping[str, Any] = row.get("partition") or {}
        yield DataFile(
            # The log has paths as URIs: one that is absolute, or leaves the folder, is refused.
            path=check_relative_path(unquote(row["path"])),
            size=int(row["size_bytes"]),
            partition_values={name: serialized(partition.get(name)) for name in columns},
            rows=row.get("num_records"),
        )


def serialized(value: Any) -> str | None:
    """Partition value as Delta's protocol writes it. Raises UnsupportedOperation for binary values."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        local = value.astimezone(UTC) if value.tzinfo else value
        return local.strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str | int | float | Decimal):
        return str(value)
    raise _not_served("it is partitioned by a column of binary values")
