"""Lines that describe a table and its files, in the format that connectors of all ages read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from opensharing_conformance import shapes
from opensharing_conformance.client import Answer
from opensharing_conformance.contents import Item
from opensharing_conformance.expectations import Asset
from opensharing_conformance.judgement import NotTested, Violation, require
from opensharing_conformance.listings import ALL_TABLES
from opensharing_conformance.registry import Subject

MISSING_VERSION = 2**53 - 1
"""Version that no table has."""
NO_TIME = "yesterday at noon"
_MOST_TABLES = 10


def url_table(subject: Subject) -> Asset:
    """Table that the server gives out by URLs."""
    tables = subject.contents.assets("tables")[:_MOST_TABLES]
    for table in tables:
        if "url" in access_modes(subject, table):
            return table
    raise NotTested("no table has the access mode url")


def access_modes(subject: Subject, table: Asset) -> Sequence[str]:
    """Access modes of a listed table: `url` where it has none."""
    said = listed(subject, table).get("accessModes")
    return said if isinstance(said, list) else ["url"]


def listed(subject: Subject, table: Asset) -> Item:
    """Item of a listing about a table; empty if it is not listed."""
    try:
        items = subject.contents.items(ALL_TABLES, {"share": table.share})
    except NotTested:
        return {}
    for item in items:
        names = (str(item.get("schema")).lower(), str(item.get("name")).lower())
        if names == (table.schema.lower(), table.name.lower()):
            return item
    return {}


def metadata(
    subject: Subject, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    return subject.client.get(*url_table(subject).path, "metadata", query=query, headers=headers)


def query(
    subject: Subject,
    body: Mapping[str, Any] | bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    fresh: bool = False,
) -> Answer:
    """Query of a table's data, for all of it unless the body says otherwise."""
    path = url_table(subject).path
    return subject.client.post(
        *path, "query", body={} if body is None else body, headers=headers, fresh=fresh
    )


def answered(answer: Answer) -> Answer:
    """Answer with lines, for checks of what they say."""
    if answer.status != 200:
        raise NotTested(f"the answer is {answer.status}")
    return answer


def table_lines(answer: Answer) -> list[Mapping[str, Any]]:
    return [shapes.as_object(line, f"line {number}") for number, line in enumerate(answer.lines(), start=1)]


def line_of(answer: Answer, name: str) -> Mapping[str, Any]:
    """First line of a kind."""
    for line in table_lines(answer):
        if name in line:
            return shapes.as_object(line[name], name)
    raise Violation(f"no line has {name}")


def files(answer: Answer) -> list[Mapping[str, Any]]:
    """Files of an answer; NotTested if there are none."""
    found = [shapes.as_object(line["file"], "file") for line in table_lines(answer) if "file" in line]
    if not found:
        raise NotTested("the table has no files")
    return found


def require_head(answer: Answer) -> None:
    """The first line is a protocol, the second one metadata."""
    lines = table_lines(answer)
    kinds = [next(iter(line), "nothing") for line in lines[:2]]
    require(kinds == ["protocol", "metaData"], f"the first lines are {', '.join(kinds) or 'missing'}")


def require_single_fields(answer: Answer) -> None:
    for number, line in enumerate(table_lines(answer), start=1):
        require(len(line) == 1, f"line {number} has the fields {', '.join(map(repr, line))}")


def require_table_version(answer: Answer) -> int:
    said = answer.header("delta-table-version")
    if said is None or not said.isascii() or not said.isdigit():
        raise Violation(f"Delta-Table-Version is {said!r}, not a whole number")
    return int(said)


def is_delta_format(answer: Answer) -> bool:
    """True if the lines wrap actions of Delta Lake."""
    return any(
        "deltaProtocol" in line["protocol"]
        for line in table_lines(answer)
        if isinstance(line.get("protocol"), dict)
    )


def require_parquet_format(answer: Answer) -> None:
    shapes.require_status(answer, 200)
    require(not is_delta_format(answer), "the answer is in the format delta")
    line_of(answer, "protocol")


def columns(answer: Answer) -> list[str]:
    """Names of columns, of the schema in the metadata."""
    schema = shapes.text(line_of(answer, "metaData"), "schemaString")
    try:
        parsed = shapes.as_object(json.loads(schema), "schemaString")
    except (ValueError, RecursionError):
        raise Violation("schemaString is not JSON") from None
    fields = parsed.get("fields")
    if parsed.get("type") != "struct" or not isinstance(fields, list):
        raise Violation("schemaString is not a struct with fields")
    return [shapes.text(shapes.as_object(field, "a field of the schema"), "name") for field in fields]


def partition_columns(answer: Answer) -> list[str]:
    said = line_of(answer, "metaData").get("partitionColumns")
    if not isinstance(said, list) or not all(isinstance(name, str) for name in said):
        raise Violation(f"partitionColumns is {said!r}, not a list of names")
    return said
