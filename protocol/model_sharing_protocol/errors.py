"""Errors that users can meet, one class and one row each.

    SharingError
    ├── InvalidParameter
    ├── MalformedRequest
    ├── Unauthenticated
    │   ├── SignInRefused
    │   └── TokenExpired
    ├── PermissionDenied
    │   └── ReadOnlyCatalog
    ├── NotFound
    │   ├── VersionNotFound
    │   └── PathNotFound
    ├── FeedTokenExpired
    ├── AlreadyExists
    ├── InvalidState
    │   └── ActivationLinkUsed
    ├── VersionRecalled
    ├── TermsNotAccepted
    ├── ResourceExhausted
    ├── TooManyRequests
    ├── UnsupportedOperation
    │   ├── UnsupportedEncoding
    │   ├── MethodNotAllowed
    │   └── ReadOnlyReplica
    ├── InvalidModel
    ├── UnsafePath
    ├── CorruptArtifact
    ├── DiskFull
    ├── MetastoreUnavailable
    ├── StaleReplica
    ├── ArtifactStoreUnavailable
    ├── UpstreamUnavailable
    ├── IssuerUnavailable
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

A row holds the error's status and code on each face (OpenSharing for recipients; Unity Catalog for SDKs
and MLflow) and the exit code that the command lines end with.

The code is chosen by the behaviour of stock clients. MLflow treats RESOURCE_EXHAUSTED as a 429, whatever the
status; and it treats a status for which the SDK has no class, such as 507, as a 500, unless the code has a
class. Either way it retries for minutes.
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
    """Base class of errors; the message says what was wrong, with which value, and what to do.

    Messages contain values from others and end up in a terminal, through our output or Python's own, so they
    are made printable here.
    """

    row: ClassVar[ErrorRow] = ErrorRow(500, "INTERNAL_ERROR", 500, "INTERNAL_ERROR", 1)
    retry_after: int | None = None
    """Seconds after which a retry may succeed, if known; sent with the response."""

    def __init__(self, message: str) -> None:
        message = printable_lines(message)
        if len(message) > LONGEST_MESSAGE:
            # A long message quotes a request: the problem stands before the quotation, the advice after it.
            message = f"{message[: LONGEST_MESSAGE - 1000]} […] {message[-900:]}"
        super().__init__(message)
        self.message = message


class SharingWarning(UserWarning):
    """Base class of warnings; their messages are made printable, as those of errors are."""

    def __init__(self, message: str) -> None:
        super().__init__(printable_lines(message))


class InvalidParameter(SharingError):
    """An invalid value: a name, a number, a page token, an option."""

    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 400, "INVALID_PARAMETER_VALUE", 2)


class MalformedRequest(SharingError):
    """A request body or header that cannot be read."""

    row = ErrorRow(400, "MALFORMED_REQUEST", 400, "INVALID_PARAMETER_VALUE", 2)


class Unauthenticated(SharingError):
    """A token is missing, or is not one that this provider issued."""

    row = ErrorRow(401, "UNAUTHENTICATED", 401, "UNAUTHENTICATED", 3)


class NotFound(SharingError):
    """The object does not exist, or was not granted to the caller: the response is the same."""

    row = ErrorRow(404, "RESOURCE_DOES_NOT_EXIST", 404, "RESOURCE_DOES_NOT_EXIST", 4)


class VersionNotFound(NotFound):
    """The model has no version of this number, alias or commit that the caller may use."""

    row = ErrorRow(404, "RESOURCE_DOES_NOT_EXIST", 404, "RESOURCE_DOES_NOT_EXIST", 4)


class PathNotFound(NotFound):
    """The version has no file at this path."""

    row = ErrorRow(404, "RESOURCE_DOES_NOT_EXIST", 404, "RESOURCE_DOES_NOT_EXIST", 4)


class FeedTokenExpired(SharingError):
    """A change feed's token is too old or of another share: list the share, and ask for another token."""

    row = ErrorRow(410, "FEED_TOKEN_EXPIRED", 410, "RESOURCE_DOES_NOT_EXIST", 32)


class AlreadyExists(SharingError):
    """An object or file of this name exists."""

    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 409, "RESOURCE_ALREADY_EXISTS", 5)


class PermissionDenied(SharingError):
    """The caller lacks a privilege; the message names it."""

    row = ErrorRow(403, "PERMISSION_DENIED", 403, "PERMISSION_DENIED", 6)


class ReadOnlyCatalog(PermissionDenied):
    """The catalog is made from a provider's share, and only that provider changes what is in it."""

    row = ErrorRow(403, "PERMISSION_DENIED", 403, "PERMISSION_DENIED", 30)


class TokenExpired(Unauthenticated):
    """A token that this provider issued has expired."""

    row = ErrorRow(401, "UNAUTHENTICATED", 401, "UNAUTHENTICATED", 7)


class SignInRefused(Unauthenticated):
    """The token endpoint of a profile does not issue an access token to this client."""

    row = ErrorRow(401, "UNAUTHENTICATED", 401, "UNAUTHENTICATED", 35)


