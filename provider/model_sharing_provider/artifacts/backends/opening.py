"""Opening of a back end by its URL: a local folder, or a bucket with a prefix.

Endpoint, region and credentials of a bucket are found as by the cloud's own tools: in the environment, or
from the identity of the machine.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from model_sharing_protocol.errors import ArtifactStoreUnavailable
from model_sharing_provider.artifacts.backends.backend import StoreBackend
from model_sharing_provider.artifacts.backends.bucket import BucketBackend
from model_sharing_provider.artifacts.backends.local import LocalBackend

if TYPE_CHECKING:
    from obstore.store import AzureConfig, RetryConfig

_FILE = "file://"
_ACCOUNT = "AZURE_STORAGE_ACCOUNT_NAME"
# An unavailable store is a 503 after half a minute, not after obstore's default of three.
_RETRIES: RetryConfig = {"max_retries": 5, "retry_timeout": timedelta(seconds=30)}


def open_root(url: str) -> StoreBackend:
    """Open `file:///folder`, creating it if necessary, `s3://bucket/prefix`, `gs://…` or `az://…`.

    Raises ArtifactStoreUnavailable for invalid settings.
    """
    if url.startswith(_FILE):
        folder = Path(url.removeprefix(_FILE))
        folder.mkdir(parents=True, exist_ok=True)
        return LocalBackend(folder)
    try:
        return open_bucket(url)
    except (BaseError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ArtifactStoreUnavailable(f"The artifact root {url} cannot be opened: {reason}") from error


def open_bucket(url: str) -> BucketBackend:
    """Open a bucket, or a prefix in it. Raises obstore's errors, ValueError."""
    if url.startswith("s3://"):
        return BucketBackend(S3Store.from_url(url, retry_config=_RETRIES))
    if url.startswith("gs://"):
        return BucketBackend(GCSStore.from_url(url, retry_config=_RETRIES))
    # obstore 0.12 panics when a store is printed that found its account's name itself.
    account: AzureConfig = {"account_name": os.environ[_ACCOUNT]} if _ACCOUNT in os.environ else {}
    return BucketBackend(AzureStore.from_url(url, config=account, retry_config=_RETRIES))
