"""CDNs in front of buckets, in a TOML file of the administrator, and the files with the keys of their URLs.

All of them are read again once they change, so that keys are rotated without a restart: a key and its id
change together, by replacing the TOML file with one that names the new key's file.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from model_sharing_protocol.errors import SharingError
from model_sharing_provider.domain.cdns import Cdn, CdnHash, CdnKey, CdnKind
from model_sharing_provider.domain.locations import FILE_SCHEME, parse_location
from model_sharing_provider.keys.watched_files import WatchedFile

_REMEDY = "See 'Deliver files through a CDN' in the guides."
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_CLOUDFRONT_RSA_BITS = 2048
_CLOUD_CDN_KEY_BYTES = 16
_KEYS = {
    CdnKind.CLOUDFRONT: "a PEM file with an unencrypted private key, RSA of 2048 bits or ECDSA P-256",
    CdnKind.CLOUD_CDN: "a file with 16 bytes in base64url",
    CdnKind.MEDIA_CDN: "a PEM file with an unencrypted Ed25519 private key",
}


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    location: str
    kind: CdnKind
    url: str
    key_id: str
    key_file: str
    hash: CdnHash = CdnHash.SHA256
    in_use: bool = True


class _CdnFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cdn: tuple[_Row, ...]


@dataclass(frozen=True, slots=True)
class _WatchedCdn:
    row: _Row
    key: WatchedFile[CdnKey]

    @property
    def cdn(self) -> Cdn:
        row = self.row
        return Cdn(row.location, row.kind, row.url, row.key_id, self.key.value, row.hash, row.in_use)


class CdnTable:
    """CDNs as currently in the file. Raises InvalidState for an invalid file, or an invalid key's."""

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self._file = WatchedFile(path, self._parse, _REMEDY)

    @property
    def cdns(self) -> Sequence[Cdn]:
        return [each.cdn for each in self._file.value]

    @property
    def key_paths(self) -> Sequence[Path]:
        """Files with keys, which only their owner should be able to read."""
        return [each.key.path for each in self._file.value]

    def _parse(self, content: bytes) -> tuple[_WatchedCdn, ...]:
        """Parse the file. Raises ValueError, InvalidState for a key."""
        import tomllib  # noqa: PLC0415 - most have no CDN

        rows = msgspec.convert(tomllib.loads(content.decode()), _CdnFile).cdn
        found = [self._watched(row) for row in rows]
        locations = [each.row.location for each in found]
        for location in locations:
            if locations.count(location) > 1:
                raise ValueError(f"it has more than one CDN for {location}")
        return tuple(found)

    def _watched(self, row: _Row) -> _WatchedCdn:
        try:
            location = parse_location(row.location)
        except SharingError as error:
            raise ValueError(error.message) from error
        if location.startswith(FILE_SCHEME):
            raise ValueError(f"{location} is a folder; a CDN delivers what is in a bucket")
        if not _KEY_ID.fullmatch(row.key_id):
            raise ValueError(f"{row.key_id!r} is not the id of a key at a CDN")
        row = msgspec.structs.replace(row, location=location, url=_checked_url(row.url))
        path = self._folder / Path(row.key_file).expanduser()
        key = WatchedFile(
            path, lambda content: _parse_key(row.kind, content), f"It must be {_KEYS[row.kind]}."
        )
        return _WatchedCdn(row, key)


def _checked_url(url: str) -> str:
    """URL of a CDN without a slash at its end. Raises ValueError for one that a path cannot continue."""
    parts = urlsplit(url)
    plain = url.isascii() and url.isprintable() and not set(url) & set(' ?#@*\\"')
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or parts.port == 0:
        raise ValueError(
            f"{url!r} is not the URL of a CDN, such as https://d111111abcdef8.cloudfront.net/models"
        )
    return url.rstrip("/")


def _parse_key(kind: CdnKind, content: bytes) -> CdnKey:
    """Parse the key of a CDN of this kind. Raises ValueError."""
    if kind is CdnKind.CLOUD_CDN:
        return _parse_cloud_cdn_key(content)
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("it is not a private key, or it is encrypted") from error
    match kind, key:
        case CdnKind.CLOUDFRONT, RSAPrivateKey(key_size=bits) if bits == _CLOUDFRONT_RSA_BITS:
            return key
        case CdnKind.CLOUDFRONT, EllipticCurvePrivateKey(curve=SECP256R1()):
            return key
        case CdnKind.MEDIA_CDN, Ed25519PrivateKey():
            return key
    raise ValueError(f"it has a key that {kind} does not take")


def _parse_cloud_cdn_key(content: bytes) -> bytes:
    try:
        key = base64.b64decode(content.strip(), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("it is not base64url") from error
    if len(key) != _CLOUD_CDN_KEY_BYTES:
        raise ValueError(f"it has {len(key)} bytes")
    return key
