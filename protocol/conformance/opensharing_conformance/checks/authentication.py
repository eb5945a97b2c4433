"""Checks of bearer tokens: missing, wrong and expired ones."""

from __future__ import annotations

from collections.abc import Iterator

from opensharing_conformance import shapes
from opensharing_conformance.client import NO_TOKEN, Answer
from opensharing_conformance.judgement import NotTested, require
from opensharing_conformance.listings import (
    ALL_MODELS,
    ALL_SKILLS,
    ALL_TABLES,
    ALL_VOLUMES,
    MODELS,
    SCHEMAS,
    SHARES,
    SKILLS,
    TABLES,
    VERSIONS,
    VOLUMES,
)
from opensharing_conformance.registry import Subject, proves

_WRONG = "conformance-suite-wrong-token"
_LISTINGS = (
    *(SHARES, SCHEMAS),
    *(ALL_MODELS, MODELS, VERSIONS),
    *(ALL_TABLES, TABLES),
    *(ALL_VOLUMES, VOLUMES),
    *(ALL_SKILLS, SKILLS),
)


@proves("OS-CORE-001")
def missing_token(subject: Subject) -> None:
    shapes.require_status(_without_token(subject), 401)


@proves("OS-CORE-002")
def wrong_token(subject: Subject) -> None:
    shapes.require_status(subject.client.get("shares", token=_WRONG), 401)


@proves("OS-CORE-003")
def unauthenticated_is_an_error(subject: Subject) -> None:
    shapes.require_error_body(_unauthenticated(subject))


@proves("OS-CORE-004")
def unauthenticated_is_json(subject: Subject) -> None:
    shapes.require_media_type(_unauthenticated(subject), shapes.JSON)


@proves("OS-CORE-005")
def challenge(subject: Subject) -> None:
    said = _unauthenticated(subject).header("www-authenticate")
    require(said is not None, "WWW-Authenticate is missing")
    schemes = [part.strip().split(" ")[0].lower() for part in (said or "").split(",")]
    require("bearer" in schemes, f"WWW-Authenticate is {said!r}, without Bearer")


@proves("OS-CORE-006")
def expired_token(subject: Subject) -> None:
    if not subject.expected.expired_token:
        raise NotTested("the expectations have no expiredToken")
    answer = subject.client.get("shares", token=subject.expected.expired_token)
    shapes.require_status(answer, 401)


@proves("OS-CORE-007")
def every_listing_asks_for_a_token(subject: Subject) -> None:
    for segments in _readable(subject):
        answer = subject.client.get(*segments, token=NO_TOKEN)
        path = "/".join(segments)
        require(answer.status == 401, f"/{path} answers {answer.status} without a token")


def _readable(subject: Subject) -> Iterator[tuple[str, ...]]:
    for listing in _LISTINGS:
        try:
            segments = listing.segments(subject.contents.place(listing))
        except NotTested:
            continue
        if subject.client.get(*segments).status == 200:
            yield segments


def _without_token(subject: Subject) -> Answer:
    return subject.client.get("shares", token=NO_TOKEN)


def _unauthenticated(subject: Subject) -> Answer:
    answer = _without_token(subject)
    if answer.status != 401:
        raise NotTested(f"a request without a token is answered {answer.status}")
    return answer
