"""The one validator of file paths, for provider and recipient alike.

A path inside a model is relative and POSIX, and must mean the same file on Linux, macOS and Windows. What
passes here can be joined to a folder and never leaves it. Many path-traversal holes in model registries
were opened by a second, slightly different parser; so there is only this one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from model_sharing_protocol.errors import UnsafePath

MAX_PATH_LENGTH = 1024
MAX_SEGMENT_BYTES = 255
_PORTS = [f"{port}{number}" for port in ("com", "lpt") for number in "123456789¹²³"]
_DEVICES = frozenset(["con", "prn", "aux", "nul", "conin$", "conout$", *_PORTS])
_FORBIDDEN = frozenset('\\:*?"<>|')


def check_relative_path(path: str) -> str:
    """`path` unchanged if it is safe on every platform, else UnsafePath saying why."""
    if problem := _problem(path):
        raise UnsafePath(f"The path {path[:200]!r} {problem}.")
    return path


def check_no_twins(paths: Iterable[str]) -> None:
    """Refuse paths that would land on one file somewhere, or a file that is also a folder.

    Two spellings are twins when they differ only in letter case or in Unicode normalization, which some
    file systems ignore.
    """
    files: dict[str, str] = {}
    for path in paths:
        twin = files.setdefault(_folded(path), path)
        if twin != path:
            raise UnsafePath(f"The paths {twin!r} and {path!r} are the same file on some systems.")
    for folded, path in files.items():
        parts = folded.split("/")
        for depth in range(1, len(parts)):
            if file := files.get("/".join(parts[:depth])):
                raise UnsafePath(f"The path {file!r} is a file, and a folder of {path!r}.")


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _problem(path: str) -> str | None:
    if not path or len(path) > MAX_PATH_LENGTH:
        return f"is empty or longer than {MAX_PATH_LENGTH} characters"
    for character in path:
        if character in _FORBIDDEN or unicodedata.category(character) in ("Cc", "Cs"):
            return f"contains {character!r}"
    if path.startswith("/"):
        return "is absolute"
    return next((problem for segment in path.split("/") if (problem := _segment_problem(segment))), None)


def _segment_problem(segment: str) -> str | None:
    if segment in ("", ".", ".."):
        return f"has a segment {segment!r}"
    if len(segment.encode()) > MAX_SEGMENT_BYTES:
        return f"has a segment longer than {MAX_SEGMENT_BYTES} bytes"
    if segment[-1] in ". ":
        return "has a segment that ends in a dot or a space"
    if segment.split(".", 1)[0].rstrip(" ").lower() in _DEVICES:
        return f"has a segment {segment!r} that Windows reserves for a device"
    return None
