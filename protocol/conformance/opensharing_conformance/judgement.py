"""Judgements of a check about a requirement: met, violated, or not tested and why."""

from __future__ import annotations


class Violation(Exception):
    """The server did otherwise than the requirement says; the message says what it did."""


class NotTested(Exception):
    """The requirement could not be tested here; the message says why."""


def require(condition: bool, otherwise: str) -> None:
    """Raise a Violation that says what was found, unless the condition holds."""
    if not condition:
        raise Violation(otherwise)
