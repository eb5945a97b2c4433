"""Metrics that are looked up once a minute: expiry, the age of the signing key, shared catalogs, jobs."""

from __future__ import annotations

import asyncio
import math
import time
from pathlib import Path

from model_sharing_provider.domain.jobs import UNFINISHED, JobKind, JobState
from model_sharing_provider.http.backend_metrics import (
    EXPIRING,
    EXPIRY,
    JOBS,
    JOBS_WAIT,
    SHARED_CATALOG_CONFIRMED,
    SHARED_CATALOG_FAILING,
    SIGNING_KEY,
)
from model_sharing_provider.services.administration.inventory import WATCHED, Inventory
from model_sharing_provider.telemetry.log import log

_LOOK_EVERY_SECONDS = 60.0
_catalogs_shown: set[str] = set()


async def watch_expiry(inventory: Inventory, certificate_expires: float | None) -> None:
    """Update the metrics once a minute, until cancelled. `certificate_expires`: see `show_certificate`."""
    while True:
        _show_certificate(certificate_expires)
        try:
            await show_inventory(inventory)
        except Exception as error:
            # Most likely the database is unavailable; the next update retries.
            log.warning("expiry metrics not updated", error=type(error).__name__)
        await asyncio.sleep(_LOOK_EVERY_SECONDS)


def show_certificate(certificate: Path | None) -> float | None:
    """Set the metric of the certificate in use for TLS; its expiry in epoch seconds, None if there is none.

    The file is read once: a replacement is served only after a restart, and until then the old one expires.
    """
    expires = certificate_expiry(certificate) if certificate else None
    _show_certificate(expires)
    return expires


def _show_certificate(expires: float | None) -> None:
    if expires is not None:
        _show("tls_certificate", expires, soon=expires - time.time() <= WATCHED.total_seconds())


async def show_inventory(inventory: Inventory) -> None:
    """Set the metrics of tokens, the signing key, shared catalogs and jobs. Raises MetastoreUnavailable."""
    SIGNING_KEY.set(inventory.signing_key_created_at / 1000)
    await _show_shared_catalogs(inventory)
    await _show_jobs(inventory)
    for kind, expiring in (await inventory.expiring()).items():
        earliest = math.inf if expiring.earliest is None else expiring.earliest / 1000
        _show(kind, earliest, expiring.soon)


async def _show_jobs(inventory: Inventory) -> None:
    counts = await inventory.jobs()
    numbers = {(count.kind, count.state): count.number for count in counts}
    for kind in JobKind:
        for state in (*UNFINISHED, JobState.FAILED):
            JOBS.labels(kind.value, state.value).set(numbers.get((kind, state), 0))
    waiting = [count.oldest_due_at / 1000 for count in counts if count.state is JobState.QUEUED]
    JOBS_WAIT.set(max(0.0, time.time() - min(waiting)) if waiting else 0)


async def _show_shared_catalogs(inventory: Inventory) -> None:
    statuses = await inventory.shared_catalogs()
    # A label cannot be taken back in several processes: of a catalog that is gone, none is left failing.
    for gone in _catalogs_shown - {status.catalog for status in statuses}:
        SHARED_CATALOG_FAILING.labels(gone).set(0)
    for status in statuses:
        _catalogs_shown.add(status.catalog)
        SHARED_CATALOG_CONFIRMED.labels(status.catalog).set(status.checked_at / 1000)
        SHARED_CATALOG_FAILING.labels(status.catalog).set(int(status.state.is_failure))


def certificate_expiry(path: Path) -> float:
    """Expiry in epoch seconds of the first certificate in a PEM file, the server's own."""
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415 - slow, and few servers need it

    return load_pem_x509_certificates(path.read_bytes())[0].not_valid_after_utc.timestamp()


def _show(kind: str, earliest: float, soon: int) -> None:
    EXPIRY.labels(kind).set(earliest)
    EXPIRING.labels(kind).set(soon)
