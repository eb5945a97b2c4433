"""The manifest: which files a model version consists of, each with size and sha256.

It is the truth about a version. The provider writes it once, at registration; the recipient believes no
byte that it does not name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Self

import msgspec

from model_sharing_protocol.digests import check_sha256
from model_sharing_protocol.errors import CorruptArtifact, InvalidParameter, SharingError
from model_sharing_protocol.paths import check_no_twins, check_relative_path

MAX_FILES = 100_000
PACKED_FILE_BYTES = 1024 * 1024
"""Files up to this size may be fetched in a pack, many by one request."""
PACKED_FILES = 1000
"""How many files a pack has at most."""


class ManifestFile(msgspec.Struct, frozen=True):
    """One file: relative POSIX path, size in bytes, sha256 as 64 hexadecimal digits."""

    path: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    """All files of one version, sorted by path. Build one with `of`, which validates.

    `chunk_maps` says where more is known of the large ones (`chunk_maps`): it is none of the files, and not a
    part of the digest. Its path is what messages call it.
    """

    files: tuple[ManifestFile, ...]
    chunk_maps: ManifestFile | None = None

    @classmethod
    def of(cls, files: Iterable[ManifestFile], chunk_maps: ManifestFile | None = None) -> Self:
        """A validated manifest; UnsafePath or InvalidParameter for what must not be served or stored."""
        ordered = tuple(sorted(files, key=lambda file: file.path))
        if len(ordered) > MAX_FILES:
            raise InvalidParameter(f"A model version has at most {MAX_FILES} files; this one has more.")
        for file in (*ordered, *([chunk_maps] if chunk_maps else [])):
            check_relative_path(file.path)
            check_sha256(file.sha256)
            if file.size < 0:
                raise InvalidParameter(f"The file {file.path!r} has the negative size {file.size}.")
        if len({file.path for file in ordered}) != len(ordered):
            raise InvalidParameter("The manifest names the same path twice.")
        check_no_twins(file.path for file in ordered)
        return cls(ordered, chunk_maps)

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def digest(self) -> str:
        """What names this content: `sha256:` over one line `<sha256> <size> <path>` a file."""
        lines = "".join(f"{file.sha256} {file.size} {file.path}\n" for file in self.files)
        return "sha256:" + hashlib.sha256(lines.encode()).hexdigest()

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read a stored manifest back; CorruptArtifact if it is not one."""
        try:
            read = msgspec.json.decode(data, type=cls)
            return cls.of(read.files, read.chunk_maps)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, SharingError) as error:
            raise CorruptArtifact(f"The manifest cannot be read: {error}") from error
