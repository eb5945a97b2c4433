"""Identity tokens (JSON Web Tokens of other issuers): parsed, and verified against the keys of the issuer.

After RFC 8725, JWT Best Current Practices: an allow-list of algorithms that the key decides, no key from the
token, required times, and types of tokens that are meant for something else refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cachetools import TTLCache

from model_sharing_protocol.errors import TokenExpired, Unauthenticated
from model_sharing_protocol.times import iso
from model_sharing_provider.domain.federation import IdentityClaims, UnverifiedToken
from model_sharing_provider.identity_providers.issuer_keys import IssuerKeys
from model_sharing_provider.identity_providers.signature_keys import ALGORITHMS
from model_sharing_provider.identity_providers.strict_json import parse_object

if TYPE_CHECKING:
    from jwt import PyJWK

MAX_TOKEN = 16 * 1024
_PART = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_TYPES = ("jwt", "application/jwt", "at+jwt", "application/at+jwt")
_LAST_SECOND = 253_402_300_799
_KEPT, _KEPT_SECONDS = 1024, 60.0
_SHOWN = 200


class IdentityTokens:
    """Verification of identity tokens; a verified one is remembered for a minute at most."""

    def __init__(self, keys: IssuerKeys, *, clock_skew: timedelta, max_lifetime: timedelta) -> None:
        self._keys = keys
        self._skew = clock_skew.total_seconds()
        self._max_lifetime = max_lifetime
        self._verified: TTLCache[bytes, IdentityClaims] = TTLCache(_KEPT, _KEPT_SECONDS)

    def parse(self, token: str) -> UnverifiedToken:
        """Parse a token, of which nothing is true yet. Raises Unauthenticated."""
        parts = token.split(".")
        if len(token) > MAX_TOKEN or len(parts) != 3 or not all(map(_PART.fullmatch, parts)):
            raise _refused("it is not a signed JWT")
        try:
            header, claims = (parse_object(_decoded(part)) for part in parts[:2])
        except (ValueError, binascii.Error) as error:
            raise _refused("it is not a JWT of two JSON objects with unique keys") from error
        issuer = claims.get("iss")
        if not isinstance(issuer, str) or not issuer:
            raise _refused("it has no 'iss'")
        return UnverifiedToken(token, header, claims, issuer)

    async def verify(self, token: UnverifiedToken) -> IdentityClaims:
        """Verify signature and times. Raises Unauthenticated, TokenExpired, IssuerUnavailable."""
        digest = hashlib.sha256(token.encoded.encode()).digest()
        known = self._verified.get(digest)
        if known is None:
            algorithm, kid = _algorithm(token.header)
            key = await self._keys.find(token.issuer, kid, algorithm)
            _check_signature(token, key, algorithm)
            known = self._times_checked(token)
            self._verified[digest] = known
        if known.expires_at <= time.time() * 1000:
            raise TokenExpired(
                f"The identity token expired at {iso(known.expires_at)}; sign in again at its issuer."
            )
        return known

    def _times_checked(self, token: UnverifiedToken) -> IdentityClaims:
        now = time.time()
        issued, expires = _moment(token.claims, "iat"), _moment(token.claims, "exp")
        begins = _moment(token.claims, "nbf") if "nbf" in token.claims else issued
        if max(issued, begins) > now + self._skew:
            raise _refused("it is not valid yet; compare the clocks of this server and of its issuer")
        if expires - issued > self._max_lifetime.total_seconds():
            raise _refused(f"it is valid for longer than {self._max_lifetime}")
        return IdentityClaims(token.issuer, int((expires + self._skew) * 1000), token.claims)


def _check_signature(token: UnverifiedToken, key: PyJWK, algorithm: str) -> None:
    import jwt  # noqa: PLC0415 - slow to import, and most processes verify no token

    try:
        jwt.PyJWS(algorithms=[algorithm]).decode(token.encoded, key, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise _refused(f"it is not signed by the issuer {_shown(token.issuer)}") from error


def _algorithm(header: dict[str, Any]) -> tuple[str, str | None]:
    """Algorithm and `kid` of a token that may be looked at. Raises Unauthenticated."""
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise _refused(f"its algorithm {_shown(algorithm)} is not one of {', '.join(ALGORITHMS)}")
    if "crit" in header or "b64" in header:
        raise _refused("its header names extensions ('crit') that are not understood here")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise _refused(f"its 'typ' {_shown(kind)} is that of tokens for something else")
    if kid is not None and (not isinstance(kid, str) or not kid):
        raise _refused("its 'kid' is not a text")
    return algorithm, kid


def _moment(claims: dict[str, Any], name: str) -> float:
    """Time in a claim, in epoch seconds. Raises Unauthenticated."""
    found = claims.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise _refused(f"it has no time in {name!r}")
    if not 0 <= found <= _LAST_SECOND:
        raise _refused(f"its {name!r} is not a time")
    return found


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _shown(value: object) -> str:
    return repr(value)[:_SHOWN]


def _refused(reason: str) -> Unauthenticated:
    return Unauthenticated(f"The identity token is refused: {reason}.")
