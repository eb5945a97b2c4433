"""Volumes and agent skills that a share shows as folders of files, and what is told about their downloads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from model_sharing_protocol.errors import InvalidParameter


class FolderKind(StrEnum):
    """Kind of a folder that a share shows beside its models."""

    VOLUME = "volume"
    SKILL = "skill"

    @classmethod
    def parse(cls, text: str) -> FolderKind:
        """Parse the name of a kind. Raises InvalidParameter."""
        if text not in (known := [kind.value for kind in cls]):
            raise InvalidParameter(f"{text!r} is not a kind of folder; write one of: {', '.join(known)}.")
        return cls(text)


@dataclass(frozen=True, slots=True)
class DownloadedFolder:
    """Volume or skill, or the `files` that were asked for, as they are at `path` now. Sizes are in bytes.

    Of the `size`, `fetched` bytes came from the provider, and `reused` ones were left by a download that
    broke off.
    """

    full_name: str
    path: Path
    size: int
    fetched: int
    reused: int
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedFolderFile:
    """File of a planned download: `fetched` of its bytes would come from the provider."""

    path: str
    size: int
    fetched: int


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """Plan of a download of a volume or skill: the `reused` bytes were left by one that broke off."""

    full_name: str
    size: int
    fetched: int
    reused: int
    files: tuple[PlannedFolderFile, ...]
