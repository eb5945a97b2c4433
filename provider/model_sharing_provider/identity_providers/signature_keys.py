"""Keys of JSON Web Key Sets, and the algorithms that each kind of key may verify.

The algorithm is chosen by the key and an allow-list, never by the token alone: a token that asks for a MAC
with the issuer's public key as its secret, or for none, finds no key.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jwt import PyJWK

ALGORITHMS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", ())),
    "ES256": ("EC", ("P-256",)),
    "ES384": ("EC", ("P-384",)),
    "ES512": ("EC", ("P-521",)),
    "EdDSA": ("OKP", ("Ed25519", "Ed448")),
}
"""Algorithms that are accepted, each with the type of its keys and their curves."""
MAX_KEYS = 100
_RSA_BITS = range(2048, 8193)
_MAX_RSA_EXPONENT = 2**32


def find_key(keys: Sequence[Mapping[str, Any]], kid: str | None, algorithm: str) -> PyJWK | None:
    """Key that may verify a token with this `kid` and algorithm; without a `kid`, only if no other may."""
    fitting = [key for key in keys if _fits(key, algorithm) and (kid is None or key.get("kid") == kid)]
    return _loaded(fitting[0], algorithm) if len(fitting) == 1 else None


def _fits(key: Mapping[str, Any], algorithm: str) -> bool:
    kty, curves = ALGORITHMS[algorithm]
    operations = key.get("key_ops")
    return (
        key.get("kty") == kty
        and (not curves or key.get("crv") in curves)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (operations is None or (isinstance(operations, list) and "verify" in operations))
    )


def _loaded(key: Mapping[str, Any], algorithm: str) -> PyJWK | None:
    """Key that is strong enough and well formed."""
    import jwt  # noqa: PLC0415 - slow to import, and most processes verify no token
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415

    public = {name: value for name, value in key.items() if name in ("kty", "crv", "n", "e", "x", "y", "kid")}
    try:
        with warnings.catch_warnings(action="ignore"):  # about short keys, which are refused below
            loaded = jwt.PyJWK(public, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, KeyError):
        return None
    if isinstance(loaded.key, RSAPublicKey):
        weak = loaded.key.key_size not in _RSA_BITS
        if weak or loaded.key.public_numbers().e > _MAX_RSA_EXPONENT:
            return None
    return loaded
