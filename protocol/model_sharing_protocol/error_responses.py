"""Error responses of OpenSharing, read as the errors that they stand for."""

from __future__ import annotations

from model_sharing_protocol.errors import (
    ActivationLinkUsed,
    DiskFull,
    FeedTokenExpired,
    InternalError,
    InvalidParameter,
    MalformedRequest,
    MetastoreUnavailable,
    MethodNotAllowed,
    NotFound,
    PermissionDenied,
    SharingError,
    TermsNotAccepted,
    TooManyRequests,
    Unauthenticated,
    UnsupportedEncoding,
    UnsupportedOperation,
    VersionRecalled,
)

_BY_OPEN_SHARING_CODE: dict[str, type[SharingError]] = {
    kind.row.open_sharing_code: kind
    for kind in (
        InvalidParameter,
        MalformedRequest,
        Unauthenticated,
        PermissionDenied,
        NotFound,
        UnsupportedOperation,
        VersionRecalled,
        TermsNotAccepted,
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
    405: MethodNotAllowed,
    410: ActivationLinkUsed,
    415: UnsupportedEncoding,
    429: TooManyRequests,
    503: MetastoreUnavailable,
    507: DiskFull,
}


def error_from_open_sharing(status: int, code: str, message: str) -> SharingError:
    """Error for an OpenSharing response `{"errorCode": code, "message": message}`.

    The status takes precedence where it is more specific than the code (405, 410, 415, 429, 503, 507), and
    replaces an unknown code.
    """
    if code == FeedTokenExpired.row.open_sharing_code:
        return FeedTokenExpired(message)
    kind = (
        _BY_STATUS_FIRST.get(status)
        or _BY_OPEN_SHARING_CODE.get(code)
        or _BY_STATUS.get(status, InternalError)
    )
    return kind(message)
