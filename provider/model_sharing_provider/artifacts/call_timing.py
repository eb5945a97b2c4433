"""Timing of store calls by kind and operation, for metrics of buckets and disks."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractContextManager
from typing import TypeVar

from model_sharing_provider.telemetry.reports import Measured, timed

T = TypeVar("T")


def timed_call(kind: str, operation: str) -> AbstractContextManager[None]:
    """Report the duration of the block, in which a store of this kind is called once."""
    return timed(Measured.ARTIFACT_STORE, kind=kind, operation=operation)


async def timed_calls(kind: str, operation: str, batches: AsyncIterable[T]) -> AsyncIterator[T]:
    """Pass batches through, timing each as one call."""
    iterator = aiter(batches)
    while True:
        with timed_call(kind, operation):
            try:
                batch = await anext(iterator)
            except StopAsyncIteration:
                return
        yield batch
