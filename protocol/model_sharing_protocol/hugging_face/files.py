"""Files of a commit as the Hub lists them: the folders that their paths make, and the LFS object of each."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from model_sharing_protocol.errors import PathNotFound
from model_sharing_protocol.hugging_face.messages import (
    LastCommit,
    Sibling,
    SiblingLfs,
    TreeEntry,
    TreeLfs,
)
from model_sharing_protocol.manifest import ManifestFile, find_file

TREE_PAGE = 1000
"""Entries in a page of a listing."""


@dataclass(frozen=True, slots=True)
class CommitFiles:
    """Files of a commit, ordered by path, as a manifest has them."""

    commit: str
    files: Sequence[ManifestFile]

    def file(self, path: str) -> ManifestFile:
        """File at a path. Raises PathNotFound."""
        return find_file(self.files, path)

    def siblings(self, *, blobs: bool) -> tuple[Sibling, ...]:
        """All files; with their sizes and digests if `blobs` are asked for."""
        if not blobs:
            return tuple(Sibling(file.path) for file in self.files)
        return tuple(map(_sibling, self.files))

    def tree(
        self, folder: str = "", *, recursive: bool = False, start: str = "", last: LastCommit | None = None
    ) -> tuple[list[TreeEntry], str]:
        """Page of what is in a folder, from the file `start` on, and the file that the next one starts at.

        Either is empty for the first and after the last page. Raises PathNotFound for a missing folder.
        """
        inside = f"{folder}/" if folder else ""
        begin, end = self._first(inside), self._first(_after(inside)) if inside else len(self.files)
        if begin == end and folder:
            raise PathNotFound(f"There is no folder {folder[:300]!r} in the commit {self.commit}.")
        entries: list[TreeEntry] = []
        index = max(begin, self._first(start)) if start else begin
        while index < end and len(entries) < TREE_PAGE:
            file = self.files[index]
            folders = _folders(file.path, inside)
            if folders and not recursive:
                entries.append(self._folder(folders[0], last))
                index = self._first(_after(f"{folders[0]}/"))
                continue
            before = self.files[index - 1].path if index > begin else ""
            entries += (self._folder(path, last) for path in folders if not before.startswith(f"{path}/"))
            entries.append(_entry(file, last))
            index += 1
        return entries, self.files[index].path if index < end else ""

    def at(self, paths: Iterable[str], last: LastCommit | None = None) -> list[TreeEntry]:
        """Entries of those paths that are a file or a folder."""
        found = []
        for path in paths:
            index = self._first(path)
            if index < len(self.files) and self.files[index].path == path:
                found.append(_entry(self.files[index], last))
            elif path and self._first(f"{path}/") < self._first(_after(f"{path}/")):
                found.append(self._folder(path, last))
        return found

    def _first(self, path: str) -> int:
        """Index of the first file that is not before a path."""
        return bisect_left(self.files, path, key=lambda file: file.path)

    def _folder(self, path: str, last: LastCommit | None) -> TreeEntry:
        # Git has no object that would fit: any name will do that differs between commits and folders.
        name = hashlib.sha1(f"{self.commit}/{path}".encode(), usedforsecurity=False)
        return TreeEntry("directory", name.hexdigest(), 0, path, last_commit=last)


def pointer_of(file: ManifestFile) -> bytes:
    """LFS pointer of a file: what git has in its place."""
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{file.sha256}\nsize {file.size}\n".encode()
    )


def _blob_id(pointer: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(pointer), pointer), usedforsecurity=False).hexdigest()


def _sibling(file: ManifestFile) -> Sibling:
    pointer = pointer_of(file)
    return Sibling(file.path, file.size, _blob_id(pointer), SiblingLfs(file.sha256, file.size, len(pointer)))


def _entry(file: ManifestFile, last: LastCommit | None) -> TreeEntry:
    pointer = pointer_of(file)
    lfs = TreeLfs(file.sha256, file.size, len(pointer))
    return TreeEntry("file", _blob_id(pointer), file.size, file.path, lfs, last)


def _folders(path: str, inside: str) -> list[str]:
    """Folders on the way to a file, below the folder that `inside` ends with a slash; outermost first."""
    names = path.removeprefix(inside).split("/")[:-1]
    return [inside + folder for folder in accumulate(names, "{}/{}".format)]


def _after(prefix: str) -> str:
    """First text that is after all that begin with a prefix, which ends with a slash."""
    return f"{prefix[:-1]}0"
