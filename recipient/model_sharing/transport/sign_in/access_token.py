"""Access token in memory: how long it is used, and its claims, which tell a provider whom to let in."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model_sharing_protocol.errors import NotASharingServer
from model_sharing_protocol.printable import printable

LONGEST_SECONDS = 24 * 3600.0
"""Longest use of one token, however long it would be valid."""
_MARGIN_SECONDS = 60.0
_LONGEST_TOKEN = 16 * 1024
_LONGEST_CLAIM = 200
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)  # RFC 6750, section 2.1


@dataclass(frozen=True, slots=True)
class AccessToken:
    """Access token. `renew_at` and `ends_at` are of the monotonic clock; `date` is the issuer's time."""

    value: str = field(repr=False)
    renew_at: float
    ends_at: float
    date: str = ""


def access_token(value: object, seconds: float, origin: str, date: str = "") -> AccessToken:
    """Token that is valid for `seconds` from now on. Raises NotASharingServer for one that cannot be sent."""
    if not isinstance(value, str) or not _TOKEN.fullmatch(value) or len(value) > _LONGEST_TOKEN:
        raise NotASharingServer(
            f"{origin}, where this client signs in, answered without a token that can be sent over HTTP."
        )
    now = time.monotonic()
    return AccessToken(value, now + seconds - min(_MARGIN_SECONDS, seconds / 4), now + seconds, date)


def claims_of(token: str) -> str:
    """Claims `iss`, `sub` and `aud` in words, not verified; empty for a token that only its issuer reads."""
    claims = unverified_claims(token)
    named = (("issuer", "iss"), ("subject", "sub"), ("audience", "aud"))
    return ", ".join(f"{word} {_shown(claims[name])}" for word, name in named if name in claims)


def unverified_claims(token: str) -> Mapping[str, Any]:
    """Claims of a JWT; empty for another token. Nothing is decided by them: the provider verifies."""
    import jwt  # noqa: PLC0415 - slow to import

    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _shown(claim: object) -> str:
    values = claim if isinstance(claim, list) else [claim]
    return printable(", ".join(repr(str(each)[:_LONGEST_CLAIM]) for each in values[:5]))
