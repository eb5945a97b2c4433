"""A model with one version in the cache, and a new one at the fake provider that resembles it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import model_sharing
from model_sharing.cache.store import Cache
from support.fake_provider.faults import answer_status
from support.fake_provider.server import FakeProvider, Handler, serve_well
from support.shared_catalog import shared_catalog_of

MODEL = "ml_team.iris_model"
MLMODEL = b"flavors: {}\n"
MISANNOUNCED: list[dict[str, object]] = [
    {"sha256": "0" * 64},
    {"size": 2**40},
    {"size": 5},
    {"url": "http://192.0.2.1/x"},
]
"""What is wrong in the announcement of a map or a delta."""


def cache_first_version(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, before: bytes, after: bytes
) -> Cache:
    """Publish both versions and load the first; nothing is counted yet."""
    fake_provider.publish(MODEL, 1, {"model.bin": before, "MLmodel": MLMODEL})
    fake_provider.publish(MODEL, 2, {"model.bin": after, "MLmodel": MLMODEL})
    snapshot = vendor.snapshot(f"{MODEL}/1")
    vendor.release(snapshot)
    forget(fake_provider)
    return shared_catalog_of(vendor).cache


def forget(fake_provider: FakeProvider) -> None:
    fake_provider.requests.clear()
    fake_provider.file_bytes_sent = 0


def fetched(vendor: model_sharing.Catalog, version: int = 2) -> bytes:
    return (vendor.snapshot(f"{MODEL}/{version}").folder / "model.bin").read_bytes()


def announce(fake_provider: FakeProvider, kind: str, otherwise: dict[str, object]) -> None:
    """Let the provider describe its chunk maps, or the first of its deltas, as something else."""

    def edit(lines: list[dict[str, dict[str, Any]]]) -> list[dict[str, dict[str, Any]]]:
        described = lines[1]["metaData"][kind]
        (described[0] if isinstance(described, list) else described).update(otherwise)
        return lines

    fake_provider.edit_query = edit


def withhold(wanted: bytes) -> Callable[[Handler, bytes, int, int], None]:
    """A fault: this content is not found, and all others are."""

    def fault(handler: Handler, data: bytes, start: int, end: int) -> None:
        (answer_status(404) if data == wanted else serve_well)(handler, data, start, end)

    return fault


def damage(path: Path, position: int) -> None:
    """Flip a bit of a cached file without leaving a trace, as failing media do."""
    status = path.stat()
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)
        file.seek(position)
        file.write(bytes([byte[0] ^ 1]))
    path.chmod(status.st_mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
