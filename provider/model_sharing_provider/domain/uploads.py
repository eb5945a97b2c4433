"""Uploads to a version that is PENDING_REGISTRATION."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """Uploaded file: its relative path, and its staged path below the artifact root.

    One that is `expected` is written to the bucket by a URL that was given out, and has no digest yet.
    `chunk_map` is the sha256 of its chunk map as it waits in the store; empty if nobody vouches for that.
    """

    path: str
    staged: str
    size: int
    sha256: str
    chunk_map: str = ""

    @classmethod
    def expect(cls, path: str, place: str) -> UploadedFile:
        return cls(path, place, 0, "")

    @property
    def expected(self) -> bool:
        return not self.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSession:
    """Session in which one principal uploads one file of a version in parts; others have no access.

    With `overwrite` the completed file replaces an existing one.
    """

    id: str
    version_id: str
    principal_id: str
    path: str
    overwrite: bool = True


@dataclass(frozen=True, slots=True)
class UploadedPart:
    """Part of a multipart upload; numbers start at 1."""

    number: int
    staged: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ArrivedFiles:
    """Uploads of a PENDING version by now: whole files, and parts of others by the caller's sessions.

    `paths` are those of the files that the sessions are for.
    """

    files: Sequence[UploadedFile]
    sessions: Mapping[str, Sequence[UploadedPart]]
    paths: Mapping[str, str]

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        parts = sum(part.size for parts in self.sessions.values() for part in parts)
        return parts + sum(file.size for file in self.files)
