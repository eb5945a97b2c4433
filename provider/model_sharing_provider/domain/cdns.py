"""CDNs in front of buckets: which one delivers the objects below a location, and the key of its URLs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


class CdnKind(StrEnum):
    CLOUDFRONT = "cloudfront"
    CLOUD_CDN = "cloud-cdn"
    MEDIA_CDN = "media-cdn"


class CdnHash(StrEnum):
    """Hash of CloudFront's signatures, as its parameter Hash-Algorithm names it."""

    SHA1 = "sha1"
    SHA256 = "sha256"


CdnKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | bytes
"""CloudFront's keys are RSA or ECDSA, those of Media CDN Ed25519, and those of Cloud CDN 16 bytes."""


@dataclass(frozen=True, slots=True)
class Cdn:
    """CDN that delivers the objects below `location`, in the form of `domain.locations`, at `url`.

    `key_id` is the key's name at the CDN. One that is not `in_use` is only told to recipients that mount.
    """

    location: str
    kind: CdnKind
    url: str
    key_id: str
    key: CdnKey = field(repr=False)
    hash: CdnHash = CdnHash.SHA256
    in_use: bool = True

    @property
    def origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def delivers(self, location: str) -> bool:
        return f"{location}/".startswith(f"{self.location}/")

    def url_of(self, location: str) -> str:
        """URL of an object, without a signature.

        All but letters, digits and `-._~` is escaped: S3 takes a `+` for a space, and CloudFront compares the
        URL that was signed with the one that was requested, as it was written.
        """
        return self.url + quote(location.removeprefix(self.location))
