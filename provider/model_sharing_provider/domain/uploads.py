"""Files on their way into a version that is PENDING_REGISTRATION."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that arrived whole: its relative path, and where it waits below the artifact root.

    One that is `expected` is written to the bucket by a URL that was given out, and has no digest yet.
    """

    path: str
    staged: str
    size: int
    sha256: str

    @classmethod
    def expect(cls, path: str, place: str) -> UploadedFile:
        return cls(path, place, 0, "")

    @property
    def expected(self) -> bool:
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
