"""However many rows there are, a call reads those that it shows, along an index: the database itself says so.

A few thousand models stand for millions: what is asserted is how rows are found, and how many were touched.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.metastore.hot.executor import SqlExecutor
from support.admin_client import AdminClient
from support.large_metastore import calls, fill

pytestmark = pytest.mark.each_database

MODELS, VERSIONS = 3000, 2
BIG = {"registered_models", "model_versions", "model_aliases", "audit_log"}
# A page of 100 with what belongs to each of them; a pass over all models touches ten times as many.
MOST_ROWS = 300
MOST_STEPS = 10_000
BY_TIME = {"ix_audit_log_at_id", "ix_model_versions_created_at", "ix_model_versions_not_ready"}
SEARCHES_BACKWARDS = {"audit log of a recipient", "audit log of a model"}
"""These read the log from its end until they have found enough: `--since` is their bound."""

Statement = tuple[str, Any]


@dataclass(frozen=True)
class Explained:
    """Query plan of a statement: scans of whole big tables, and the work it was."""

    scans: list[str]
    work: int
    most: int


def explained_by_sqlite(path: Path, statement: Statement) -> Explained:
    """Work is counted in steps of its machine, a hundred at a time."""
    sql, values = statement
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 100
        return 0

    with closing(sqlite3.connect(path)) as rows:
        plan = [row[3] for row in rows.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        rows.set_progress_handler(count, 100)
        rows.execute(sql, values).fetchall()
    return Explained([line for line in plan if _scans(line)], steps, MOST_STEPS)


def _scans(line: str) -> bool:
    """The end of an index by time is where the newest rows are: to read that backwards is no scan."""
    words = line.split()
    return words[0] == "SCAN" and words[1] in BIG and words[-1] not in BY_TIME


def explained_by_postgresql(url: str, statement: Statement) -> Explained:
    """Work is counted in rows that were read of big tables, shown or not."""
    sql, values = statement
    with psycopg.connect(url) as rows:
        # So few rows it would rather read all; among millions it does not.
        rows.execute("SET enable_seqscan = off")
        (found,) = rows.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}".encode(), values).fetchone() or ()
        rows.rollback()
    nodes = list(_nodes(found[0]["Plan"]))
    scans = [json.dumps(node)[:300] for node in nodes if node["Node Type"] == "Seq Scan"]
    return Explained([scan for scan in scans if _is_of_many(scan)], sum(map(_rows_read, nodes)), MOST_ROWS)


def _is_of_many(scan: str) -> bool:
    return any(f'"{table}"' in scan for table in BIG)


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _rows_read(node: Mapping[str, Any]) -> int:
    if node.get("Relation Name") not in BIG:
        return 0
    removed = sum(node.get(f"Rows Removed by {what}", 0) for what in ("Filter", "Index Recheck"))
    return int((node["Actual Rows"] + removed) * node["Actual Loops"])


class Recorded:
    """Rows that note down what is asked of them."""

    def __init__(self, rows: Any, statements: list[Statement]) -> None:
        self._rows = rows
        self._statements = statements

    def execute(self, sql: str, values: Mapping[str, Any], /) -> Any:
        self._statements.append((sql, dict(values)))
        return self._rows.execute(sql, values)

    def executemany(self, sql: str, values: Any, /) -> Any:
        return self._rows.executemany(sql, values)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Statement]]:
    """Statements sent to the database, by both ways there."""
    sent: list[Statement] = []

    def note(_connection: Any, _cursor: Any, sql: str, values: Any, _context: Any, _many: bool) -> None:
        sent.append((sql, values))

    run = SqlExecutor.run

    async def recorded(sql: SqlExecutor, work: Callable[[Any], Any], *, writes: bool = False) -> Any:
        return await run(sql, lambda rows: work(Recorded(rows, sent)), writes=writes)

    monkeypatch.setattr(SqlExecutor, "run", recorded)
    event.listen(Engine, "before_cursor_execute", note)
    yield sent
    event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture
async def crowded(admin: AdminClient, settings: Settings, tmp_path: Path) -> AsyncIterator[AdminClient]:
    await fill(admin, settings.database_url, tmp_path / "real", MODELS, VERSIONS)
    yield admin


async def test_each_call_finds_its_rows_along_an_index(
    crowded: AdminClient, settings: Settings, statements: list[Statement]
) -> None:
    seen = set()
    for name, call in (await calls(crowded, MODELS)).items():
        statements.clear()
        await call()
        for sql, values in statements:
            if not sql.lstrip().startswith("SELECT") or sql in seen:
                continue
            seen.add(sql)
            if settings.postgresql_url:
                found = explained_by_postgresql(settings.postgresql_url, (_in_psycopgs_words(sql), values))
            else:
                found = explained_by_sqlite(settings.database_path, (sql, values))
            if name not in SEARCHES_BACKWARDS:
                assert not found.scans, (name, sql)
                assert found.work <= found.most, (name, found.work, sql)
    # A test that saw nothing would pass.
    for table in BIG | {"access_tokens", "share_objects"}:
        assert any(f"FROM {table}" in sql or f"JOIN {table}" in sql for sql in seen), table


async def test_a_page_of_a_share_takes_few_statements(
    crowded: AdminClient, statements: list[Statement]
) -> None:
    """Each costs as much as reading dozens of models."""
    middle = (await calls(crowded, MODELS))["a share's models, middle page"]
    statements.clear()
    await middle()
    # The grant, whether the schema is shared, single models, whole schemas, names in one, models, aliases.
    assert len([sql for sql, _ in statements if sql.lstrip().startswith("SELECT")]) <= 7


def _in_psycopgs_words(sql: str) -> str:
    """With the parameters of plain SQL as SQLAlchemy writes them."""
    return re.sub(r"(?<!:):(\w+)", r"%(\1)s", sql)
