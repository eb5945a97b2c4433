"""Checks of volumes."""

from __future__ import annotations

from opensharing_conformance.checks.asset_checks import AssetIds, AssetKind, asset_checks
from opensharing_conformance.checks.credential_checks import CredentialIds, credential_checks
from opensharing_conformance.checks.listing_checks import MISSING, ListingIds, listing_checks
from opensharing_conformance.listings import ALL_VOLUMES, VOLUMES
from opensharing_conformance.registry import Subject

_CREDENTIALS = "temporary-volume-credentials"

listing_checks(
    ALL_VOLUMES,
    ListingIds(
        page="OS-VOLUMES-001",
        content_type="OS-VOLUMES-002",
        fields="OS-VOLUMES-003",
        most="OS-VOLUMES-004",
        walk="OS-VOLUMES-005",
        nothing="OS-VOLUMES-006",
        negative="OS-VOLUMES-007",
        missing="OS-VOLUMES-008",
        any_case="OS-VOLUMES-009",
    ),
)
listing_checks(
    VOLUMES,
    ListingIds(
        page="OS-VOLUMES-011",
        content_type="OS-VOLUMES-012",
        fields="OS-VOLUMES-013",
        most="OS-VOLUMES-014",
        walk="OS-VOLUMES-015",
        nothing="OS-VOLUMES-016",
        negative="OS-VOLUMES-017",
        missing="OS-VOLUMES-018",
        any_case="OS-VOLUMES-019",
    ),
)
asset_checks(
    AssetKind("volumes", ALL_VOLUMES, VOLUMES, ("shareId", "id")),
    AssetIds(
        names="OS-VOLUMES-031",
        place="OS-VOLUMES-032",
        uuids="OS-VOLUMES-033",
        unique="OS-VOLUMES-034",
        share_id="OS-VOLUMES-035",
        types="OS-VOLUMES-036",
        same_lists="OS-VOLUMES-037",
        expected="OS-VOLUMES-038",
        one="OS-VOLUMES-041",
        one_is_json="OS-VOLUMES-042",
        one_as_listed="OS-VOLUMES-043",
        any_case="OS-VOLUMES-044",
        missing="OS-VOLUMES-045",
    ),
)


def _path(subject: Subject) -> tuple[str, ...]:
    return (*subject.contents.asset("volumes").path, _CREDENTIALS)


def _missing(subject: Subject) -> tuple[str, ...]:
    asset = subject.contents.asset("volumes")
    return (*asset.named(MISSING).path, _CREDENTIALS)


credential_checks(
    _path,
    _missing,
    CredentialIds(
        answered="OS-VOLUMES-051",
        is_json="OS-VOLUMES-052",
        given="OS-VOLUMES-053",
        single="OS-VOLUMES-054",
        fields="OS-VOLUMES-055",
        expiration="OS-VOLUMES-056",
        future="OS-VOLUMES-057",
        missing="OS-VOLUMES-058",
        token="OS-VOLUMES-059",  # noqa: S106
    ),
)
