"""Profile files of recipients, read leniently: what is wrong with one is for a check to say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class UnreadableProfile(ValueError):
    """The file is not a JSON object."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Profile file as it is, with the fields that a client needs."""

    fields: Mapping[str, Any]

    @property
    def endpoint(self) -> str:
        return self._text("endpoint")

    @property
    def token(self) -> str:
        return self._text("bearerToken")

    def _text(self, name: str) -> str:
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""


def read_profile(path: Path) -> Profile:
    """Read a profile file; raises UnreadableProfile or OSError."""
    return parse_profile(path.read_bytes())


def parse_profile(text: bytes) -> Profile:
    """Parse a profile; raises UnreadableProfile."""
    try:
        fields = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UnreadableProfile(f"The profile is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise UnreadableProfile("The profile is not a JSON object.")
    return Profile(fields)
