"""Checks of tables that are read as directories, by temporary credentials."""

from __future__ import annotations

from opensharing_conformance import shapes
from opensharing_conformance.checks.credential_checks import CredentialIds, credential_checks, credentials
from opensharing_conformance.checks.listing_checks import MISSING
from opensharing_conformance.checks.table_lines import access_modes, listed
from opensharing_conformance.expectations import Asset
from opensharing_conformance.judgement import NotTested, require
from opensharing_conformance.registry import Subject, proves

_CREDENTIALS = "temporary-table-credentials"
_WRAPPER = "credentials"


def _table(subject: Subject) -> Asset:
    for table in subject.contents.assets("tables"):
        if "dir" in access_modes(subject, table):
            return table
    raise NotTested("no table has the access mode dir")


def _path(subject: Subject) -> tuple[str, ...]:
    return (*_table(subject).path, _CREDENTIALS)


def _missing(subject: Subject) -> tuple[str, ...]:
    table = _table(subject)
    return (*table.named(MISSING).path, _CREDENTIALS)


@proves("OS-TABLES-DIR-001")
def location_is_listed(subject: Subject) -> None:
    shapes.text(listed(subject, _table(subject)), "location")


credential_checks(
    _path,
    _missing,
    CredentialIds(
        answered="OS-TABLES-DIR-002",
        given="OS-TABLES-DIR-003",
        single="OS-TABLES-DIR-004",
        fields="OS-TABLES-DIR-005",
        expiration="OS-TABLES-DIR-006",
        future="OS-TABLES-DIR-007",
        missing="OS-TABLES-DIR-008",
        token="OS-TABLES-DIR-009",  # noqa: S106
    ),
    _WRAPPER,
)


@proves("OS-TABLES-DIR-010")
def location_of_credentials(subject: Subject) -> None:
    shapes.text(credentials(subject, _path, _WRAPPER), "location")


@proves("OS-TABLES-DIR-011")
def main_location_by_default(subject: Subject) -> None:
    wanted = shapes.optional_text(listed(subject, _table(subject)), "location")
    said = shapes.optional_text(credentials(subject, _path, _WRAPPER), "location")
    if not wanted or not said:
        raise NotTested("the table or its credentials have no location")
    require(said.rstrip("/") == wanted.rstrip("/"), f"location is {said!r}, listed {wanted!r}")


@proves("OS-TABLES-DIR-012")
def location_that_is_asked_for(subject: Subject) -> None:
    credentials(subject, _path, _WRAPPER)
    location = shapes.optional_text(listed(subject, _table(subject)), "location")
    if not location:
        raise NotTested("the table is listed without a location")
    answer = subject.client.post(*_path(subject), body={"location": location})
    shapes.require_status(answer, 200)
    body = shapes.as_object(shapes.json_object(answer).get(_WRAPPER), _WRAPPER)
    said = shapes.text(body, "location")
    require(said.rstrip("/") == location.rstrip("/"), f"location is {said!r}, asked for {location!r}")
