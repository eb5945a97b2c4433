"""Error pages: what was wrong and what to do; without a session, the way to the sign-in."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import hdrs, web

from model_sharing_protocol.errors import InternalError, SharingError, Unauthenticated, UnsupportedOperation
from model_sharing_provider.faces.explorer.rendering import explorer_url, render
from model_sharing_provider.http.errors import ERROR_CODE, UNITY_CATALOG_ERRORS
from model_sharing_provider.http.urls import base_url

_TITLES = {
    400: "That did not work",
    401: "Sign in",
    403: "You may not do this",
    404: "Not found",
    405: "That cannot be done here",
    409: "That cannot be done now",
    410: "Gone",
    413: "That is too large",
    415: "That cannot be read",
    429: "Too many requests",
    503: "Not available now",
    507: "The disk is full",
}
_FAILED = "Something failed here"
# The address stays, too: that of the form is no page, to which a reload or the way back would lead.
_ON_THE_SAME_PAGE = {"HX-Retarget": "#messages", "HX-Reswap": "innerHTML show:top", "HX-Push-Url": "false"}
_SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})


def error_page(request: web.Request, error: SharingError) -> web.Response:
    """Response for an error.

    To a form that htmx sent it is a message for the page that the form is on, so that nothing that was typed
    is lost.
    """
    status, code = UNITY_CATALOG_ERRORS.look_up(error.row)
    refused = _refusal(request, error)
    if refused is not None:
        status = refused.status
    if isinstance(error, Unauthenticated) and "text/html" in request.headers.get(hdrs.ACCEPT, ""):
        response = _to_sign_in(request)
    else:
        response = _explanation(request, error, status, code)
    if error.retry_after is not None:
        response.headers[hdrs.RETRY_AFTER] = str(error.retry_after)
    response[ERROR_CODE] = code
    return response


def _refusal(request: web.Request, error: SharingError) -> web.HTTPException | None:
    """Error of aiohttp that an error stands for; it knows statuses that our APIs have never had."""
    cause = error.__cause__
    if isinstance(cause, web.HTTPException):
        return cause
    return request.match_info.http_exception if isinstance(error, UnsupportedOperation) else None


def _explanation(request: web.Request, error: SharingError, status: int, code: str) -> web.Response:
    of_form = request.method not in _SAFE_METHODS and "HX-Request" in request.headers
    response = render(
        request,
        "error_message.html" if of_form else "error.html",
        status=status,
        title=_TITLES.get(status, _FAILED),
        message=UNITY_CATALOG_ERRORS.internal_text if isinstance(error, InternalError) else error.message,
        code=code,
        retry_after=error.retry_after,
        again=_wanted(request) if error.retry_after is not None else "",
    )
    if of_form:
        response.headers.update(_ON_THE_SAME_PAGE)
    return response


def _wanted(request: web.Request) -> str:
    """Path of the page that was asked for; empty for a form, which is not sent again."""
    return urlsplit(base_url(request)).path + request.path_qs if request.method in _SAFE_METHODS else ""


def _to_sign_in(request: web.Request) -> web.Response:
    """Way to the sign-in, and back to the page.

    A link from another site comes without the cookie, which is SameSite=Strict: a page of ours that opens the
    same URL again sends it.
    """
    wanted = _wanted(request)
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and wanted:
        return render(request, "open_again.html", wanted=wanted)
    location = explorer_url(request, "sign-in", next=wanted)
    if "HX-Request" in request.headers:
        return web.Response(status=200, headers={"HX-Redirect": location, hdrs.CACHE_CONTROL: "no-store"})
    return web.Response(status=303, headers={hdrs.LOCATION: location, hdrs.CACHE_CONTROL: "no-store"})
