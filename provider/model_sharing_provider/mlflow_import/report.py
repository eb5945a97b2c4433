"""Report of an import: the outcome for each version."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from model_sharing_protocol.errors import SharingError


class Outcome(StrEnum):
    """Outcome of a version; LEFT_OUT is permanent, FAILED may succeed in the next run."""

    BROUGHT = "brought"
    PRESENT = "present"
    LEFT_OUT = "left out"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOutcome:
    """Line of the report. `source_version` is empty if it concerns the whole model."""

    source: str
    source_version: str = ""
    full_name: str = ""
    version: int | None = None
    outcome: Outcome
    reason: str = ""
    error: SharingError | None = None
