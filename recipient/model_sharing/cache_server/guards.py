"""Guards: who may ask the cache server for anything.

On this machine that is every program, but no web page: a page that somebody looks at can send requests to
loopback addresses, directly or by a name that leads there (DNS rebinding). Other machines need a token.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from model_sharing_protocol.errors import InvalidParameter, PermissionDenied, Unauthenticated
from model_sharing_protocol.network.plain_http import is_loopback

_SHORTEST_TOKEN = 16
_LARGEST_FILE = 1024 * 1024
_FROM_NO_OTHER_PAGE = (None, "none", "same-origin")


class Tokens:
    """Access tokens, of which any one is enough. Only their digests are kept."""

    def __init__(self, tokens: Collection[str]) -> None:
        self._digests = [_digest(token) for token in tokens]

    @classmethod
    def read(cls, path: Path) -> Tokens:
        """Read a file with one token a line; lines that are empty or begin with `#` do not count.

        Raises InvalidParameter if there is none, or one of fewer than 16 characters.
        """
        try:
            with path.open(encoding="utf-8-sig") as file:
                lines = [line.strip() for line in file.read(_LARGEST_FILE).splitlines()]
        except OSError as error:
            raise InvalidParameter(f"The file of tokens {path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise InvalidParameter(f"{path} is not a text file with one token a line.") from error
        tokens = [line for line in lines if line and not line.startswith("#")]
        if not tokens or min(map(len, tokens)) < _SHORTEST_TOKEN:
            raise InvalidParameter(
                f"{path} must have tokens, one a line, of at least {_SHORTEST_TOKEN} characters each. Make "
                "one with: openssl rand -hex 32"
            )
        return cls(tokens)

    def __contains__(self, token: str) -> bool:
        given = _digest(token)
        return sum(hmac.compare_digest(given, digest) for digest in self._digests) > 0


def guard(tokens: Tokens | None) -> Middleware:
    """Middleware that refuses web pages and, if there are tokens, whoever has none of them."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Sec-Fetch-Site") not in _FROM_NO_OTHER_PAGE or hdrs.ORIGIN in request.headers:
            raise PermissionDenied("Web pages may not read from this cache.")
        if tokens is None:
            check_host(request.headers.getall(hdrs.HOST, ()))
        elif _bearer(request) not in tokens:
            raise Unauthenticated("Set HF_TOKEN to a token of this cache server; ask whoever runs it.")
        return await handler(request)

    return check


def check_host(hosts: Collection[str]) -> None:
    """Raise PermissionDenied unless a request was sent to this machine by one of its own names."""
    try:
        local = [is_loopback(urlsplit(f"//{host}").hostname or "") for host in hosts]
    except ValueError:
        local = [False]
    if local != [True]:
        raise PermissionDenied("This cache answers on 127.0.0.1, [::1] and localhost only.")


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _digest(token: str) -> bytes:
    return sha256(token.encode(errors="surrogateescape")).digest()
