"""Checks of models."""

from __future__ import annotations

from opensharing_conformance.checks.asset_checks import AssetIds, AssetKind, asset_checks
from opensharing_conformance.checks.listing_checks import ListingIds, listing_checks
from opensharing_conformance.listings import ALL_MODELS, MODELS

listing_checks(
    ALL_MODELS,
    ListingIds(
        page="OS-MODELS-001",
        content_type="OS-MODELS-002",
        fields="OS-MODELS-003",
        most="OS-MODELS-004",
        walk="OS-MODELS-005",
        nothing="OS-MODELS-006",
        negative="OS-MODELS-007",
        missing="OS-MODELS-008",
        any_case="OS-MODELS-009",
    ),
)
listing_checks(
    MODELS,
    ListingIds(
        page="OS-MODELS-011",
        content_type="OS-MODELS-012",
        fields="OS-MODELS-013",
        most="OS-MODELS-014",
        walk="OS-MODELS-015",
        nothing="OS-MODELS-016",
        negative="OS-MODELS-017",
        missing="OS-MODELS-018",
        any_case="OS-MODELS-019",
    ),
)
asset_checks(
    AssetKind("models", ALL_MODELS, MODELS, ("shareId", "id", "comment", "storageLocation")),
    AssetIds(
        names="OS-MODELS-031",
        place="OS-MODELS-032",
        uuids="OS-MODELS-033",
        unique="OS-MODELS-034",
        share_id="OS-MODELS-035",
        types="OS-MODELS-036",
        same_lists="OS-MODELS-037",
        expected="OS-MODELS-038",
        one="OS-MODELS-041",
        one_is_json="OS-MODELS-042",
        one_as_listed="OS-MODELS-043",
        any_case="OS-MODELS-044",
        missing="OS-MODELS-045",
    ),
)
