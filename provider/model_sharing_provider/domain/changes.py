"""Changes of the registry and of shares, as the feed of a share tells them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ChangeKind(StrEnum):
    """Kind of a change. Those of a share itself concern all that it shows."""

    MODEL_ADDED = "MODEL_ADDED"
    MODEL_CHANGED = "MODEL_CHANGED"
    MODEL_RENAMED = "MODEL_RENAMED"
    MODEL_REMOVED = "MODEL_REMOVED"
    VERSION_ADDED = "VERSION_ADDED"
    VERSION_CHANGED = "VERSION_CHANGED"
    VERSION_DELETED = "VERSION_DELETED"
    VERSION_RECALLED = "VERSION_RECALLED"
    ALIAS_SET = "ALIAS_SET"
    ALIAS_DELETED = "ALIAS_DELETED"
    SHARE_CHANGED = "SHARE_CHANGED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Change of a model, one of its versions or aliases, or of a share. `at` is in epoch ms.

    `model` is its name in its schema at that time, `previous_model` the one before it was renamed or moved.
    """

    kind: ChangeKind
    at: int
    sequence: int = 0
    share_id: str = ""
    schema_id: str = ""
    model_id: str = ""
    model: str = ""
    previous_model: str = ""
    version: int | None = None
    alias: str = ""
