"""URLs that a bucket signs for its own objects, so that their bytes need not come through this server."""

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
# Azure's SAS tokens open a container, and are no key to sign with.
_SIGNS_NOTHING = "SASforSASNotSupported"


async def presign(
    store: S3Store | GCSStore | AzureStore,
    keys: Sequence[str],
    seconds: int,
    method: Literal["GET", "PUT"] = "GET",
) -> list[str] | None:
    """URLs to read these objects from, good for so long; None where the store cannot sign them all.

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
    """URL to write an object to, whole, by one request; None as for `presign`."""
    urls = await presign(store, [key], seconds, "PUT")
    if urls is None:
        return None
    return UploadUrl(urls[0], {"x-ms-blob-type": "BlockBlob"} if isinstance(store, AzureStore) else {})


def _names(url: str, key: str) -> bool:
    """True if a URL leads to the object, and its signature is for it.

    obstore 0.12 signs for Azure what stands in the URL, where it is the object's own name that counts; and
    for Google it does not escape names.
    """
    path = urlsplit(url).path
    return path.endswith(f"/{key}") and _SAME_IN_A_URL.fullmatch(path) is not None
