"""URLs of issuers: https, or http on this machine.

Whoever could change an answer on its way could sign in as anybody.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.network.plain_http import is_loopback
from model_sharing_provider.domain.limits import check_text

MAX_URL = 2048
_LIKE = "write it as in the tokens' 'iss', like https://issuer.example.com/tenant"


def check_issuer(url: str) -> str:
    """Check an issuer's URL, which is compared with a token's `iss` as it is. Raises InvalidParameter."""
    check_issuer_url(url)
    if "?" in url or "#" in url:
        raise InvalidParameter(f"The issuer {url!r} has a query or a fragment; {_LIKE}.")
    return url


def check_issuer_url(url: str) -> str:
    """Check a URL that an issuer is asked at, and return it. Raises InvalidParameter."""
    check_text("URL of an issuer", url, MAX_URL)
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if not host or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise InvalidParameter(f"The issuer {url!r} is not a URL; {_LIKE}.")
    if parts.username is not None or parts.password is not None:
        raise InvalidParameter("The URL of an issuer has a user name or password; leave them out.")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise InvalidParameter(f"The issuer {url!r} is not an https URL; {_LIKE}.")
    return url
