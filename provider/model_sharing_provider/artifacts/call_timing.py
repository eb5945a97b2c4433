"""Calls of a store, timed by its kind and the operation: what metrics say of buckets and disks."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractContextManager
from typing import TypeVar

from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store

from model_sharing_provider.telemetry.reports import Measured, timed

T = TypeVar("T")
_KINDS = ((LocalStore, "local"), (S3Store, "s3"), (GCSStore, "gcs"), (AzureStore, "azure"))


def call(store: ObjectStore, operation: str) -> AbstractContextManager[None]:
    """Report how long the block takes, in which the store is asked for one thing."""
    kind = next((kind for each, kind in _KINDS if isinstance(store, each)), "other")
    return timed(Measured.ARTIFACT_STORE, kind=kind, operation=operation)


async def calls(store: ObjectStore, operation: str, batches: AsyncIterable[T]) -> AsyncIterator[T]:
    """The same batches, each of which is one call."""
    iterator = aiter(batches)
    while True:
        with call(store, operation):
            try:
                batch = await anext(iterator)
            except StopAsyncIteration:
                return
        yield batch
