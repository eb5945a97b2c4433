"""What the audit log keeps of every call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from model_sharing_provider.domain.principals import Caller
from model_sharing_provider.domain.securables import SecurableType

_MOST_BYTES = 200
_MOST_NAME_BYTES = 130
_MOST_ADDRESS_BYTES = 64
_CUT = "\N{HORIZONTAL ELLIPSIS}"


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
    """One call: who, what, on which object, how it ended. `at` is epoch ms; `reason` explains a refusal.

    With a `count` it stands for so many that repeat each other, from `first_at` to `at`.
    """

    at: int
    caller: Caller
    action: str
    target: Target
    outcome: Outcome
    reason: str = ""
    count: int = 1
    first_at: int = 0

    @property
    def first(self) -> int:
        """When the first was that it stands for, epoch ms."""
        return self.first_at or self.at

    def cut(self) -> AuditEvent:
        """The event with what its caller may have worded cut to few bytes, and marked by an ellipsis."""
        target, caller = self.target, self.caller
        return replace(
            self,
            target=replace(
                target,
                securable="",
                detail=_cut(target.name, _MOST_BYTES),
                share=_cut(target.share, _MOST_NAME_BYTES),
                recipient=_cut(target.recipient, _MOST_NAME_BYTES),
            ),
            caller=replace(
                caller,
                address=_cut(caller.address, _MOST_ADDRESS_BYTES),
                request_id=_cut(caller.request_id, _MOST_ADDRESS_BYTES),
            ),
            reason=_cut(self.reason, _MOST_BYTES),
        )


def _cut(text: str, most: int) -> str:
    """At most so many bytes of UTF-8, the mark included."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= most:
        return text
    return encoded[: most - len(_CUT.encode())].decode(errors="ignore") + _CUT
