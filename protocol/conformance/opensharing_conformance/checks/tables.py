"""Checks of tables: their listings and their basic facts."""

from __future__ import annotations

from opensharing_conformance import shapes
from opensharing_conformance.checks.asset_checks import (
    AssetIds,
    AssetKind,
    asset_answer,
    asset_checks,
    found,
)
from opensharing_conformance.checks.listing_checks import ListingIds, listing_checks, readable
from opensharing_conformance.judgement import NotTested, require
from opensharing_conformance.listings import ALL_TABLES, TABLES
from opensharing_conformance.registry import Subject, proves

listing_checks(
    ALL_TABLES,
    ListingIds(
        page="OS-TABLES-001",
        content_type="OS-TABLES-002",
        fields="OS-TABLES-003",
        most="OS-TABLES-004",
        walk="OS-TABLES-005",
        nothing="OS-TABLES-006",
        negative="OS-TABLES-007",
        missing="OS-TABLES-008",
        any_case="OS-TABLES-009",
    ),
)
listing_checks(
    TABLES,
    ListingIds(
        page="OS-TABLES-011",
        content_type="OS-TABLES-012",
        fields="OS-TABLES-013",
        most="OS-TABLES-014",
        walk="OS-TABLES-015",
        nothing="OS-TABLES-016",
        negative="OS-TABLES-017",
        missing="OS-TABLES-018",
        any_case="OS-TABLES-019",
    ),
)
asset_checks(
    AssetKind("tables", ALL_TABLES, TABLES, ("shareId", "id", "location")),
    AssetIds(
        names="OS-TABLES-031",
        place="OS-TABLES-032",
        uuids="OS-TABLES-033",
        unique="OS-TABLES-034",
        share_id="OS-TABLES-035",
        types="OS-TABLES-036",
        same_lists="OS-TABLES-037",
        expected="OS-TABLES-038",
        one="OS-TABLES-041",
        one_is_json="OS-TABLES-042",
        one_as_listed="OS-TABLES-043",
        any_case="OS-TABLES-044",
        missing="OS-TABLES-045",
    ),
)


@proves("OS-TABLES-046")
def formats(subject: Subject) -> None:
    said = shapes.json_object(found(asset_answer(subject, "tables"))).get("format")
    if said is None:
        raise NotTested("the table has no format")
    known = isinstance(said, str) and all(
        part.strip().lower() in ("delta", "iceberg") for part in said.split(",")
    )
    require(known, f"format is {said!r}, not delta, iceberg or both")


@proves("OS-TABLES-047")
def access_modes(subject: Subject) -> None:
    items = [
        item
        for item in shapes.page_items(readable(subject, ALL_TABLES))
        if item.get("accessModes") is not None
    ]
    if not items:
        raise NotTested("no table has accessModes")
    for item in items:
        said = item["accessModes"]
        known = isinstance(said, list) and bool(said) and all(mode in ("url", "dir") for mode in said)
        require(known, f"accessModes is {said!r}")


@proves("OS-TABLES-048")
def auxiliary_locations(subject: Subject) -> None:
    found = [
        item["auxiliaryLocations"]
        for item in shapes.page_items(readable(subject, ALL_TABLES))
        if item.get("auxiliaryLocations") is not None
    ]
    if not found:
        raise NotTested("no table has auxiliaryLocations")
    for said in found:
        right = isinstance(said, list) and all(isinstance(location, str) for location in said)
        require(right, f"auxiliaryLocations is {said!r}")
