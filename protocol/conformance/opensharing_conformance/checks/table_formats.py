"""Checks of capabilities that a client asks for, and of the formats that answers have then."""

from __future__ import annotations

from opensharing_conformance import shapes
from opensharing_conformance.checks.table_lines import (
    answered,
    is_delta_format,
    line_of,
    metadata,
    query,
    require_head,
    require_parquet_format,
    table_lines,
)
from opensharing_conformance.client import Answer
from opensharing_conformance.judgement import NotTested, require
from opensharing_conformance.registry import Subject, proves

_CAPABILITIES = "delta-sharing-capabilities"


def capabilities(answer: Answer) -> dict[str, str]:
    """Capabilities that the server says it has used."""
    said = (answer.header(_CAPABILITIES) or "").lower()
    pairs = (part.partition("=") for part in said.split(";") if part.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


@proves("OS-TABLES-121")
def parquet_by_default(subject: Subject) -> None:
    require_parquet_format(answered(metadata(subject)))
    require_parquet_format(answered(query(subject)))


@proves("OS-TABLES-122")
def parquet_if_asked_for(subject: Subject) -> None:
    answered(query(subject))
    require_parquet_format(query(subject, headers={_CAPABILITIES: "responseformat=parquet"}))


@proves("OS-TABLES-123")
def delta_if_asked_for(subject: Subject) -> None:
    answered(metadata(subject))
    for answer in (_delta_metadata(subject), _delta_query(subject)):
        if 400 <= answer.status < 500:
            shapes.require_error_body(answer)
            continue
        shapes.require_status(answer, 200)
        if not is_delta_format(answer) and answer.header(_CAPABILITIES) is None:
            raise NotTested("the server does not know the header of capabilities")
        require(is_delta_format(answer), "the answer is in the format parquet")


@proves("OS-TABLES-124")
def delta_lines(subject: Subject) -> None:
    answer = answered(_delta_query(subject))
    if not is_delta_format(answer):
        raise NotTested("the server does not answer in the format delta")
    require_head(answer)
    shapes.as_object(line_of(answer, "protocol").get("deltaProtocol"), "deltaProtocol")
    shapes.as_object(line_of(answer, "metaData").get("deltaMetadata"), "deltaMetadata")
    for line in table_lines(answer):
        if "file" in line:
            file = shapes.as_object(line["file"], "file")
            shapes.text(file, "id")
            shapes.as_object(file.get("deltaSingleAction"), "deltaSingleAction")


@proves("OS-TABLES-125")
def capabilities_in_any_case(subject: Subject) -> None:
    answered(query(subject))
    require_parquet_format(
        query(subject, headers={_CAPABILITIES: "ResponseFormat=PARQUET;IncludeEndStreamAction=FALSE"})
    )


@proves("OS-TABLES-126")
def unknown_capability(subject: Subject) -> None:
    answered(query(subject))
    headers = {_CAPABILITIES: "responseformat=parquet;conformancesuite=unknown"}
    require_parquet_format(query(subject, headers=headers))


@proves("OS-TABLES-127")
def end_of_stream(subject: Subject) -> None:
    answer = query(subject, headers={_CAPABILITIES: "includeendstreamaction=true"})
    if capabilities(answered(answer)).get("includeendstreamaction") != "true":
        raise NotTested("the server does not say includeEndStreamAction=true")
    last = table_lines(answer)[-1:]
    require(bool(last) and "endStreamAction" in last[0], "the last line is not endStreamAction")


@proves("OS-TABLES-128")
def asynchronous_query(subject: Subject) -> None:
    answered(query(subject))
    body = {"idempotencyKey": "conformance-suite"}
    answer = query(subject, body, {_CAPABILITIES: "asyncquery=true"})
    shapes.require_status(answer, 200)
    if capabilities(answer).get("asyncquery") != "true":
        require_head(answer)
        return
    lines = table_lines(answer)
    require(len(lines) == 1, f"there are {len(lines)} lines, not one with queryStatus")
    shapes.text(shapes.as_object(lines[0].get("queryStatus"), "queryStatus"), "queryId")


@proves("OS-TABLES-129")
def scheme_of_file_ids(subject: Subject) -> None:
    said = _by_scheme(subject, "parquet").header("fileidhash")
    require(said == "parquet", f"fileidhash is {said!r}, not 'parquet'")


@proves("OS-TABLES-131")
def scheme_of_file_ids_in_any_case(subject: Subject) -> None:
    if _by_scheme(subject, "parquet").header("fileidhash") is None:
        raise NotTested("the server does not answer with fileidhash")
    answer = query(subject, headers={"fileidhash": "PARQUET"})
    shapes.require_status(answer, 200)
    said = answer.header("fileidhash")
    require(said == "parquet", f"fileidhash is {said!r}, not 'parquet'")


@proves("OS-TABLES-130")
def unknown_scheme_of_file_ids(subject: Subject) -> None:
    answered(query(subject))
    shapes.require_status(query(subject, headers={"fileidhash": "conformance-suite"}), 400)


def _by_scheme(subject: Subject, scheme: str) -> Answer:
    answered(query(subject))
    answer = query(subject, headers={"fileidhash": scheme})
    if answer.status == 400:
        raise NotTested("the server supports no such scheme of file ids")
    shapes.require_status(answer, 200)
    return answer


def _delta_metadata(subject: Subject) -> Answer:
    return metadata(subject, headers={_CAPABILITIES: "responseformat=delta"})


def _delta_query(subject: Subject) -> Answer:
    return query(subject, headers={_CAPABILITIES: "responseformat=delta"})
