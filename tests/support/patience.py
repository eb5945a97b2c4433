"""Patience of tests with what is to succeed: minutes cost nothing, and a busy machine may need them."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 120
"""Seconds within which what is to happen does happen, on a machine ten times slower than usual, too."""


def within_patience(condition: Callable[[], bool]) -> bool:
    """True as soon as the condition is met; false if it is not in all this time."""
    until = time.monotonic() + PATIENCE
    while not (met := condition()) and time.monotonic() < until:
        time.sleep(0.01)
    return met
