"""Audit events, the records of all calls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypedDict

from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.principals import Caller
from model_sharing_provider.domain.securables import SecurableType

_MAX_BYTES = 200
_MAX_NAME_BYTES = 130
_MAX_ADDRESS_BYTES = 64
_CUT = "\N{HORIZONTAL ELLIPSIS}"


class Outcome(StrEnum):
    """Outcome of a call: DENIED without the required privilege, FAILED for any other error."""

    OK = "OK"
    DENIED = "DENIED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Target:
    """Target of a call: the securable that privileges are checked on, and its name in the audit log.

    `detail` is that name if it is not the securable itself: a version, a file, a signed URL. For a stored
    event, only `detail` is known. `share` and `recipient` are set if the call concerns one; `version_id` is,
    if it gives a recipient the files of that version.
    """

    type: SecurableType
    securable: str = ""
    detail: str = ""
    share: str = ""
    recipient: str = ""
    version_id: str = ""

    @property
    def name(self) -> str:
        """Name in the audit log."""
        return self.detail or self.securable


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Audit event of one call: principal, action, target and outcome.

    `at` is in epoch ms; `reason` explains an outcome that is not OK. With a `count` above one it stands for
    that many repeated calls, from `first_at` to `at`. The `action` of a stored event may be unknown, from
    another release.
    """

    at: int
    caller: Caller
    action: AuditAction | str
    target: Target
    outcome: Outcome
    reason: str = ""
    count: int = 1
    first_at: int = 0

    @property
    def first(self) -> int:
        """Time of the first call that the event stands for, in epoch ms."""
        return self.first_at or self.at

    def cut(self) -> AuditEvent:
        """Event with all texts from its caller shortened, marked by an ellipsis."""
        target, caller = self.target, self.caller
        return replace(
            self,
            target=replace(
                target,
                securable="",
                detail=_cut(target.name, _MAX_BYTES),
                share=_cut(target.share, _MAX_NAME_BYTES),
                recipient=_cut(target.recipient, _MAX_NAME_BYTES),
            ),
            caller=replace(
                caller,
                address=_cut(caller.address, _MAX_ADDRESS_BYTES),
                request_id=_cut(caller.request_id, _MAX_ADDRESS_BYTES),
            ),
            reason=_cut(self.reason, _MAX_BYTES),
        )


def _cut(text: str, limit: int) -> str:
    """Text shortened to `limit` bytes of UTF-8, including the ellipsis."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= limit:
        return text
    return encoded[: limit - len(_CUT.encode())].decode(errors="ignore") + _CUT


class EventFilter(TypedDict, total=False):
    """Filter of audit events: empty values match everything, `since` is epoch ms."""

    share: str
    recipient: str
    principal: str
    action: AuditAction | None
    outcome: str
    since: int
