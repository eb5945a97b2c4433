"""Signed URLs of Amazon CloudFront, by a canned or a custom policy.

Source: Amazon CloudFront Developer Guide, "Create a signed URL using a canned policy", "… using a custom
policy", and "Code examples for creating a signature for a signed URL". RSA keys sign by PKCS #1 1.5, ECDSA
keys in DER. Without Hash-Algorithm the hash is SHA-1.
"""

from __future__ import annotations

import base64
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from model_sharing_provider.domain.cdns import CdnHash

_HASHES: dict[CdnHash, hashes.HashAlgorithm] = {
    CdnHash.SHA1: hashes.SHA1(),  # noqa: S303 - what CloudFront expects by default
    CdnHash.SHA256: hashes.SHA256(),
}
# Characters of base64 that have a meaning in a URL, and what CloudFront takes for them.
_IN_URLS = bytes.maketrans(b"+=/", b"-_~")


def sign_url(
    url: str, expires: int, key_id: str, key: RSAPrivateKey | EllipticCurvePrivateKey, digest: CdnHash
) -> str:
    """Sign exactly this URL by a canned policy; it expires at `expires`, in epoch seconds."""
    return _joined(url, f"Expires={expires}", _signature(_policy(url, expires), key_id, key, digest))


def sign_folder(
    folder: str, expires: int, key_id: str, key: RSAPrivateKey | EllipticCurvePrivateKey, digest: CdnHash
) -> str:
    """Sign all URLs that begin with this one by a custom policy: the query to append to each of them."""
    policy = _policy(f"{folder}*", expires)
    return f"Policy={_encoded(policy)}&{_signature(policy, key_id, key, digest)}"


def _policy(resource: str, expires: int) -> bytes:
    """Policy statement, with the white space that is documented: CloudFront writes a canned one itself."""
    condition = {"DateLessThan": {"AWS:EpochTime": expires}}
    statement = {"Statement": [{"Resource": resource, "Condition": condition}]}
    return json.dumps(statement, separators=(",", ":")).encode()


def _signature(
    policy: bytes, key_id: str, key: RSAPrivateKey | EllipticCurvePrivateKey, digest: CdnHash
) -> str:
    if isinstance(key, RSAPrivateKey):
        signature = key.sign(policy, padding.PKCS1v15(), _HASHES[digest])
    else:
        signature = key.sign(policy, ec.ECDSA(_HASHES[digest]))
    named = "" if digest is CdnHash.SHA1 else f"&Hash-Algorithm={digest.upper()}"
    return f"Signature={_encoded(signature)}&Key-Pair-Id={key_id}{named}"


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).translate(_IN_URLS).decode()


def _joined(url: str, *parameters: str) -> str:
    return url + ("&" if "?" in url else "?") + "&".join(parameters)
