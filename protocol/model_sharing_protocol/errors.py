"""Every error a user can meet, one class and one row each.

    SharingError
    ├── InvalidParameter        a value that cannot be right: a name, a number, a page token
    ├── MalformedRequest        a body or header that cannot be read
    ├── Unauthenticated         no token, or not one of ours
    │   └── TokenExpired
    ├── PermissionDenied
    ├── NotFound                absent, or not granted: the answer is the same
    ├── AlreadyExists
    ├── InvalidState            the thing exists but cannot do this now
    │   └── ActivationLinkUsed
    ├── ResourceExhausted       a documented limit was reached
    ├── TooManyRequests         more requests, or failures, in a while than are served; later ones are
    ├── UnsupportedOperation
    │   └── UnsupportedEncoding a body that was packed for the way
    ├── InvalidModel            a folder that is no MLflow model, or has no signature
    ├── UnsafePath              a path that would leave its folder, or collide
    ├── CorruptArtifact         bytes that are not the ones the manifest names
    ├── DiskFull                no room for files or rows, here or at the provider
    ├── MetastoreUnavailable    the provider's database cannot be reached, for now
    ├── ArtifactStoreUnavailable the same of its bucket or disk
    ├── InternalError           a fault of ours; its message never leaves the server
    └── LocalError              raised on the recipient's machine only
        ├── ServerUnreachable   nothing answered
        ├── NotASharingServer   something answered that does not speak the protocol
        ├── InvalidProfile      a profile file that cannot be used
        ├── MountExists
        ├── UntrustedCode       loading would run code and the mount was not trusted
        ├── UntrustedSignature  not signed by the key that was expected, or not as what was asked for
        ├── StaleAnswer         signed, but older than what was seen before
        ├── MissingDependency   an optional package is needed for this
        ├── MigrationPending    the provider's tables are those of an older release
        ├── PortInUse
        └── Interrupted

A row holds the error's status and word on each face (OpenSharing for recipients; Unity Catalog for SDKs
and MLflow) and the exit code that the command lines end with.

The word is chosen by what stock clients do with it. MLflow takes RESOURCE_EXHAUSTED for a 429 whatever the
status is, and a status that the SDK has no class for, such as 507, for a 500 unless the word has one: either
way it tries again for minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from model_sharing_protocol.printable import printable_lines

LONGEST_MESSAGE = 4000


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """How one error looks from outside."""

    open_sharing_status: int
    open_sharing_code: str
    unity_catalog_status: int
    unity_catalog_code: str
    exit_code: int


class SharingError(Exception):
    """The root: carries a message that says what was wrong, with which value, and what to do.

    Values come from others, and a message ends in a terminal, ours or one that Python itself writes to: so it
    is made printable here.
    """

    row: ClassVar[ErrorRow] = ErrorRow(500, "INTERNAL_ERROR", 500, "INTERNAL_ERROR", 1)
    retry_after: int | None = None
    """After how many seconds another try may go better, where that is known; answers say so."""

    def __init__(self, message: str) -> None:
        message = printable_lines(message)
        if len(message) > LONGEST_MESSAGE:
            # It repeats what somebody sent: what was wrong is said in front of it, what to do behind.
            message = f"{message[: LONGEST_MESSAGE - 1000]} […] {message[-900:]}"
        super().__init__(message)
        self.message = message


class SharingWarning(UserWarning):
    """The root of warnings, whose message is made printable as those of errors are."""

    def __init__(self, message: str) -> None:
        super().__init__(printable_lines(message))


class InvalidParameter(SharingError):
    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 400, "INVALID_PARAMETER_VALUE", 2)


class MalformedRequest(SharingError):
    row = ErrorRow(400, "MALFORMED_REQUEST", 400, "INVALID_PARAMETER_VALUE", 2)


class Unauthenticated(SharingError):
    row = ErrorRow(401, "UNAUTHENTICATED", 401, "UNAUTHENTICATED", 3)


class NotFound(SharingError):
    row = ErrorRow(404, "RESOURCE_DOES_NOT_EXIST", 404, "RESOURCE_DOES_NOT_EXIST", 4)


class AlreadyExists(SharingError):
    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 409, "RESOURCE_ALREADY_EXISTS", 5)


class PermissionDenied(SharingError):
    row = ErrorRow(403, "PERMISSION_DENIED", 403, "PERMISSION_DENIED", 6)


class TokenExpired(Unauthenticated):
    row = ErrorRow(401, "UNAUTHENTICATED", 401, "UNAUTHENTICATED", 7)


class InternalError(SharingError):
    row = ErrorRow(500, "INTERNAL_ERROR", 500, "INTERNAL_ERROR", 1)


class CorruptArtifact(SharingError):
    row = ErrorRow(500, "INTERNAL_ERROR", 400, "INVALID_STATE", 10)


class DiskFull(SharingError):
    """Somebody has to free space: stock clients must not try again for minutes, as MLflow would for a 500,
    a status that is not known to it, or the word RESOURCE_EXHAUSTED."""

    row = ErrorRow(507, "INTERNAL_ERROR", 507, "INVALID_STATE", 11)
    retry_after = 60


class MetastoreUnavailable(SharingError):
    row = ErrorRow(503, "INTERNAL_ERROR", 503, "TEMPORARILY_UNAVAILABLE", 25)
    retry_after = 5


class ArtifactStoreUnavailable(SharingError):
    row = ErrorRow(503, "INTERNAL_ERROR", 503, "TEMPORARILY_UNAVAILABLE", 26)
    retry_after = 5


class InvalidModel(SharingError):
    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 400, "INVALID_PARAMETER_VALUE", 15)


class UnsafePath(SharingError):
    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 400, "INVALID_PARAMETER_VALUE", 17)


class UnsupportedOperation(SharingError):
    row = ErrorRow(400, "UNSUPPORTED_OPERATION", 400, "UNSUPPORTED_OPERATION", 18)


class UnsupportedEncoding(UnsupportedOperation):
    row = ErrorRow(415, "UNSUPPORTED_OPERATION", 415, "UNSUPPORTED_OPERATION", 28)


class InvalidState(SharingError):
    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 400, "INVALID_STATE", 19)


class ActivationLinkUsed(InvalidState):
    row = ErrorRow(410, "RESOURCE_DOES_NOT_EXIST", 410, "RESOURCE_DOES_NOT_EXIST", 20)


class ResourceExhausted(SharingError):
    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 400, "RESOURCE_LIMIT_EXCEEDED", 21)


class TooManyRequests(SharingError):
    """Says in `retry_after` after how many seconds it is worth another try."""

    row = ErrorRow(429, "REQUEST_LIMIT_EXCEEDED", 429, "REQUEST_LIMIT_EXCEEDED", 27)

    retry_after: int

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class LocalError(SharingError):
    """Raised on the user's own machine; never sent over the wire."""


