"""Keys of CDNs, and what each kind of CDN needs to know of them."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.object_stores.signed_edge import Check, cloudfront, google


@dataclass(frozen=True)
class KeyKind:
    """Kind of a CDN with a kind of key: its words in the provider's file, its keys, and its edge's check."""

    kind: str
    new_key: Callable[[], Any]
    check: Callable[[Any], Check]
    hash: str = ""

    def file_content(self, key: Any) -> bytes:
        if isinstance(key, bytes):
            return base64.urlsafe_b64encode(key) + b"\n"
        return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def public(self, key: Any) -> Any:
        return key if isinstance(key, bytes) else key.public_key()


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


KEY_KINDS = {
    "cloudfront-rsa-sha1": KeyKind("cloudfront", _rsa, cloudfront, "sha1"),
    "cloudfront-rsa-sha256": KeyKind("cloudfront", _rsa, cloudfront),
    "cloudfront-ecdsa": KeyKind("cloudfront", lambda: ec.generate_private_key(ec.SECP256R1()), cloudfront),
    "cloud-cdn": KeyKind("cloud-cdn", lambda: os.urandom(16), google),
    "media-cdn": KeyKind("media-cdn", ed25519.Ed25519PrivateKey.generate, google),
}


def write_cdn_file(path: Path, *rows: dict[str, object]) -> None:
    """Write the provider's file of CDNs, all at once."""
    tables = [
        "[[cdn]]\n"
        + "".join(
            f"{name} = {str(value).lower() if isinstance(value, bool) else repr(str(value))}\n"
            for name, value in row.items()
        )
        for row in rows
    ]
    waiting = path.with_suffix(".new")
    waiting.write_text("\n".join(tables))
    waiting.replace(path)
