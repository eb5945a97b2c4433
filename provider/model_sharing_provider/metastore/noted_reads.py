"""Noted reads: of which state of the rows a call read, to know when it would read the same again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class NotedReads:
    """Reads of one call: the change tokens of what it read; `others` if it read or wrote without a token."""

    change_tokens: set[str] = field(default_factory=set)
    others: bool = False

    @property
    def change_token(self) -> str | None:
        """Change token of all that was read; None unless it was all of one state."""
        if self.others or len(self.change_tokens) != 1:
            return None
        [token] = self.change_tokens
        return token


_noted: ContextVar[NotedReads | None] = ContextVar("noted reads", default=None)


@contextmanager
def noting_reads() -> Iterator[NotedReads]:
    """Note the reads within the block."""
    before = _noted.set(noted := NotedReads())
    try:
        yield noted
    finally:
        _noted.reset(before)


def note_read(change_token: str) -> None:
    """Note a read of rows in the state that has this change token."""
    if (noted := _noted.get()) is not None:
        noted.change_tokens.add(change_token)


def note_other() -> None:
    """Note a read without a change token, or a write."""
    if (noted := _noted.get()) is not None:
        noted.others = True
