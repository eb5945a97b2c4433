"""Every error a user can meet, one class and one row each.

    SharingError
    ├── InvalidParameter
    ├── MalformedRequest
    ├── Unauthenticated
    │   └── TokenExpired
    ├── PermissionDenied
    ├── NotFound
    ├── AlreadyExists
    ├── InvalidState
    │   └── ActivationLinkUsed
    ├── ResourceExhausted
    ├── TooManyRequests
    ├── UnsupportedOperation
    │   └── UnsupportedEncoding
    ├── InvalidModel
    ├── UnsafePath
    ├── CorruptArtifact
    ├── DiskFull
    ├── MetastoreUnavailable
    ├── ArtifactStoreUnavailable
    ├── InternalError
    └── LocalError
        ├── ServerUnreachable
        ├── NotASharingServer
        ├── InvalidProfile
        ├── MountExists
        ├── UntrustedCode
        ├── UntrustedSignature
        ├── StaleAnswer
        ├── MissingDependency
        ├── MigrationPending
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
    """Codes of one error: its exit code, and its status and code on each API."""

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
    """A value that cannot be right: a name, a number, a page token, an option."""

    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 400, "INVALID_PARAMETER_VALUE", 2)


class MalformedRequest(SharingError):
    """A request body or header that cannot be read."""

    row = ErrorRow(400, "MALFORMED_REQUEST", 400, "INVALID_PARAMETER_VALUE", 2)


class Unauthenticated(SharingError):
    """A token is missing, or is not one that this provider issued."""

    row = ErrorRow(401, "UNAUTHENTICATED", 401, "UNAUTHENTICATED", 3)


class NotFound(SharingError):
    """The object does not exist, or was not granted to the caller: the answer is the same."""

    row = ErrorRow(404, "RESOURCE_DOES_NOT_EXIST", 404, "RESOURCE_DOES_NOT_EXIST", 4)


class AlreadyExists(SharingError):
    """An object or file of this name exists."""

    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 409, "RESOURCE_ALREADY_EXISTS", 5)


class PermissionDenied(SharingError):
    """The caller lacks a privilege; the message names it."""

    row = ErrorRow(403, "PERMISSION_DENIED", 403, "PERMISSION_DENIED", 6)


class TokenExpired(Unauthenticated):
    """A token that this provider issued has expired."""

    row = ErrorRow(401, "UNAUTHENTICATED", 401, "UNAUTHENTICATED", 7)


class InternalError(SharingError):
    """A bug in the server; its details are in the log only, under the id of the request."""

    row = ErrorRow(500, "INTERNAL_ERROR", 500, "INTERNAL_ERROR", 1)


class CorruptArtifact(SharingError):
    """Bytes are not those that the manifest names."""

    row = ErrorRow(500, "INTERNAL_ERROR", 400, "INVALID_STATE", 10)


class DiskFull(SharingError):
    """No disk space for files or rows, here or at the provider.

    Somebody has to free space: stock clients must not try again for minutes, as MLflow would for a 500, a
    status that is not known to it, or the word RESOURCE_EXHAUSTED.
    """

    row = ErrorRow(507, "INTERNAL_ERROR", 507, "INVALID_STATE", 11)
    retry_after = 60


class MetastoreUnavailable(SharingError):
    """The provider's database cannot be reached at the moment."""

    row = ErrorRow(503, "INTERNAL_ERROR", 503, "TEMPORARILY_UNAVAILABLE", 25)
    retry_after = 5


class ArtifactStoreUnavailable(SharingError):
    """The provider's artifact store, a bucket or folder, cannot be used at the moment."""

    row = ErrorRow(503, "INTERNAL_ERROR", 503, "TEMPORARILY_UNAVAILABLE", 26)
    retry_after = 5


class InvalidModel(SharingError):
    """The folder is not an MLflow model, or the model has no signature."""

    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 400, "INVALID_PARAMETER_VALUE", 15)


class UnsafePath(SharingError):
    """A path in a model would leave its folder, or collides with another one."""

    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 400, "INVALID_PARAMETER_VALUE", 17)


class UnsupportedOperation(SharingError):
    """The operation is not supported here."""

    row = ErrorRow(400, "UNSUPPORTED_OPERATION", 400, "UNSUPPORTED_OPERATION", 18)


class UnsupportedEncoding(UnsupportedOperation):
    """The body of the request was compressed."""

    row = ErrorRow(415, "UNSUPPORTED_OPERATION", 415, "UNSUPPORTED_OPERATION", 28)


class InvalidState(SharingError):
    """The object exists, but cannot do this in its present state."""

    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 400, "INVALID_STATE", 19)


class ActivationLinkUsed(InvalidState):
    """The activation link was used before; each works once."""

    row = ErrorRow(410, "RESOURCE_DOES_NOT_EXIST", 410, "RESOURCE_DOES_NOT_EXIST", 20)


class ResourceExhausted(SharingError):
    """A quota was reached."""

    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 400, "RESOURCE_LIMIT_EXCEEDED", 21)


class TooManyRequests(SharingError):
    """More requests, or more failures, than the limit a minute; `retry_after` says when to try again."""

    row = ErrorRow(429, "REQUEST_LIMIT_EXCEEDED", 429, "REQUEST_LIMIT_EXCEEDED", 27)

    retry_after: int

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class LocalError(SharingError):
    """Raised on the user's own machine; never sent over the wire."""


class ServerUnreachable(LocalError):
    """No answer from the server."""

    row = ErrorRow(500, "INTERNAL_ERROR", 500, "INTERNAL_ERROR", 8)


class NotASharingServer(LocalError):
    """Something answered that is not a sharing server, or not an MLflow server."""

    row = ErrorRow(500, "INTERNAL_ERROR", 500, "INTERNAL_ERROR", 9)


class InvalidProfile(LocalError):
    """The profile file is missing, is not JSON, or has an unknown version."""

    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 400, "INVALID_PARAMETER_VALUE", 12)


class MountExists(LocalError):
    """Another share is mounted under this name."""

    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 409, "RESOURCE_ALREADY_EXISTS", 13)


class UntrustedCode(LocalError):
    """Loading would run code of the provider, and the mount is not trusted."""

    row = ErrorRow(403, "PERMISSION_DENIED", 403, "PERMISSION_DENIED", 14)


class PortInUse(LocalError):
    """The port is in use by another process."""

    row = ErrorRow(500, "INTERNAL_ERROR", 500, "INTERNAL_ERROR", 16)


class MissingDependency(LocalError):
    """An optional package that is needed here is not installed."""

    row = ErrorRow(500, "INTERNAL_ERROR", 500, "INTERNAL_ERROR", 22)


class MigrationPending(LocalError):
    """The tables of the provider's database are those of an older release: migrate them."""

    row = ErrorRow(500, "INTERNAL_ERROR", 400, "INVALID_STATE", 29)


class UntrustedSignature(LocalError):
    """A signature that is not by the pinned key of the provider, or not for what was asked."""

    row = ErrorRow(500, "INTERNAL_ERROR", 400, "INVALID_STATE", 23)


class StaleAnswer(LocalError):
    """A signed answer that is older than one that was seen before."""

    row = ErrorRow(500, "INTERNAL_ERROR", 400, "INVALID_STATE", 24)


class Interrupted(LocalError):
    """The command was interrupted."""

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
