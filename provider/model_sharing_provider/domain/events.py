"""What the audit log keeps of every call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from model_sharing_provider.domain.principals import Caller
from model_sharing_provider.domain.securables import SecurableType


class Outcome(StrEnum):
    OK = "OK"
    DENIED = "DENIED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Target:
    """What a call is about: the securable that privileges are checked on, and what the audit log calls it.

    `detail` is the log's word where that is not the securable itself: a version, a file, a signed URL. Of an
    event that was read back, only this word is known. `share` and `recipient` are set where one is concerned.
    """

    type: SecurableType
    securable: str = ""
    detail: str = ""
    share: str = ""
    recipient: str = ""

    @property
    def name(self) -> str:
        """What the audit log calls it."""
        return self.detail or self.securable


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One call: who, what, on which object, how it ended. `at` is epoch ms; `reason` explains a refusal."""

    at: int
    caller: Caller
    action: str
    target: Target
    outcome: Outcome
    reason: str = ""
