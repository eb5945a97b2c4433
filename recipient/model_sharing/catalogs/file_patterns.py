"""File patterns: which files of a version are asked for, by the rules of `huggingface_hub`.

A pattern is matched by `fnmatch` against a file's whole path in the version: `*` and `?` match slashes, too,
and a trailing slash stands for all that is in the folder. Case counts, on every system.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from model_sharing_protocol.errors import InvalidParameter, NotFound
from model_sharing_protocol.manifest import Manifest
from model_sharing_protocol.printable import enumerated

# As llama.cpp and transformers number the parts of one model, from 1.
_SHARD = re.compile(r"(?P<start>.+)-(?P<number>[0-9]{5})(?P<end>-of-[0-9]{5}\.[a-z]+)")


@dataclass(frozen=True, slots=True)
class FilePatterns:
    """Patterns of the wanted files: `include` without `exclude`, one `file`, or exactly these `paths`.

    Without `include`, all files are. `file` may be a pattern; the shards of one model are one file.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    file: str | None = None
    paths: frozenset[str] | None = None

    @classmethod
    def of(
        cls,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
    ) -> Self | None:
        """Patterns as users give them; None for all files. InvalidParameter for what cannot be meant."""
        included, excluded = _several(include), _several(exclude)
        if file is not None and (included or excluded):
            raise InvalidParameter("Ask for one file, or for files to include and exclude.")
        if "" in (*included, *excluded, file):
            raise InvalidParameter("A pattern of files is empty; '*' matches all of them.")
        return cls(included, excluded, file) if included or excluded or file else None

    @property
    def of_files(self) -> bool:
        """True if files are asked for; else a folder is, with nothing else in it."""
        return self.file is not None or self.paths is not None

    def select(self, manifest: Manifest, subject: str) -> Manifest:
        """Select the wanted files of `subject`, a version with this manifest. Raises what `match` raises."""
        wanted = set(self.match([file.path for file in manifest.files], subject))
        return Manifest(tuple(file for file in manifest.files if file.path in wanted))

    def match(self, paths: Sequence[str], subject: str) -> list[str]:
        """Paths of `subject` that are wanted.

        Raises NotFound if there are none, InvalidParameter if `file` matches several.
        """
        if self.paths is not None:
            if missing := self.paths - set(paths):
                raise NotFound(f"{subject} has no file {min(missing)!r}.")
            found = [path for path in paths if path in self.paths]
        elif self.file is not None:
            found = _one_file(paths, self.file, subject)
        else:
            found = [path for path in paths if self._matches(path)]
        if not found:
            raise NotFound(f"{subject} has no such files. It has {_named(paths)}.")
        return found

    def _matches(self, path: str) -> bool:
        included = not self.include or any(_is_match(path, pattern) for pattern in self.include)
        return included and not any(_is_match(path, pattern) for pattern in self.exclude)


def _one_file(paths: Sequence[str], pattern: str, subject: str) -> list[str]:
    """File that the pattern matches, with its other shards; InvalidParameter if it matches several."""
    found = [pattern] if pattern in paths else [path for path in paths if fnmatchcase(path, pattern)]
    models = {_model_of(path) for path in found}
    if len(models) > 1:
        raise InvalidParameter(
            f"{pattern!r} matches {len(models)} files of {subject}, and has to match one: {_named(found)}."
        )
    return [path for path in paths if _model_of(path) in models]


def _model_of(path: str) -> tuple[str, str]:
    """Path without the number of a shard, which all shards of one model have in common."""
    shard = _SHARD.fullmatch(path)
    return (shard["start"], shard["end"]) if shard else (path, "")


def _is_match(path: str, pattern: str) -> bool:
    return fnmatchcase(path, f"{pattern}*" if pattern.endswith("/") else pattern)


def _several(patterns: str | Iterable[str] | None) -> tuple[str, ...]:
    return (patterns,) if isinstance(patterns, str) else tuple(patterns or ())


def _named(paths: Sequence[str]) -> str:
    return enumerated([repr(path) for path in paths])
