"""Export of the audit log to one Parquet file: written batch by batch, in bounded memory."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

import pyarrow as pa
import pyarrow.parquet as pq

from model_sharing_protocol.errors import AlreadyExists, DiskFull, InvalidParameter
from model_sharing_provider.domain.events import AuditEvent
from model_sharing_provider.metastore.rows.audit_log import event_values

_TEXTS = (
    "outcome",
    "action",
    "principal",
    "principal_type",
    "object_type",
    "object_name",
    "share",
    "recipient",
    "reason",
    "face",
    "address",
    "request_id",
)
_MOMENT = pa.timestamp("ms", tz="UTC")
_SCHEMA = pa.schema(
    [
        pa.field("at", _MOMENT),
        *(pa.field(name, pa.string()) for name in _TEXTS),
        pa.field("count", pa.int64()),
        pa.field("first_at", _MOMENT),
        pa.field("token_groups", pa.list_(pa.string())),
    ]
)


class EventFile:
    """File of audit events, readable by its owner alone; appears at `path` complete or not at all.

    The methods block. They raise AlreadyExists if `path` exists, InvalidParameter if it cannot be written,
    and DiskFull.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        # A cancelled export discards the file while its thread may still be writing.
        self._lock = Lock()
        with self._translated_errors():
            if path.exists():
                raise AlreadyExists(f"{path} exists already; choose another name, or move it away first.")
            self._unfinished.touch(mode=0o600)
            try:
                self._writer = pq.ParquetWriter(self._unfinished, _SCHEMA)
            except OSError:
                self._unfinished.unlink()
                raise

    def write(self, events: Sequence[AuditEvent]) -> None:
        """Append events as a row group."""
        values = [
            {**columns, "token_groups": event.caller.token_groups}
            for columns, event in zip(event_values(events), events, strict=True)
        ]
        rows = pa.Table.from_pylist(values, schema=_SCHEMA)
        with self._lock, self._translated_errors():
            self._writer.write_table(rows)

    def finish(self) -> None:
        """Write the footer, which completes the Parquet file."""
        with self._lock, self._translated_errors():
            self._writer.close()

    def publish(self) -> None:
        """Rename the finished file to `path`."""
        with self._translated_errors():
            self._unfinished.replace(self._path)

    def discard(self) -> None:
        """Delete a file that was not published."""
        with self._lock:
            with suppress(OSError):
                self._writer.close()
            self._unfinished.unlink(missing_ok=True)

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise DiskFull(
                    f"There is no disk space left for {self._path}; free some space and try again."
                ) from error
            raise InvalidParameter(f"{self._path} cannot be written: {error.strerror or error}.") from error
