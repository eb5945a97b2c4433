"""Files on their way into a version that is PENDING_REGISTRATION."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model_sharing_provider.domain.limits import check_comment, check_origin


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A version as its maker describes it. One from another registry keeps its `number` if that is free.

    Raises InvalidParameter for what is too long to keep.
    """

    number: int = 1
    source: str = ""
    run_id: str = ""
    comment: str = ""
    logged_model_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    lineage: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        check_comment(self.comment)
        check_origin(self.source, self.run_id, self.logged_model_id)


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that arrived whole: its relative path, and where it waits below the artifact root.

    One that is `promised` is written to the bucket by a URL that was given out, and has no digest yet.
    """

    path: str
    staged: str
    size: int
    sha256: str

    @classmethod
    def promise(cls, path: str, place: str) -> UploadedFile:
        return cls(path, place, 0, "")

    @property
    def promised(self) -> bool:
        return not self.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSession:
    """A file of one version that one principal uploads in parts; nobody else's, whatever they may do.

    With `overwrite` it takes the place of a file that is there when it is complete.
    """

    id: str
    version_id: str
    principal_id: str
    path: str
    overwrite: bool = True


@dataclass(frozen=True, slots=True)
class UploadedPart:
    """One part of a file that is uploaded in several; numbers start at 1."""

    number: int
    staged: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageRecord:
    """Lineage as a client sent it: where a version came from, or what it was used in."""

    id: str
    direction: str
    payload: Mapping[str, Any]
    recorded_at: int
    recorded_by: str
