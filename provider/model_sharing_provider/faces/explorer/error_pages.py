"""Error pages: what was wrong and what to do; without a session, the way to the sign-in."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import hdrs, web

from model_sharing_protocol.errors import InternalError, SharingError, Unauthenticated
from model_sharing_provider.faces.explorer.rendering import explorer_url, render
from model_sharing_provider.http.errors import ERROR_CODE, UNITY_CATALOG_ERRORS
from model_sharing_provider.http.urls import base_url

_TITLES = {
    400: "That did not work",
    401: "Sign in",
    403: "You may not do this",
    404: "Not found",
    409: "That cannot be done now",
    429: "Too many requests",
    503: "Not available now",
}
_FAILED = "Something failed here"


def error_page(request: web.Request, error: SharingError) -> web.Response:
    """Response for an error.

    To a form that htmx sent it is a message for the page that the form is on, so that nothing that was typed
    is lost.
    """
    status, code = UNITY_CATALOG_ERRORS.look_up(error.row)
    if isinstance(error, Unauthenticated) and "text/html" in request.headers.get(hdrs.ACCEPT, ""):
        response = _to_sign_in(request)
    else:
        message = UNITY_CATALOG_ERRORS.internal_text if isinstance(error, InternalError) else error.message
        of_form = request.method != hdrs.METH_GET and "HX-Request" in request.headers
        template = "error_message.html" if of_form else "error.html"
        title = _TITLES.get(status, _FAILED)
        response = render(request, template, status=status, title=title, message=message, code=code)
        if of_form:
            response.headers.update({"HX-Retarget": "#messages", "HX-Reswap": "innerHTML"})
    if error.retry_after is not None:
        response.headers[hdrs.RETRY_AFTER] = str(error.retry_after)
    response[ERROR_CODE] = code
    return response


def _to_sign_in(request: web.Request) -> web.Response:
    """Way to the sign-in, and back to the page.

    A link from another site comes without the cookie, which is SameSite=Strict: a page of ours that opens the
    same URL again sends it.
    """
    wanted = urlsplit(base_url(request)).path + request.path_qs if request.method == hdrs.METH_GET else ""
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and wanted:
        return render(request, "open_again.html", wanted=wanted)
    location = explorer_url(request, "sign-in", next=wanted)
    if "HX-Request" in request.headers:
        return web.Response(status=200, headers={"HX-Redirect": location, hdrs.CACHE_CONTROL: "no-store"})
    return web.Response(status=303, headers={hdrs.LOCATION: location, hdrs.CACHE_CONTROL: "no-store"})
