"""Checks of queries for a table's data."""

from __future__ import annotations

import json
import time
from urllib.parse import urlsplit

from opensharing_conformance import shapes
from opensharing_conformance.checks.listing_checks import MISSING
from opensharing_conformance.checks.table_lines import (
    MISSING_VERSION,
    NO_TIME,
    answered,
    columns,
    files,
    partition_columns,
    query,
    require_head,
    require_single_fields,
    require_table_version,
    table_lines,
    url_table,
)
from opensharing_conformance.judgement import NotTested, Violation, require
from opensharing_conformance.registry import Subject, proves

_YEAR_2286_S = 10**10
_CHANGES = {"add", "remove", "cdf", "metaData", "protocol", "endStreamAction"}


@proves("OS-TABLES-081")
def media_type(subject: Subject) -> None:
    answer = query(subject)
    shapes.require_status(answer, 200)
    shapes.require_content_type(answer, shapes.NDJSON)


@proves("OS-TABLES-082")
def version(subject: Subject) -> None:
    require_table_version(answered(query(subject)))


@proves("OS-TABLES-083")
def head(subject: Subject) -> None:
    require_head(answered(query(subject)))


@proves("OS-TABLES-084")
def rest(subject: Subject) -> None:
    for number, line in enumerate(table_lines(answered(query(subject)))[2:], start=3):
        kind = next(iter(line), "nothing")
        require(kind in ("file", "endStreamAction"), f"line {number} is {kind!r}")


@proves("OS-TABLES-085")
def single_fields(subject: Subject) -> None:
    require_single_fields(answered(query(subject)))


@proves("OS-TABLES-086")
def fields_of_files(subject: Subject) -> None:
    for file in files(answered(query(subject))):
        shapes.text(file, "url")
        shapes.text(file, "id")
        require(shapes.long(file, "size") >= 0, f"size is {file['size']}")
        held = file.get("partitionValues")
        require(isinstance(held, dict), f"partitionValues is {held!r}, not a map")


@proves("OS-TABLES-087")
def partition_values(subject: Subject) -> None:
    answer = answered(query(subject))
    wanted = sorted(partition_columns(answer))
    for file in files(answer):
        said = sorted(shapes.as_object(file.get("partitionValues"), "partitionValues"))
        require(said == wanted, f"partitionValues has {said}, partitionColumns {wanted}")


@proves("OS-TABLES-088")
def urls(subject: Subject) -> None:
    over_tls = urlsplit(subject.client.endpoint).scheme == "https"
    for file in files(answered(query(subject))):
        scheme = urlsplit(shapes.text(file, "url")).scheme
        if scheme == "http" and not over_tls:
            raise NotTested("the endpoint is http itself, as in a try on one machine")
        require(scheme == "https", f"the URL of a file is {scheme}")


@proves("OS-TABLES-089")
def ids_are_unique(subject: Subject) -> None:
    shapes.require_unique([file.get("id") for file in files(answered(query(subject)))], "the id of a file")


@proves("OS-TABLES-090")
def ids_stay(subject: Subject) -> None:
    first, second = (answered(query(subject, fresh=fresh)) for fresh in (False, True))
    if first.header("delta-table-version") != second.header("delta-table-version"):
        raise NotTested("the table changed in between")
    before, after = ({str(file.get("id")) for file in files(answer)} for answer in (first, second))
    require(before == after, "the same files have other ids in a second answer")


@proves("OS-TABLES-091")
def statistics(subject: Subject) -> None:
    found = [file for file in files(answered(query(subject))) if file.get("stats") is not None]
    if not found:
        raise NotTested("no file has stats")
    for file in found:
        try:
            parsed = shapes.as_object(json.loads(shapes.text(file, "stats")), "stats")
        except (ValueError, RecursionError):
            raise Violation("stats is not JSON") from None
        require(shapes.is_long(parsed.get("numRecords")), f"numRecords is {parsed.get('numRecords')!r}")


