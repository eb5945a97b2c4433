"""Client assertion (RFC 7523): a JWT signed by the client with its private key, to ask for a token."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

from model_sharing_protocol.errors import InvalidProfile
from model_sharing_protocol.profile_sign_in import PrivateKeyJwt

_SECONDS = 120
_LARGEST_KEY = 64 * 1024


def sign_assertion(settings: PrivateKeyJwt) -> str:
    """Assertion as Delta Sharing's clients make it. Reads the key's file, so call it off the event loop.

    Raises InvalidProfile for a key that cannot be read, or not used with the algorithm.
    """
    import jwt  # noqa: PLC0415 - slow to import

    now = int(time.time())
    claims = {
        "iss": settings.client_id,
        "sub": settings.client_id,
        "aud": settings.issuer,
        "iat": now,
        "exp": now + _SECONDS,
        "jti": str(uuid.uuid4()),
        "scope": settings.scope,
        "resource": settings.audience,
    }
    headers = {"kid": settings.key_id} if settings.key_id else None
    given = {name: value for name, value in claims.items() if value}
    try:
        return jwt.encode(given, _read_key(settings.private_key_file), settings.algorithm, headers)
    except (jwt.PyJWTError, ValueError, TypeError, NotImplementedError):
        # Not `from` it: it may quote the key.
        raise InvalidProfile(
            f"The private key {settings.private_key_file} cannot sign with {settings.algorithm}: it must be "
            "a PEM file of that kind of key, without a password."
        ) from None


def _read_key(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            key = file.read(_LARGEST_KEY + 1)
    except OSError as error:
        raise InvalidProfile(f"The private key {path} cannot be read: {error.strerror}.") from error
    if len(key) > _LARGEST_KEY:
        raise InvalidProfile(f"The private key {path} is too large for one.")
    return key
