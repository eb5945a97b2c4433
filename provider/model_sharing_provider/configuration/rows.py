"""Rows of the table of settings: name, kind, meaning and default of one setting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from model_sharing_provider.configuration.kinds import Kind

PREFIX = "MODEL_SHARING_PROVIDER_"
ROW = "setting"
"""Key of a field's row in its metadata."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Row of the table. `unset` describes the default in words."""

    name: str
    kind: Kind
    meaning: str
    unset: str

    @property
    def variable(self) -> str:
        return PREFIX + self.name

    @property
    def key(self) -> str:
        return self.name.lower()


def setting(name: str, kind: Kind, meaning: str, default: Any, unset: str | None = None) -> Any:
    """Field of `Settings` with its row and default; what the kind does not show is not in its `repr`."""
    row = Setting(name, kind, meaning, str(default) if unset is None else unset)
    return field(default=default, repr=kind.shown is None, metadata={ROW: row})
