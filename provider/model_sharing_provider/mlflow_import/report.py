"""Report of an import: the outcome for each version that it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from model_sharing_protocol.errors import SharingError


class Outcome(StrEnum):
    """LEFT_OUT is what it is for good; FAILED may go better in the next run."""

    BROUGHT = "brought"
    PRESENT = "present"
    LEFT_OUT = "left out"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOutcome:
    """One line of the report. `source_version` is empty for what concerns the whole model."""

    source: str
    source_version: str = ""
    full_name: str = ""
    version: int | None = None
    outcome: Outcome
    reason: str = ""
    error: SharingError | None = None
