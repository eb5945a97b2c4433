"""Service times as they were measured: CPU seconds of each kind of request, by database. Kept in a file."""

from __future__ import annotations

from pathlib import Path

import msgspec

NOT_MODIFIED, ALIAS, QUERY, PAGE = "not modified", "alias", "version query", "page of 100 models"
FILE, CHANGES, REFUSED, OVER_LIMIT = "file of 20 kB", "changes", "refused token", "over the limit"
KINDS = (NOT_MODIFIED, ALIAS, QUERY, PAGE, FILE, CHANGES, REFUSED, OVER_LIMIT)
KEPT = Path(__file__).with_suffix(".json")


class RequestTimes(msgspec.Struct, frozen=True):
    """CPU seconds of one request, without its part of a commit.

    `reads` are round trips to the database one after another, `events` the audit events that are committed.
    """

    server: float
    database: float
    reads: int
    events: int


class DatabaseTimes(msgspec.Struct, frozen=True):
    """CPU seconds with one kind of database.

    `group_…` are of one commit of any number of events; `miss_…` of reading what a request needs anew, after
    a change; `waiting_…` of a recipient that waits for changes, for a second; `byte_server` of a byte of a
    large file.
    """

    requests: dict[str, RequestTimes]
    group_server: float
    group_database: float
    miss_server: float
    miss_database: float
    waiting_server: float
    waiting_database: float
    byte_server: float


class ServiceTimes(msgspec.Struct, frozen=True):
    """Service times in seconds: `flush`, until the disk keeps a small write; `client`, CPU of who asks."""

    machine: str
    flush: float
    client: float
    databases: dict[str, DatabaseTimes]


def read(path: Path) -> ServiceTimes:
    return msgspec.json.decode(path.read_bytes(), type=ServiceTimes)


def save(path: Path, times: ServiceTimes) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(times), indent=2) + b"\n")
