"""Download plan: what a download would fetch, and what is here already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from model_sharing.catalogs.shared_models import SharedVersion
from model_sharing_protocol.manifest import Manifest


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """File of a download plan: `fetched` of its bytes would come from the provider. Sizes are in bytes."""

    path: str
    size: int
    sha256: str
    fetched: int


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """Plan of a download: `fetched` bytes would come from the provider, `reused` ones are here already.

    They are in files of this version, or of others, or in what a download that was cut off had left. `size`
    are the bytes of all `files`. A delta that does not fit after all costs more.
    """

    full_name: str
    version: int
    size: int
    fetched: int
    reused: int
    files: tuple[PlannedFile, ...]

    @classmethod
    def of(cls, version: SharedVersion, wanted: Manifest, missing: Mapping[str, int]) -> DownloadPlan:
        """Plan for these files; `missing` has the bytes to fetch by sha256. A content counts once."""
        left = dict(missing)
        files = tuple(
            PlannedFile(file.path, file.size, file.sha256, left.pop(file.sha256, 0)) for file in wanted.files
        )
        fetched = sum(file.fetched for file in files)
        reused = max(0, wanted.size - fetched)
        return cls(version.full_name, version.version, wanted.size, fetched, reused, files)
