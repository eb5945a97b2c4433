"""Presigned URLs of a bucket, with which clients bypass this server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import GenericError
from obstore.store import AzureStore, GCSStore, S3Store

from model_sharing_provider.domain.stored_objects import UploadUrl

_SAME_IN_A_URL = re.compile(r"[A-Za-z0-9._~/-]*")
# Azure's SAS tokens give access to a container, but cannot sign.
_SIGNS_NOTHING = "SASforSASNotSupported"


async def presign(
    store: S3Store | GCSStore | AzureStore,
    keys: Sequence[str],
    seconds: int,
    method: Literal["GET", "PUT"] = "GET",
) -> list[str] | None:
    """Sign URLs to read these objects from; None if the store cannot sign them all.

    Raises obstore's errors.
    """
    try:
        urls = await obstore.sign_async(store, method, keys, timedelta(seconds=seconds))
    except GenericError as error:
        if _SIGNS_NOTHING in str(error):
            return None
        raise
    if isinstance(store, S3Store) or all(map(_names, urls, keys)):
        return list(urls)
    return None


async def presign_upload(store: S3Store | GCSStore | AzureStore, key: str, seconds: int) -> UploadUrl | None:
    """Sign a URL to write an object to, by one request; None as for `presign`."""
    urls = await presign(store, [key], seconds, "PUT")
    if urls is None:
        return None
    return UploadUrl(urls[0], {"x-ms-blob-type": "BlockBlob"} if isinstance(store, AzureStore) else {})


def _names(url: str, key: str) -> bool:
    """True if a URL and its signature are for the object.

    obstore 0.12 signs the escaped name for Azure, which expects the unescaped one, and does not escape names
    for Google.
    """
    path = urlsplit(url).path
    return path.endswith(f"/{key}") and _SAME_IN_A_URL.fullmatch(path) is not None
