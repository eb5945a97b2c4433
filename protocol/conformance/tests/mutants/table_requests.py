"""Mutants of how requests about tables are read: parameters, bodies, headers."""

from __future__ import annotations

import json

from mutants.contents import CURRENT
from mutants.families import EMPTY, IN_SCHEMA, MISSING, NAME, Mutants
from mutants.mutations import (
    Change,
    Mutation,
    answered,
    both,
    header,
    ignore_fields,
    ignore_header,
    ignore_parameter,
    ignore_value,
    lines,
    names_are_case_sensitive,
    on,
    refused,
    where,
)
from opensharing_conformance.transport import Request

_TABLE = f"{IN_SCHEMA}/tables/{NAME}"
_CAPABILITIES = "delta-sharing-capabilities"
_NO_TIME = ".*noon"


def _version(mutation: Mutation) -> Mutation:
    return on(f"{_TABLE}/version", mutation)


def _metadata(mutation: Mutation) -> Mutation:
    return on(f"{_TABLE}/metadata", mutation)


def _query(mutation: Mutation) -> Mutation:
    return on(f"{_TABLE}/query", mutation, "POST")


def _credentials(mutation: Mutation) -> Mutation:
    return on(f"{_TABLE}/temporary-table-credentials", mutation, "POST")


def _is_missing(request: Request) -> bool:
    return MISSING in request.url


def _has(name: str) -> Mutation:
    """Requests whose body has a field are refused."""
    return where(lambda request: name.encode() in (request.body or b""), refused(400))


def _lenient(request: Request) -> bool:
    try:
        json.loads(request.body or b"{}")
    except ValueError:
        return True
    return False


def _without_body(request: Request) -> Request:
    return Request(request.method, request.url, request.headers, b"{}")


def _capability(name: str, change: Change) -> Mutation:
    """Change answers to requests that have a capability."""
    return where(lambda request: name in request.headers.get(_CAPABILITIES, "").lower(), answered(change))


def _delta(request: Request) -> bool:
    return "delta" in request.headers.get(_CAPABILITIES, "")


def _case_matters(request: Request) -> bool:
    said = request.headers.get(_CAPABILITIES, "")
    return said != said.lower()


_ANOTHER = header("delta-table-version", str(CURRENT + 1))
_MISSING_TABLE = where(_is_missing, lambda *_: EMPTY)
_AS_IF_DELTA = where(
    lambda request: _CAPABILITIES not in request.headers,
    lambda request, serve: serve(
        Request(
            request.method,
            request.url,
            {**request.headers, _CAPABILITIES: "responseformat=delta"},
            request.body,
        )
    ),
)
_ASKED_FOR_PARQUET = where(
    lambda request: request.headers.get(_CAPABILITIES) == "responseformat=parquet",
    lambda request, serve: serve(
        Request(
            request.method,
            request.url,
            {**request.headers, _CAPABILITIES: "responseformat=delta"},
            request.body,
        )
    ),
)

TABLE_REQUESTS: Mutants = {
    "OS-TABLES-053": _version(ignore_parameter("startingTimestamp")),
    "OS-TABLES-054": _version(names_are_case_sensitive),
    "OS-TABLES-055": _version(_MISSING_TABLE),
    "OS-TABLES-070": _metadata(names_are_case_sensitive),
    "OS-TABLES-071": _metadata(_MISSING_TABLE),
    "OS-TABLES-072": _metadata(ignore_parameter("timestamp")),
    "OS-TABLES-073": _metadata(ignore_value("version", r"\d{6,}")),
    "OS-TABLES-074": _metadata(ignore_value("timestamp", _NO_TIME)),
    "OS-TABLES-075": _metadata(ignore_value("version", "[a-z]+")),
    "OS-TABLES-076": _metadata(where(lambda request: "version=" in request.url, answered(_ANOTHER))),
    "OS-TABLES-093": _query(names_are_case_sensitive),
    "OS-TABLES-094": _query(_MISSING_TABLE),
    "OS-TABLES-095": _query(where(_lenient, lambda request, serve: serve(_without_body(request)))),
    "OS-TABLES-096": _query(
        where(lambda request: b"first" in (request.body or b""), ignore_fields("version"))
    ),
    "OS-TABLES-097": _query(_has("predicateHints")),
    "OS-TABLES-098": _query(_has("jsonPredicateHints")),
    "OS-TABLES-099": _query(_has("limitHint")),
    "OS-TABLES-100": _query(ignore_fields("version")),
    "OS-TABLES-101": _query(ignore_fields("timestamp")),
    "OS-TABLES-102": _query(ignore_fields("startingVersion")),
    "OS-TABLES-103": _query(where(lambda request: b'"version"' in (request.body or b""), answered(_ANOTHER))),
    "OS-TABLES-121": _metadata(_AS_IF_DELTA),
    "OS-TABLES-122": _query(_ASKED_FOR_PARQUET),
    "OS-TABLES-123": _query(
        where(_delta, both(answered(header(_CAPABILITIES, "")), ignore_header(_CAPABILITIES)))
    ),
    "OS-TABLES-124": _query(
        _capability("delta", lines(lambda rows: [*rows[:2], *({"file": {"id": "1"}} for _ in rows[2:])]))
    ),
    "OS-TABLES-125": _query(where(_case_matters, refused(400))),
    "OS-TABLES-126": _query(
        where(lambda request: "unknown" in request.headers.get(_CAPABILITIES, ""), refused(400))
    ),
    "OS-TABLES-127": _query(_capability("includeendstreamaction=true", lines(lambda rows: rows[:-1]))),
    "OS-TABLES-128": _query(_capability("asyncquery", header(_CAPABILITIES, "asyncquery=true"))),
    "OS-TABLES-129": _query(answered(header("fileidhash", None))),
    "OS-TABLES-130": _query(ignore_header("fileidhash")),
    "OS-TABLES-131": _query(
        where(lambda request: request.headers.get("fileidhash") == "PARQUET", refused(400))
    ),
    "OS-TABLES-141": on(f"{_TABLE}/changes", where(lambda request: "?" not in request.url, lambda *_: EMPTY)),
    "OS-TABLES-DIR-011": _credentials(
        answered(
            lambda response: type(response)(
                200, response.headers, response.body.replace(b"s3://bucket", b"s3://another")
            )
        )
    ),
    "OS-TABLES-DIR-012": _credentials(_has("location")),
}
