"""Compression of pages of a listing, by gzip, for clients that accept it.

Signed URLs and profiles are never compressed: the length of a compressed secret tells something of it. Nor
are responses with an ETag, which stands for the bytes as they are.
"""

from __future__ import annotations

from aiohttp import hdrs, web

_SMALLEST_BYTES = 1024
_PAGES = "application/json"


def compressed_page(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """The same response, which is compressed as it is sent if it is a page that the client wants so."""
    if not isinstance(response, web.Response) or not _is_page(request, response):
        return response
    response.headers.add(hdrs.VARY, hdrs.ACCEPT_ENCODING)
    if _accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")):
        response.enable_compression(web.ContentCoding.gzip)
    return response


def _is_page(request: web.Request, response: web.Response) -> bool:
    return (
        request.method == hdrs.METH_GET
        and response.status == web.HTTPOk.status_code
        and response.content_type == _PAGES
        and isinstance(response.body, bytes)
        and len(response.body) >= _SMALLEST_BYTES
        and hdrs.ETAG not in response.headers
        and hdrs.CACHE_CONTROL not in response.headers
        and hdrs.CONTENT_DISPOSITION not in response.headers
    )


def _accepts_gzip(accepted: str) -> bool:
    """True if `Accept-Encoding` names gzip with a weight other than zero."""
    for offer in accepted.split(","):
        coding, *parameters = (part.strip().lower() for part in offer.split(";"))
        if coding in ("gzip", "x-gzip"):
            return not any(_is_zero(parameter) for parameter in parameters)
    return False


def _is_zero(parameter: str) -> bool:
    name, _, weight = parameter.partition("=")
    return name.strip() == "q" and weight.strip().rstrip("0") in ("", "0.", ".")
