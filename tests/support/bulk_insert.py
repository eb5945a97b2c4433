"""Bulk insert of models, versions and audit events past all services: a million would take them hours."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from uuid import UUID

from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.metastore.tables import (
    audit_log,
    model_aliases,
    model_versions,
    registered_models,
)

_SIGNATURE = json.dumps({"inputs": [{"type": "double", "name": f"x{i}", "required": True} for i in range(4)]})
_BATCH = 20_000

Row = Sequence[object]


def model_name(number: int) -> str:
    """The names of seeded models, in their order."""
    return f"model_{number:07d}"


def bulk_insert(url: str, schema_id: str, models: int, versions_each: int, events: int) -> None:
    """Add models to a schema, with READY versions and the alias Champion on the last; and audit events."""
    chance = random.Random(schema_id)
    ids = [str(UUID(int=chance.getrandbits(128), version=4)) for _ in range(models)]
    load = _load_postgresql if url.startswith("postgresql") else _load_sqlite
    columns = [column.name for column in registered_models.columns]
    load(url, "registered_models", columns, (_model(each, schema_id, id_) for each, id_ in enumerate(ids)))
    columns = [column.name for column in model_versions.columns]
    versions = itertools.product(ids, range(1, versions_each + 1))
    load(url, "model_versions", columns, (_version(chance, *each) for each in versions))
    columns = [column.name for column in model_aliases.columns]
    load(url, "model_aliases", columns, ((id_, "champion", "Champion", versions_each) for id_ in ids))
    columns = [column.name for column in audit_log.columns if column.name != "id"]
    load(url, "audit_log", columns, (_event(each) for each in range(events)))


def _model(number: int, schema_id: str, id_: str) -> Row:
    values = {
        "id": id_,
        "schema_id": schema_id,
        "name": model_name(number),
        "next_version": 100,
        "comment": "",
        "owner": "admin",
        "created_at": 1,
        "updated_at": 1,
        "created_by": "admin",
        "updated_by": "admin",
    }
    return [values[column.name] for column in registered_models.columns]


def _version(chance: random.Random, model_id: str, number: int) -> Row:
    id_ = str(UUID(int=chance.getrandbits(128), version=4))
    values = {
        "id": id_,
        "model_id": model_id,
        "version": number,
        "status": "READY",
        "storage_path": f"models/{model_id}/versions/{id_}",
        "signature": _SIGNATURE,
        "digest": f"sha256:{number:064x}",
        "size": 1000,
        "num_files": 2,
        "run_id": f"{chance.getrandbits(128):032x}",
        "created_at": 1,
        "created_by": "admin",
        "updated_at": 1,
    }
    return [values.get(column.name, None if column.nullable else "") for column in model_versions.columns]


_MOSTLY = AuditAction.DELTA_SHARING_GET_MODEL_VERSION_BY_ALIAS


def _event(number: int) -> Row:
    """Mostly resolutions by some hundred recipients, and now and then something else."""
    rare = number % 50_000 == 0
    action = AuditAction.DELTA_SHARING_QUERY_TABLE if rare else _MOSTLY
    recipient = f"recipient_{number % 199}"
    values = {
        "at": number,
        "face": "open-sharing",
        "principal_type": "RECIPIENT",
        "principal": recipient,
        "action": action,
        "object_type": "SHARE",
        "object_name": "everything.ml.model@champion",
        "share": "everything",
        "recipient": recipient,
        "outcome": "DENIED" if rare else "OK",
        "address": "192.0.2.7",
        "request_id": f"{number:032x}",
        "count": 1,
        "first_at": number,
    }
    columns = [column for column in audit_log.columns if column.name != "id"]
    return [values.get(column.name, None if column.nullable else "") for column in columns]


def _load_sqlite(url: str, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    import sqlite3

    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        for batch in _batches(rows):
            database.executemany(insert, batch)
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _load_postgresql(url: str, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    import psycopg

    into = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    with psycopg.connect(url, autocommit=True) as database:
        with database.cursor() as cursor, cursor.copy(into.encode()) as copy:
            for row in rows:
                copy.write_row(row)
        # As its own housekeeping does a minute after such a change.
        database.execute(f"ANALYZE {table}".encode())


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while batch := list(itertools.islice(remaining, _BATCH)):
        yield batch
