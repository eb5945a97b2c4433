"""Telemetry reports of the lower layers: durations and refusals, for metrics and traces.

Reports go to registered listeners, independently of Prometheus and OpenTelemetry: commands that do not serve
import neither, and a report without listeners costs almost nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum


class Measured(StrEnum):
    """Measurements. Amounts are in seconds unless noted otherwise."""

    DATABASE_WAIT = "database wait"
    """`kind` of wait: for a free `connection` or thread, a `turn` to write, an `audit` event's commit."""
    DATABASE = "database"
    """`kind`: a short `read`, an `append` to the audit log, one `statement`, a whole write `transaction`."""
    DATABASE_ERRORS = "database errors"
    """One per error. `error`: the class of our error."""
    ARTIFACT_STORE = "artifact store"
    """`kind` of store, and `operation`."""
    FINALIZE = "finalize version"
    REFUSED_URLS = "refused URLs"
    """One per URL. `reason`: a `Refusal`."""
    ISSUED_BYTES = "issued bytes"
    """Bytes that `recipient` may fetch of `share` from the object store itself."""
    PULLED_BYTES = "pulled bytes"
    """Bytes that crossed from another `provider` to this server's store."""
    FAILED_PULLS = "failed pulls"
    """One per pull that failed, of files of a `provider`."""
    MIRRORED_BYTES = "mirrored bytes"
    """Bytes of another `provider` that readers were given from this server's store."""
    REPLICA_STALENESS = "replica staleness"
    """Age of the rows of this replica."""
    AUDIT_EVENTS_SPOOLED = "spooled audit events"
    """Number of events of this replica that its home does not have yet."""


class Refusal(StrEnum):
    """Reasons why a signed URL was refused."""

    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    WRONG_SIGNATURE = "wrong_signature"
    EXPIRED = "expired"
    ACCESS_ENDED = "access_ended"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Report:
    """Report of one measurement, with the labels in `Measured`; `error` is the raised class, or empty."""

    measured: Measured
    amount: float
    labels: dict[str, str]
    error: str = ""


Listener = Callable[[Report], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Register a listener, which is called with each report, from any thread. Idempotent."""
    if listener not in _listeners:
        _listeners.append(listener)


def stop_listening(listener: Listener) -> None:
    _listeners.remove(listener)


def report(measured: Measured, amount: float = 1, *, error: str = "", **labels: str) -> None:
    """Send a report to all listeners."""
    for listener in _listeners:
        listener(Report(measured, amount, labels, error))


@contextmanager
def timed(measured: Measured, **labels: str) -> Iterator[None]:
    """Report the duration of the block, unless it was cancelled."""
    started = time.perf_counter()
    try:
        yield
    except Exception as error:
        report(measured, time.perf_counter() - started, error=type(error).__name__, **labels)
        raise
    report(measured, time.perf_counter() - started, **labels)
