"""Measured rates: how fast a provider's files arrive and deltas are applied, as of the last large ones.

A delta is fewer bytes, and work: on a fast line the whole file is here sooner. What line and CPU can do is
not guessed but taken from the downloads before, in one small file a provider.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from model_sharing.filesystem.local_files import replace_file

LEAST_BYTES = 32 * 1024 * 1024
"""Smaller transfers are over before they are at full speed."""
_APPLIED_A_CORE, _MOST_CORES = 100_000_000, 4
"""Bytes a second that a core makes of a delta, and how many can work at it, until there is a measurement."""


class _Rates(msgspec.Struct):
    """Bytes a second; 0 if there is no measurement yet."""

    arrive: float = 0
    applied: float = 0


class MeasuredRates:
    """Measured rates of one provider's files; `limit` is the most bytes a second that may arrive."""

    def __init__(self, path: Path, limit: int | None = None) -> None:
        self._path = path
        self._limit = limit

    def record_arrival(self, size: int, seconds: float) -> None:
        """Record that so many bytes of whole files were fetched and verified in this time."""
        if size >= LEAST_BYTES and self._limit is None:
            rates = self._read()
            rates.arrive = size / max(seconds, 1e-6)
            self._write(rates)

    def record_delta(self, delta: int, size: int, seconds: float, waited: float) -> None:
        """Record that so many bytes of a `delta` made a file of this `size` in this time.

        It was applied while it arrived, and `waited` for bytes for some of the seconds. If that was most of
        them, they tell how fast the line is, and of this CPU only that it is not slower.
        """
        if size < LEAST_BYTES:
            return
        is_bound_by_line = waited > seconds / 2
        if is_bound_by_line:
            self.record_arrival(delta, seconds)
        rates = self._read()
        applied = size / max(seconds, 1e-6)
        rates.applied = max(applied, _applied(rates)) if is_bound_by_line else applied
        self._write(rates)

    def is_delta_faster(self, delta: int, size: int, whole: int) -> bool:
        """True if a delta makes a file of this size sooner than the `whole` bytes arrive that it lacks.

        It is applied while it arrives: the slower of both counts. Without a measurement of the line it is
        faster: fewer bytes are never far from the best choice.
        """
        rates = self._read()
        arrive = min(rates.arrive or self._limit or 0, self._limit or rates.arrive)
        if not arrive:
            return True
        return max(delta / arrive, size / _applied(rates)) < whole / arrive

    def _read(self) -> _Rates:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Rates)
        except (OSError, msgspec.MsgspecError):
            return _Rates()

    def _write(self, rates: _Rates) -> None:
        with contextlib.suppress(OSError):  # a cache that cannot be written works all the same
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, msgspec.json.encode(rates))


def _applied(rates: _Rates) -> float:
    return rates.applied or _APPLIED_A_CORE * min(os.cpu_count() or 1, _MOST_CORES)