class ServerUnreachable(LocalError):
    row = ErrorRow(500, "INTERNAL_ERROR", 500, "INTERNAL_ERROR", 8)


class NotASharingServer(LocalError):
    row = ErrorRow(500, "INTERNAL_ERROR", 500, "INTERNAL_ERROR", 9)


class InvalidProfile(LocalError):
    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 400, "INVALID_PARAMETER_VALUE", 12)


class MountExists(LocalError):
    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 409, "RESOURCE_ALREADY_EXISTS", 13)


class UntrustedCode(LocalError):
    row = ErrorRow(403, "PERMISSION_DENIED", 403, "PERMISSION_DENIED", 14)


class PortInUse(LocalError):
    row = ErrorRow(500, "INTERNAL_ERROR", 500, "INTERNAL_ERROR", 16)


class MissingDependency(LocalError):
    row = ErrorRow(500, "INTERNAL_ERROR", 500, "INTERNAL_ERROR", 22)


class MigrationPending(LocalError):
    row = ErrorRow(500, "INTERNAL_ERROR", 400, "INVALID_STATE", 29)


class UntrustedSignature(LocalError):
    row = ErrorRow(500, "INTERNAL_ERROR", 400, "INVALID_STATE", 23)


class StaleAnswer(LocalError):
    row = ErrorRow(500, "INTERNAL_ERROR", 400, "INVALID_STATE", 24)


class Interrupted(LocalError):
    row = ErrorRow(500, "INTERNAL_ERROR", 500, "INTERNAL_ERROR", 130)


_BY_OPEN_SHARING_CODE: dict[str, type[SharingError]] = {
    kind.row.open_sharing_code: kind
    for kind in (
        InvalidParameter,
        MalformedRequest,
        Unauthenticated,
        PermissionDenied,
        NotFound,
        UnsupportedOperation,
        InternalError,
    )
}
_BY_STATUS: dict[int, type[SharingError]] = {
    400: InvalidParameter,
    401: Unauthenticated,
    403: PermissionDenied,
    404: NotFound,
}
_BY_STATUS_FIRST: dict[int, type[SharingError]] = {
    410: ActivationLinkUsed,
    415: UnsupportedEncoding,
    429: TooManyRequests,
    503: MetastoreUnavailable,
    507: DiskFull,
}


def error_from_open_sharing(status: int, code: str, message: str) -> SharingError:
    """The error that an OpenSharing answer `{"errorCode": code, "message": message}` stands for.

    The status wins where it says more than the code (410, 415, 429, 503, 507), and stands in for a code that
    is not known.
    """
    kind = (
        _BY_STATUS_FIRST.get(status)
        or _BY_OPEN_SHARING_CODE.get(code)
        or _BY_STATUS.get(status, InternalError)
    )
    return kind(message)
