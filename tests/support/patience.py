"""Patience of tests with what is to succeed: minutes cost nothing, and a busy machine may need them."""

from __future__ import annotations

PATIENCE = 120
"""Seconds within which what is to happen does happen, on a machine ten times slower than usual, too."""
