"""Checks of agent skills."""

from __future__ import annotations

import re

from opensharing_conformance import shapes
from opensharing_conformance.checks.asset_checks import AssetIds, AssetKind, asset_checks
from opensharing_conformance.checks.credential_checks import CredentialIds, credential_checks
from opensharing_conformance.checks.listing_checks import MISSING, ListingIds, listing_checks, readable
from opensharing_conformance.contents import Item
from opensharing_conformance.judgement import NotTested, require
from opensharing_conformance.listings import ALL_SKILLS, SKILLS
from opensharing_conformance.registry import Subject, proves

_CREDENTIALS = "temporary-skill-credentials"

listing_checks(
    ALL_SKILLS,
    ListingIds(
        page="OS-SKILLS-001",
        content_type="OS-SKILLS-002",
        fields="OS-SKILLS-003",
        most="OS-SKILLS-004",
        walk="OS-SKILLS-005",
        nothing="OS-SKILLS-006",
        negative="OS-SKILLS-007",
        missing="OS-SKILLS-008",
        any_case="OS-SKILLS-009",
    ),
)
listing_checks(
    SKILLS,
    ListingIds(
        page="OS-SKILLS-011",
        content_type="OS-SKILLS-012",
        fields="OS-SKILLS-013",
        most="OS-SKILLS-014",
        walk="OS-SKILLS-015",
        nothing="OS-SKILLS-016",
        negative="OS-SKILLS-017",
        missing="OS-SKILLS-018",
        any_case="OS-SKILLS-019",
    ),
)
asset_checks(
    AssetKind("skills", ALL_SKILLS, SKILLS, ("shareId", "id", "license", "compatibility", "allowedTools")),
    AssetIds(
        names="OS-SKILLS-031",
        place="OS-SKILLS-032",
        uuids="OS-SKILLS-033",
        unique="OS-SKILLS-034",
        share_id="OS-SKILLS-035",
        types="OS-SKILLS-036",
        same_lists="OS-SKILLS-037",
        expected="OS-SKILLS-038",
        one="OS-SKILLS-041",
        one_is_json="OS-SKILLS-042",
        one_as_listed="OS-SKILLS-043",
        any_case="OS-SKILLS-044",
        missing="OS-SKILLS-045",
    ),
)


def _path(subject: Subject) -> tuple[str, ...]:
    return (*subject.contents.asset("skills").path, _CREDENTIALS)


def _missing(subject: Subject) -> tuple[str, ...]:
    asset = subject.contents.asset("skills")
    return (*asset.named(MISSING).path, _CREDENTIALS)


credential_checks(
    _path,
    _missing,
    CredentialIds(
        answered="OS-SKILLS-051",
        is_json="OS-SKILLS-052",
        given="OS-SKILLS-053",
        single="OS-SKILLS-054",
        fields="OS-SKILLS-055",
        expiration="OS-SKILLS-056",
        future="OS-SKILLS-057",
        missing="OS-SKILLS-058",
        token="OS-SKILLS-059",  # noqa: S106
    ),
)


_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MAX_NAME, _MAX_DESCRIPTION, _MAX_COMPATIBILITY = 64, 1024, 500


@proves("OS-SKILLS-061")
def names(subject: Subject) -> None:
    for item in _items(subject):
        name = shapes.text(item, "name")
        fits = len(name) <= _MAX_NAME and _NAME.fullmatch(name) is not None
        require(fits, f"the name {name[:80]!r} is not one of lower-case words with hyphens between them")


@proves("OS-SKILLS-062")
def descriptions(subject: Subject) -> None:
    for item in _items(subject):
        length = len(shapes.text(item, "description"))
        require(length <= _MAX_DESCRIPTION, f"a description has {length} characters")


@proves("OS-SKILLS-063")
def compatibility(subject: Subject) -> None:
    found = [item for item in _items(subject) if item.get("compatibility")]
    if not found:
        raise NotTested("no skill has compatibility")
    for item in found:
        length = len(shapes.text(item, "compatibility"))
        require(length <= _MAX_COMPATIBILITY, f"a compatibility has {length} characters")


@proves("OS-SKILLS-064")
def metadata(subject: Subject) -> None:
    found = [item for item in _items(subject) if item.get("metadata") is not None]
    if not found:
        raise NotTested("no skill has metadata")
    for item in found:
        shapes.text_map(item, "metadata")


@proves("OS-SKILLS-065")
def directories(subject: Subject) -> None:
    for item in _items(subject):
        name, location = shapes.text(item, "name"), shapes.text(item, "storageLocation")
        last = location.rstrip("/").rpartition("/")[2]
        require(last == name, f"the directory of {name!r} is {last!r}")


def _items(subject: Subject) -> list[Item]:
    items = shapes.page_items(readable(subject, ALL_SKILLS))
    if not items:
        raise NotTested("there are no skills")
    return list(items)
