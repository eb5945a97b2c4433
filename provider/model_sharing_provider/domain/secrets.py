"""Bearer tokens and activation codes: their format, and their stored hash.

A token is `msh_` + 43 base62 characters (256 bits) + 6 characters of CRC-32, so that secret scanners can
recognize it offline.
"""

from __future__ import annotations

import hmac
import secrets
import string
import zlib

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
TOKEN_PREFIX = "msh_"  # noqa: S105 - a prefix, not a secret
_RANDOM_LENGTH = 43
_CHECK_LENGTH = 6


def new_token() -> str:
    """Generate a bearer token."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return TOKEN_PREFIX + body + _checksum(body)


def new_activation_code() -> str:
    """Generate a code for an activation link: 256 bits, without the token's prefix."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))


def well_formed(token: str) -> bool:
    """True if the format and checksum of a token are ours."""
    body = token.removeprefix(TOKEN_PREFIX)
    if body == token or len(body) != _RANDOM_LENGTH + _CHECK_LENGTH or not body.isascii():
        return False
    return hmac.compare_digest(_checksum(body[:_RANDOM_LENGTH]), body[_RANDOM_LENGTH:])


def keyed_hash(pepper: bytes, secret: str) -> str:
    """HMAC-SHA256 of a token or code under the server's pepper, as hexadecimal digits."""
    return hmac.digest(pepper, secret.encode(), "sha256").hex()


def _checksum(body: str) -> str:
    value = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CHECK_LENGTH):
        value, remainder = divmod(value, len(_ALPHABET))
        digits = _ALPHABET[remainder] + digits
    return digits
