"""Transfers in progress in this process: large files that are being sent, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from model_sharing_protocol.times import now_ms
from model_sharing_provider.http.metrics import TRANSFERS


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """File that is being sent: its name in the audit log, to whom, and since when (epoch ms)."""

    name: str
    reader: str
    share: str
    began_at: int


_in_progress: set[Transfer] = set()


def transfers_in_progress() -> list[Transfer]:
    """Transfers of this process, the oldest first."""
    return sorted(_in_progress, key=lambda transfer: transfer.began_at)


@contextmanager
def transferring(name: str, reader: str, share: str) -> Iterator[None]:
    """Count a transfer as in progress."""
    transfer = Transfer(name, reader, share, now_ms())
    _in_progress.add(transfer)
    try:
        with TRANSFERS.track_inprogress():
            yield
    finally:
        _in_progress.discard(transfer)
