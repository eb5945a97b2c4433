"""Changes of the registry and of shares, as the feed of a share tells them."""

from __future__ import annotations

from dataclasses import dataclass

from model_sharing_protocol.change_kinds import ChangeKind

EVERY_SHARE = "*"
"""Share id of a change that may concern every share whose owner is not an administrator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Change of a model, of one of its versions or aliases, or of a share.

    `model` is its name in its schema at that time, `previous_model` the one before it was renamed or moved.
    In a change of a share, `model` is the shared name.
    """

    kind: ChangeKind
    share_id: str = ""
    schema_id: str = ""
    previous_schema_id: str = ""
    model_id: str = ""
    model: str = ""
    previous_model: str = ""
    version: int | None = None
    alias: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedChange:
    """Change as one share tells it: `model` is the shared name `schema.model`. `at` is in epoch ms."""

    kind: ChangeKind
    at: int
    model: str = ""
    previous_model: str = ""
    version: int | None = None
    alias: str = ""


@dataclass(frozen=True, slots=True)
class FeedPosition:
    """Position in the feed: the sequence of a change, and the random mark of its transaction."""

    sequence: int
    mark: str


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """Changes of a share in order, the position after them, and true if there are more."""

    changes: tuple[SharedChange, ...]
    position: FeedPosition
    more: bool = False
