"""Signed URLs of Google's Cloud CDN (HMAC-SHA1) and Media CDN (Ed25519).

Source: Cloud CDN, "Use signed URLs"; Media CDN, "Generate signatures". Both sign the URL with its expiry and
the name of the key; Media CDN also a prefix of URLs, whose parameters any URL that begins with it may have.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def sign_url(url: str, expires: int, key_name: str, key: bytes | Ed25519PrivateKey) -> str:
    """Sign exactly this URL; it expires at `expires`, in epoch seconds."""
    separator = "&" if "?" in url else "?"
    return _signed(f"{url}{separator}Expires={expires}&KeyName={key_name}", key)


def sign_folder(folder: str, expires: int, key_name: str, key: Ed25519PrivateKey) -> str:
    """Sign all URLs that begin with this one: the query to append to each of them."""
    prefix = base64.urlsafe_b64encode(folder.encode()).decode()
    return _signed(f"URLPrefix={prefix}&Expires={expires}&KeyName={key_name}", key)


def _signed(value: str, key: bytes | Ed25519PrivateKey) -> str:
    if isinstance(key, bytes):
        signature = base64.urlsafe_b64encode(hmac.digest(key, value.encode(), hashlib.sha1))
    else:
        signature = base64.urlsafe_b64encode(key.sign(value.encode())).rstrip(b"=")
    return f"{value}&Signature={signature.decode()}"
