"""Telemetry of the lower floors: how long their work takes, and what they refuse, for metrics and traces.

They report to whoever listens, and know neither Prometheus nor OpenTelemetry: commands that serve nothing
import neither, and a report that nobody listens to costs next to nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum


class Measured(StrEnum):
    """Measurements that are reported. The amount is in seconds, unless it says otherwise."""

    DATABASE_WAIT = "database wait"
    """`kind`: for a free `connection` or thread; for one's `turn` to write; for an `audit` event's commit."""
    DATABASE = "database"
    """`kind`: a short `read`, an `append` to the audit log, one `statement`, a whole write `transaction`."""
    DATABASE_ERRORS = "database errors"
    """One each. `error`: what a person is told."""
    ARTIFACT_STORE = "artifact store"
    """`kind` of store, and `operation`."""
    FINALIZE = "finalize version"
    REFUSED_URLS = "refused URLs"
    """One each. `reason`: a `Refusal`."""
    ISSUED_BYTES = "issued bytes"
    """Bytes. `share` and `recipient`: who may fetch them from the object store itself."""


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
    """`labels` are those that `Measured` names; `error` is the class of what was raised, or empty."""

    measured: Measured
    amount: float
    labels: dict[str, str]
    error: str = ""


Listener = Callable[[Report], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Call `listener` with each report from now on, from whichever thread it comes; once, if told twice."""
    if listener not in _listeners:
        _listeners.append(listener)


def stop_listening(listener: Listener) -> None:
    _listeners.remove(listener)


def report(measured: Measured, amount: float = 1, *, error: str = "", **labels: str) -> None:
    """Tell those who listen."""
    for listener in _listeners:
        listener(Report(measured, amount, labels, error))


@contextmanager
def timed(measured: Measured, **labels: str) -> Iterator[None]:
    """Report how long the block took. What was given up from outside before it ended is not reported."""
    started = time.perf_counter()
    try:
        yield
    except Exception as error:
        report(measured, time.perf_counter() - started, error=type(error).__name__, **labels)
        raise
    report(measured, time.perf_counter() - started, **labels)
