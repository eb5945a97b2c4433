"""Opening a back end by its URL: a folder of this machine, or a bucket with a prefix.

Endpoint, region and credentials of a bucket come from where the cloud's own tools look: the environment, or
the identity of the machine.
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
# A store that is away is a 503 after half a minute, and not after the three that are obstore's own.
_RETRIES: RetryConfig = {"max_retries": 5, "retry_timeout": timedelta(seconds=30)}


def open_root(url: str) -> StoreBackend:
    """Open `file:///folder`, which is made if need be, `s3://bucket/prefix`, `gs://…` or `az://…`.

    Raises ArtifactStoreUnavailable for settings that a store cannot be opened with.
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
    """Open a bucket, or what is below a prefix in it. Raises obstore's errors, ValueError."""
    if url.startswith("s3://"):
        return BucketBackend(S3Store.from_url(url, retry_config=_RETRIES))
    if url.startswith("gs://"):
        return BucketBackend(GCSStore.from_url(url, retry_config=_RETRIES))
    # obstore 0.12 panics where a store is printed that found the name of its account by itself.
    account: AzureConfig = {"account_name": os.environ[_ACCOUNT]} if _ACCOUNT in os.environ else {}
    return BucketBackend(AzureStore.from_url(url, config=account, retry_config=_RETRIES))
