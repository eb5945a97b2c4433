"""Cloudflare R2: temporary access credentials for a prefix, derived from the provider's own access key.

Source: Cloudflare API, "R2: Create Temporary Access Credentials". Key, account and token come from the
variables of Cloudflare's and Amazon's own tools.
"""

from __future__ import annotations

import json
import os
import urllib.request
from datetime import timedelta
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

from model_sharing_protocol.times import now_ms
from model_sharing_provider.artifacts.credentials.vendor import (
    Vendor,
    bucket_and_folder,
    refused,
    unavailable,
)
from model_sharing_provider.domain.credentials import SessionKeys, TemporaryCredentials

_TIMEOUT_SECONDS = 15
_API = "https://api.cloudflare.com/client/v4"
_ACCOUNT, _TOKEN, _PARENT = "CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN", "AWS_ACCESS_KEY_ID"


def open_vendor() -> Vendor:
    return _R2()


class _R2:
    def address(self, location: str) -> str:
        bucket, folder = bucket_and_folder(location)
        return f"r2://{bucket}@{os.environ[_ACCOUNT]}.r2.cloudflarestorage.com/{folder}".rstrip("/")

    def vend(self, location: str, lifetime: timedelta, holder: str, *, write: bool) -> TemporaryCredentials:
        bucket, folder = bucket_and_folder(location)
        seconds = int(lifetime.total_seconds())
        expires = now_ms() + seconds * 1000
        asked = {
            "bucket": bucket,
            "parentAccessKeyId": os.environ[_PARENT],
            "permission": "object-read-write" if write else "object-read-only",
            "prefixes": [folder] if folder else [],
            "ttlSeconds": seconds,
        }
        given = _call(f"/accounts/{os.environ[_ACCOUNT]}/r2/temp-access-credentials", asked)
        return TemporaryCredentials(
            r2_credentials=SessionKeys(given["accessKeyId"], given["secretAccessKey"], given["sessionToken"]),
            expiration_time=expires,
        )


def _call(path: str, body: dict[str, Any]) -> dict[str, str]:
    request = urllib.request.Request(  # noqa: S310 - the scheme is the administrator's
        os.environ.get("CLOUDFLARE_API_BASE_URL", _API) + path,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {os.environ[_TOKEN]}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            result: dict[str, str] = json.load(answer)["result"]
            return result
    except HTTPError as error:
        with error:
            said = error.read(2000).decode(errors="replace")
        raise refused(f"{error}: {said}") from error
    except (OSError, HTTPException) as error:
        raise unavailable(error) from error