@proves("OS-TABLES-092")
def expiration(subject: Subject) -> None:
    found = [file for file in files(answered(query(subject))) if file.get("expirationTimestamp") is not None]
    if not found:
        raise NotTested("no file has expirationTimestamp")
    for file in found:
        moment = shapes.long(file, "expirationTimestamp")
        require(moment > _YEAR_2286_S, f"expirationTimestamp is {moment}, not in milliseconds")
        require(moment > time.time() * 1000, f"expirationTimestamp is {moment}, which has passed")


@proves("OS-TABLES-093")
def any_case(subject: Subject) -> None:
    answered(query(subject))
    table = url_table(subject)
    other = table.in_other_case()
    shapes.require_status(subject.client.post(*other.path, "query", body={}), 200)


@proves("OS-TABLES-094")
def missing(subject: Subject) -> None:
    table = url_table(subject)
    path = table.named(MISSING).path
    answer = subject.client.post(*path, "query", body={})
    shapes.require_status(answer, 404)
    shapes.require_error_body(answer)


@proves("OS-TABLES-095")
def body_that_is_not_json(subject: Subject) -> None:
    answered(query(subject))
    answer = query(subject, b'{"limitHint": ', {"Content-Type": "application/json"})
    shapes.require_status(answer, 400)
    shapes.require_error_body(answer)


@proves("OS-TABLES-096")
def field_of_another_type(subject: Subject) -> None:
    answered(query(subject))
    shapes.require_status(query(subject, {"version": "first"}), 400)


@proves("OS-TABLES-097")
def hints_in_sql(subject: Subject) -> None:
    everything = answered(query(subject))
    name = next(iter(columns(everything)), "x")
    answer = query(subject, {"predicateHints": [f"{name} IS NOT NULL", "not ( sql"]})
    shapes.require_status(answer, 200)
    require_head(answer)


@proves("OS-TABLES-098")
def hints_in_json_that_are_wrong(subject: Subject) -> None:
    wanted = {str(file.get("id")) for file in files(answered(query(subject)))}
    answer = query(subject, {"jsonPredicateHints": '{"op": "equal", "children": ['})
    shapes.require_status(answer, 200)
    found = {str(file.get("id")) for file in files(answer)}
    require(found == wanted, f"{len(found)} of {len(wanted)} files are there")


@proves("OS-TABLES-099")
def limit(subject: Subject) -> None:
    answered(query(subject))
    answer = query(subject, {"limitHint": 1})
    shapes.require_status(answer, 200)
    require_head(answer)


@proves("OS-TABLES-100")
def version_that_is_not_there(subject: Subject) -> None:
    answered(query(subject))
    shapes.require_refusal(query(subject, {"version": MISSING_VERSION}))


@proves("OS-TABLES-101")
def time_that_is_none(subject: Subject) -> None:
    answered(query(subject))
    shapes.require_status(query(subject, {"timestamp": NO_TIME}), 400)


@proves("OS-TABLES-102")
def changes_since(subject: Subject) -> None:
    answered(query(subject))
    answer = query(subject, {"startingVersion": 0})
    if 400 <= answer.status < 500:
        shapes.require_error_body(answer)
        return
    shapes.require_status(answer, 200)
    for number, line in enumerate(table_lines(answer), start=1):
        kind = next(iter(line), "nothing")
        require(kind in _CHANGES, f"line {number} is {kind!r}, not a change since version 0")


@proves("OS-TABLES-103")
def version_of_now(subject: Subject) -> None:
    now = require_table_version(answered(query(subject)))
    answer = query(subject, {"version": now})
    if 400 <= answer.status < 500:
        raise NotTested(f"the table has no history for this recipient (HTTP {answer.status})")
    shapes.require_status(answer, 200)
    said = require_table_version(answer)
    require(said == now, f"Delta-Table-Version is {said}, asked for {now}")
