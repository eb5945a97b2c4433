"""Checks of a table's metadata."""

from __future__ import annotations

from opensharing_conformance import shapes
from opensharing_conformance.checks.listing_checks import MISSING
from opensharing_conformance.checks.table_lines import (
    MISSING_VERSION,
    NO_TIME,
    answered,
    columns,
    line_of,
    metadata,
    partition_columns,
    require_head,
    require_single_fields,
    require_table_version,
    table_lines,
    url_table,
)
from opensharing_conformance.judgement import NotTested, require
from opensharing_conformance.registry import Subject, proves


@proves("OS-TABLES-061")
def media_type(subject: Subject) -> None:
    answer = metadata(subject)
    shapes.require_status(answer, 200)
    shapes.require_content_type(answer, shapes.NDJSON)


@proves("OS-TABLES-062")
def version(subject: Subject) -> None:
    require_table_version(answered(metadata(subject)))


@proves("OS-TABLES-063")
def two_lines(subject: Subject) -> None:
    answer = answered(metadata(subject))
    require_head(answer)
    count = len(table_lines(answer))
    require(count == 2, f"there are {count} lines")


@proves("OS-TABLES-064")
def reader_version(subject: Subject) -> None:
    said = shapes.long(line_of(answered(metadata(subject)), "protocol"), "minReaderVersion")
    require(said == 1, f"minReaderVersion is {said}")


@proves("OS-TABLES-065")
def has_an_id(subject: Subject) -> None:
    shapes.text(line_of(answered(metadata(subject)), "metaData"), "id")


@proves("OS-TABLES-066")
def schema(subject: Subject) -> None:
    columns(answered(metadata(subject)))


@proves("OS-TABLES-067")
def partitions(subject: Subject) -> None:
    answer = answered(metadata(subject))
    for name in partition_columns(answer):
        require(name in columns(answer), f"the partition column {name!r} is not in the schema")


@proves("OS-TABLES-068")
def provider(subject: Subject) -> None:
    held = line_of(answered(metadata(subject)), "metaData").get("format")
    said = shapes.as_object(held, "format").get("provider")
    require(said == "parquet", f"the provider of the format is {said!r}")


@proves("OS-TABLES-069")
def single_fields(subject: Subject) -> None:
    require_single_fields(answered(metadata(subject)))


@proves("OS-TABLES-070")
def any_case(subject: Subject) -> None:
    wanted = line_of(answered(metadata(subject)), "metaData").get("id")
    table = url_table(subject)
    other = table.in_other_case()
    answer = subject.client.get(*other.path, "metadata")
    shapes.require_status(answer, 200)
    require(line_of(answer, "metaData").get("id") == wanted, "names in the other case give another table")


@proves("OS-TABLES-071")
def missing(subject: Subject) -> None:
    table = url_table(subject)
    path = table.named(MISSING).path
    answer = subject.client.get(*path, "metadata")
    shapes.require_status(answer, 404)
    shapes.require_error_body(answer)


@proves("OS-TABLES-072")
def version_and_time(subject: Subject) -> None:
    answered(metadata(subject))
    asked = {"version": "0", "timestamp": "2022-01-01T00:00:00Z"}
    shapes.require_status(metadata(subject, asked), 400)


@proves("OS-TABLES-073")
def version_that_is_not_there(subject: Subject) -> None:
    answered(metadata(subject))
    shapes.require_refusal(metadata(subject, {"version": str(MISSING_VERSION)}))


@proves("OS-TABLES-074")
def time_that_is_none(subject: Subject) -> None:
    answered(metadata(subject))
    shapes.require_status(metadata(subject, {"timestamp": NO_TIME}), 400)


@proves("OS-TABLES-075")
def version_that_is_none(subject: Subject) -> None:
    answered(metadata(subject))
    shapes.require_status(metadata(subject, {"version": "first"}), 400)


@proves("OS-TABLES-076")
def version_of_now(subject: Subject) -> None:
    now = require_table_version(answered(metadata(subject)))
    answer = metadata(subject, {"version": str(now)})
    if 400 <= answer.status < 500:
        raise NotTested(f"the table has no history for this recipient (HTTP {answer.status})")
    shapes.require_status(answer, 200)
    said = require_table_version(answer)
    require(said == now, f"Delta-Table-Version is {said}, asked for {now}")


@proves("OS-TABLES-077")
def refusal_is_an_error(subject: Subject) -> None:
    answer = metadata(subject, {"version": str(MISSING_VERSION)})
    if not 400 <= answer.status < 500:
        raise NotTested(f"a version that is not there is answered {answer.status}")
    shapes.require_media_type(answer, shapes.JSON)
    shapes.require_error_body(answer)