class InternalError(SharingError):
    """A bug in the server; its details are in the log only, under the id of the request."""

    row = ErrorRow(500, "INTERNAL_ERROR", 500, "INTERNAL_ERROR", 1)


class CorruptArtifact(SharingError):
    """Stored or received bytes differ from the manifest."""

    row = ErrorRow(500, "INTERNAL_ERROR", 400, "INVALID_STATE", 10)


class DiskFull(SharingError):
    """No disk space for files or rows, here or at the provider.

    An operator has to free space, so stock clients must not retry for minutes, as MLflow would for a 500, an
    unknown status, or the code RESOURCE_EXHAUSTED.
    """

    row = ErrorRow(507, "INTERNAL_ERROR", 507, "INVALID_STATE", 11)
    retry_after = 60


class MetastoreUnavailable(SharingError):
    """The provider's database cannot be reached at the moment."""

    row = ErrorRow(503, "INTERNAL_ERROR", 503, "TEMPORARILY_UNAVAILABLE", 25)
    retry_after = 5


class StaleReplica(SharingError):
    """The rows of a replica are too old to answer from: its home was away, or cut off, for too long."""

    row = ErrorRow(503, "INTERNAL_ERROR", 503, "TEMPORARILY_UNAVAILABLE", 38)
    retry_after = 30


class ArtifactStoreUnavailable(SharingError):
    """The provider's artifact store, a bucket or folder, cannot be used at the moment."""

    row = ErrorRow(503, "INTERNAL_ERROR", 503, "TEMPORARILY_UNAVAILABLE", 26)
    retry_after = 5


class UpstreamUnavailable(SharingError):
    """The provider of a shared catalog cannot be reached or believed, and what is here may not be used.

    Stock clients would retry a 503 for minutes, and the provider may be away for hours.
    """

    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 400, "INVALID_STATE", 31)


class IssuerUnavailable(SharingError):
    """The issuer of an identity token cannot be asked for its keys at the moment."""

    row = ErrorRow(503, "INTERNAL_ERROR", 503, "TEMPORARILY_UNAVAILABLE", 36)
    retry_after = 30


class InvalidModel(SharingError):
    """The files are not a model of their format: incomplete, damaged, or without MLflow's signature."""

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


class MethodNotAllowed(UnsupportedOperation):
    """The path exists, but not for this method; the header `Allow` names those that it has.

    Unity Catalog's clients get a 400: for MLflow a 405 is a failure that passes, which it tries again.
    """

    row = ErrorRow(405, "UNSUPPORTED_OPERATION", 400, "UNSUPPORTED_OPERATION", 18)


class ReadOnlyReplica(UnsupportedOperation):
    """A change, which a server over a replica does not make; the message names the home, which does."""

    row = ErrorRow(400, "UNSUPPORTED_OPERATION", 400, "UNSUPPORTED_OPERATION", 37)


class InvalidState(SharingError):
    """The object exists, but cannot do this in its present state."""

    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 400, "INVALID_STATE", 19)


class ActivationLinkUsed(InvalidState):
    """The activation link was used before; each works once."""

    row = ErrorRow(410, "RESOURCE_DOES_NOT_EXIST", 410, "RESOURCE_DOES_NOT_EXIST", 20)


class VersionRecalled(SharingError):
    """The provider recalled this version: it must not be used any more, for the reason in the message.

    To clients that do not know of recalls it is a denial, which none of them retries.
    """

    row = ErrorRow(403, "VERSION_RECALLED", 403, "PERMISSION_DENIED", 33)


class TermsNotAccepted(SharingError):
    """Terms of a share or a model were not accepted yet, or changed; the message names their digest.

    To clients that do not know of terms it is a denial, which none of them retries.
    """

    row = ErrorRow(403, "TERMS_NOT_ACCEPTED", 403, "PERMISSION_DENIED", 34)


class ResourceExhausted(SharingError):
    """A quota was reached."""

    row = ErrorRow(400, "INVALID_PARAMETER_VALUE", 400, "RESOURCE_LIMIT_EXCEEDED", 21)


class TooManyRequests(SharingError):
    """More requests, or more failures, than the limit per minute; retry after `retry_after` seconds."""

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
    """The tables of the provider's database are from an older release: migrate them."""

    row = ErrorRow(500, "INTERNAL_ERROR", 400, "INVALID_STATE", 29)


class UntrustedSignature(LocalError):
    """A signature that was not made by the provider's pinned key, or not for this request."""

    row = ErrorRow(500, "INTERNAL_ERROR", 400, "INVALID_STATE", 23)


class StaleAnswer(LocalError):
    """A signed answer that is older than one seen before."""

    row = ErrorRow(500, "INTERNAL_ERROR", 400, "INVALID_STATE", 24)


class Interrupted(LocalError):
    """The command was interrupted."""

    row = ErrorRow(500, "INTERNAL_ERROR", 500, "INTERNAL_ERROR", 130)
