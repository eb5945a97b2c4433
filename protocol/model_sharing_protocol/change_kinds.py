"""Kinds of changes in a share, as its feed tells them and as a recipient finds them by comparing listings."""

from __future__ import annotations

from enum import StrEnum


class ChangeKind(StrEnum):
    """Kind of a change. SHARE_CHANGED stands for any changes: a reader has to list the share again."""

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
