"""Manifest of a model version: its files, each with size and sha256.

The manifest defines the version. The provider writes it once, at registration; the recipient accepts no
bytes that it does not name.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Self

import msgspec

from model_sharing_protocol.digests import check_sha256
from model_sharing_protocol.errors import CorruptArtifact, InvalidParameter, PathNotFound, SharingError
from model_sharing_protocol.paths import check_model_path, check_together

MAX_FILES = 100_000
_SIZES = 2**63
PACKED_FILE_BYTES = 1024 * 1024
"""Largest file that may be fetched in a pack, which is many files in one response."""
PACKED_FILES = 1000
"""Limit of files in a pack."""


class ManifestFile(msgspec.Struct, frozen=True):
    """File of a version: relative POSIX path, size in bytes, sha256 as 64 hexadecimal digits."""

    path: str
    size: int
    sha256: str


def find_file(files: Sequence[ManifestFile], path: str) -> ManifestFile:
    """File at a path, among those of a manifest, which are ordered by path. Raises PathNotFound."""
    index = bisect_left(files, path, key=lambda file: file.path)
    if index < len(files) and files[index].path == path:
        return files[index]
    raise PathNotFound(f"There is no file {path[:300]!r} in this version.")


class Delta(msgspec.Struct, frozen=True, omit_defaults=True):
    """Delta that makes the file with the digest `target` from the one with the digest `base` (`xor_deltas`).

    `size` in bytes and `sha256` are the delta's own. `base_version` is the id of the version with the base
    file; only the provider knows it.
    """

    target: str
    base: str
    size: int
    sha256: str
    base_version: str = ""

    @property
    def file(self) -> ManifestFile:
        """File to fetch for the delta; its path is the delta's name in messages."""
        return ManifestFile(f"delta from {self.base} to {self.target}", self.size, self.sha256)


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Files of one version, sorted by path. Build a manifest with `of`, which validates.

    `chunk_maps` (see the module of that name) and `deltas` are auxiliary: they are not files of the version,
    and not part of the digest.
    """

    files: tuple[ManifestFile, ...]
    chunk_maps: ManifestFile | None = None
    deltas: tuple[Delta, ...] = ()

    @classmethod
    def of(
        cls,
        files: Iterable[ManifestFile],
        chunk_maps: ManifestFile | None = None,
        deltas: Iterable[Delta] = (),
    ) -> Self:
        """Validate files and build their manifest. Raises UnsafePath, InvalidParameter."""
        made = cls(tuple(sorted(files, key=lambda file: file.path)), chunk_maps, tuple(deltas))
        ordered = made.files
        if max(len(ordered), len(made.deltas)) > MAX_FILES:
            raise InvalidParameter(f"The model version has more than {MAX_FILES} files, which is the limit.")
        for delta in made.deltas:
            check_sha256(delta.target)
            check_sha256(delta.base)
        for file in ordered:
            check_model_path(file.path)
        for file in (*ordered, *made.auxiliary_files):
            check_sha256(file.sha256)
            if not 0 <= file.size < _SIZES:
                said = "a negative size" if file.size < 0 else "a size of 2^63 bytes or more"
                raise InvalidParameter(f"The file {file.path!r} has {said}, which no file has.")
        if len({file.path for file in ordered}) != len(ordered):
            raise InvalidParameter("The manifest names the same path twice.")
        check_together(file.path for file in ordered)
        return made

    @property
    def auxiliary_files(self) -> tuple[ManifestFile, ...]:
        """Auxiliary files that save bytes: chunk maps and deltas. Their paths are for messages only."""
        maps = (self.chunk_maps,) if self.chunk_maps else ()
        return (*maps, *(delta.file for delta in self.deltas))

    @property
    def size(self) -> int:
        """Size of all files together, in bytes."""
        return sum(file.size for file in self.files)

    @property
    def digest(self) -> str:
        """Digest of the content: `sha256:` over one line `<sha256> <size> <path>` per file."""
        lines = "".join(f"{file.sha256} {file.size} {file.path}\n" for file in self.files)
        return "sha256:" + hashlib.sha256(lines.encode()).hexdigest()

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read a stored manifest back; CorruptArtifact if it is not one."""
        try:
            read = msgspec.json.decode(data, type=cls)
            return cls.of(read.files, read.chunk_maps, read.deltas)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, SharingError) as error:
            raise CorruptArtifact(f"The manifest cannot be read: {error}") from error
