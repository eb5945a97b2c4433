"""Error styles: errors of the core as the status, code and JSON that a family of clients expects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
from aiohttp import hdrs, web

from model_sharing_protocol import open_sharing, unity_catalog
from model_sharing_protocol.errors import (
    ErrorRow,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    SharingError,
)
from model_sharing_provider.http.responses import json_response

ERROR_CODE: web.ResponseKey[str] = web.ResponseKey("error_code", str)
"""Error code in the body of a response, for the request log."""

_INTERNAL = web.HTTPInternalServerError.status_code
_UNAUTHENTICATED = web.HTTPUnauthorized.status_code


@dataclass(frozen=True, slots=True)
class ErrorStyle:
    """Error responses of a face: `message(code, text)` is the body, and `code_field` its field for the code.

    `look_up` returns the status and the code of an error's row; `headers` are those that tell an error, with
    the text for clients. The text of an internal error stays in the log; clients get `internal_text` instead.
    """

    message: Callable[[str, str], msgspec.Struct]
    code_field: str
    media_type: str
    look_up: Callable[[ErrorRow], tuple[int, str]]
    internal_text: str = ""
    headers: Callable[[SharingError, str], Mapping[str, str]] = lambda _error, _text: {}

    def response(self, error: SharingError) -> web.Response:
        """Response for an error, with `Retry-After` in whole seconds if the error has one.

        A 401 says how to authenticate, as HTTP demands (RFC 9110, section 15.5.2; RFC 6750, section 3).
        """
        status, code = self.look_up(error.row)
        text = self.internal_text if status == _INTERNAL else error.message
        headers = dict(self.headers(error, text))
        if error.retry_after is not None:
            headers["Retry-After"] = str(error.retry_after)
        if status == _UNAUTHENTICATED:
            headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
        response = json_response(self.message(code, text), self.media_type, status, headers)
        response[ERROR_CODE] = code
        return response


OPEN_SHARING_ERRORS = ErrorStyle(
    open_sharing.ErrorAnswer,
    "errorCode",
    open_sharing.JSON,
    lambda row: (row.open_sharing_status, row.open_sharing_code),
)
UNITY_CATALOG_ERRORS = ErrorStyle(
    unity_catalog.ErrorAnswer,
    "error_code",
    unity_catalog.JSON,
    lambda row: (row.unity_catalog_status, row.unity_catalog_code),
    "The server failed; the reason is in its log.",
)


def from_http(error: web.HTTPException, method: str) -> SharingError:
    """SharingError for an error of aiohttp: no route matches the request, or its head cannot be read."""
    if error.status == web.HTTPNotFound.status_code:
        return NotFound("There is nothing at this path.")
    if error.status == web.HTTPMethodNotAllowed.status_code:
        # Any word can be sent as a method, even a token.
        name = method if method in hdrs.METH_ALL else "this method"
        return MethodNotAllowed(f"This path does not support {name}.")
    return MalformedRequest(f"The request cannot be served: {error.reason}.")
