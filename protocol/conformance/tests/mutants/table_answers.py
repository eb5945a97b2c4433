"""Mutants of what is said of tables: versions, metadata, files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from mutants import contents
from mutants.contents import Row
from mutants.families import IN_SCHEMA, NAME, Mutants
from mutants.mutations import (
    Change,
    Mutation,
    Serve,
    answered,
    body,
    each_line,
    header,
    items,
    lines,
    on,
    put,
    raw,
    status,
    without,
)
from opensharing_conformance.transport import Request, Response

_TABLE = f"{IN_SCHEMA}/tables/{NAME}"
_ALL = f"shares/{NAME}/all-tables"


def version(change: Change) -> Mutation:
    return on(f"{_TABLE}/version", answered(change))


def metadata(change: Change) -> Mutation:
    return on(f"{_TABLE}/metadata", answered(change))


def query(change: Change) -> Mutation:
    return on(f"{_TABLE}/query", answered(change), "POST")


def about(**fields: Any) -> Change:
    return each_line("metaData", put(**fields))


def files(change: Callable[[Row], Row]) -> Mutation:
    return query(each_line("file", change))


def changes(change: Change) -> Mutation:
    return on(f"{_TABLE}/changes", answered(change))


def _fetched(change: Change) -> Mutation:
    def mutated(request: Request, serve: Serve) -> Response:
        response = serve(request)
        return change(response) if request.url.startswith(contents.FILES) else response

    return mutated


def _over_http(file: Row) -> Row:
    return file | ({"url": file["url"].replace("https:", "http:")} if "url" in file else {})


def _larger(file: Row) -> Row:
    return file | ({"size": file["size"] + 1} if "size" in file else {})


def _other_ids() -> Mutation:
    count = iter(range(10**6))
    return files(lambda file: file | {"id": f"id-{next(count)}"})


_ONE_FIELD = json.dumps({"type": "struct", "fields": [{"name": "amount", "type": "string"}]})
_TWICE = lines(lambda rows: [*rows, rows[-1]])
_TWO_FIELDS = lines(lambda rows: [rows[0] | rows[1], *rows[1:]])

TABLE_ANSWERS: Mutants = {
    "OS-TABLES-046": on(_TABLE, answered(body(put(format="csv")))),
    "OS-TABLES-047": on(_ALL, answered(items(put(accessModes=["url", "ftp"])))),
    "OS-TABLES-048": on(_ALL, answered(items(put(auxiliaryLocations="s3://more")))),
    "OS-TABLES-051": version(header("delta-table-version", None)),
    "OS-TABLES-052": version(raw(b"{}")),
    "OS-TABLES-061": metadata(header("content-type", "application/json; charset=utf-8")),
    "OS-TABLES-062": metadata(header("delta-table-version", "latest")),
    "OS-TABLES-063": metadata(_TWICE),
    "OS-TABLES-064": metadata(each_line("protocol", put(minReaderVersion=3))),
    "OS-TABLES-065": metadata(each_line("metaData", without("id"))),
    "OS-TABLES-066": metadata(about(schemaString="day string, amount string")),
    "OS-TABLES-067": metadata(about(schemaString=_ONE_FIELD)),
    "OS-TABLES-068": metadata(about(format={"provider": "csv"})),
    "OS-TABLES-069": metadata(_TWO_FIELDS),
    "OS-TABLES-077": on(f"{_TABLE}/metadata", answered(raw(b"no"), 400)),
    "OS-TABLES-081": query(header("content-type", "application/json; charset=utf-8")),
    "OS-TABLES-082": query(header("delta-table-version", None)),
    "OS-TABLES-083": query(lines(lambda rows: [rows[1], rows[0], *rows[2:]])),
    "OS-TABLES-084": query(lines(lambda rows: [*rows, {"add": {}}])),
    "OS-TABLES-085": query(lines(lambda rows: [*rows[:2], *({**row, "version": 1} for row in rows[2:])])),
    "OS-TABLES-086": files(without("size")),
    "OS-TABLES-087": files(put(partitionValues={})),
    "OS-TABLES-088": files(_over_http),
    "OS-TABLES-089": files(put(id="same")),
    "OS-TABLES-090": _other_ids(),
    "OS-TABLES-091": files(put(stats=json.dumps({"records": 1}))),
    "OS-TABLES-092": files(put(expirationTimestamp=contents.FAR // 1000)),
    "OS-TABLES-111": _fetched(status(403)),
    "OS-TABLES-112": files(_larger),
    "OS-TABLES-113": _fetched(lambda response: raw(b"x" * len(response.body))(response)),
    "OS-TABLES-142": changes(lines(lambda rows: rows[1:])),
    "OS-TABLES-143": changes(each_line("add", without("timestamp"))),
    "OS-TABLES-DIR-001": on(_ALL, answered(items(without("location")))),
    "OS-TABLES-DIR-010": on(
        f"{_TABLE}/temporary-table-credentials",
        answered(body(lambda answer: {"credentials": without("location")(answer["credentials"])})),
        "POST",
    ),
}
