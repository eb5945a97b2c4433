"""Errors in the words of each family of faces."""

from __future__ import annotations

from aiohttp import web
from aiohttp.hdrs import METH_ALL

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol import unity_catalog
from model_sharing_protocol.errors import (
    MalformedRequest,
    NotFound,
    SharingError,
    UnsupportedOperation,
)
from model_sharing_provider.http.responses import json_response

_INTERNAL = 500

ERROR_CODE: web.ResponseKey[str] = web.ResponseKey("error_code", str)
"""The code that an answer's body says, for the log."""


def render_open_sharing(error: SharingError) -> web.Response:
    """`{"errorCode", "message"}`; the message of an internal error stays inside.

    A server that is busy or full has the same word there, and says so: its status is another.
    """
    row = error.row
    message = "" if row.open_sharing_status == _INTERNAL else error.message
    body = wire.ErrorAnswer(row.open_sharing_code, message)
    answer = json_response(body, wire.JSON, row.open_sharing_status, _retry_after(error))
    answer[ERROR_CODE] = row.open_sharing_code
    return answer


def render_unity_catalog(error: SharingError) -> web.Response:
    """`{"error_code", "message", "details"}`; the message of an internal error stays inside."""
    row = error.row
    internal = row.unity_catalog_code == "INTERNAL_ERROR"
    message = "The server failed; its log says why." if internal else error.message
    return unity_catalog_answer(error, row.unity_catalog_code, message)


def unity_catalog_answer(error: SharingError, code: str, message: str) -> web.Response:
    """The same with a code and a message that a face has chosen."""
    body, status = unity_catalog.ErrorAnswer(code, message), error.row.unity_catalog_status
    answer = json_response(body, unity_catalog.JSON, status, _retry_after(error))
    answer[ERROR_CODE] = code
    return answer


def _retry_after(error: SharingError) -> dict[str, str]:
    """The header that says when to try again, in whole seconds, where the error knows."""
    return {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}


def from_http(error: web.HTTPException, method: str) -> SharingError:
    """What aiohttp says of a request that no route takes, or that it will not read, as an error of ours."""
    if error.status == web.HTTPNotFound.status_code:
        return NotFound("There is nothing at this path.")
    if error.status == web.HTTPMethodNotAllowed.status_code:
        # Any word can be a method, a token too.
        named = method if method in METH_ALL else "such a method"
        return UnsupportedOperation(f"This path does not take {named}.")
    return MalformedRequest(f"The request cannot be served: {error.reason}.")
