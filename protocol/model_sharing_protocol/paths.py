"""Validation of file paths, for provider and recipient alike.

A path inside a model is relative and POSIX, and must mean the same file on Linux, macOS and Windows. What
passes here can be joined to a folder and never leaves it. Many path-traversal vulnerabilities in model
registries came from a second, slightly different parser, so this is the only one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from model_sharing_protocol.characters import find_unseen, fold, shown
from model_sharing_protocol.errors import UnsafePath
from model_sharing_protocol.refused_names import find_repository, refusal

MAX_PATH_LENGTH = 1024
MAX_DEPTH = 100
"""Limit of the segments of a path; each but the last is a folder to be made."""
MAX_FOLDERS = 250_000
"""Limit of the folders of files that are together: empty files cost nothing else to announce."""
MAX_SEGMENT_BYTES = 255
_PORTS = [f"{port}{number}" for port in ("com", "lpt") for number in "123456789¹²³"]
_DEVICES = frozenset(["con", "prn", "aux", "nul", "conin$", "conout$", *_PORTS])
_FORBIDDEN = frozenset('\\:*?"<>|')
_SHORT_NAME = re.compile(r"(?=[^.]{3,8}(?:\.|$))[^.]+~[0-9]+(?:\.[^.]{0,3})?")


def check_relative_path(path: str) -> str:
    """Check that a path is safe on every platform, and return it. Raises UnsafePath."""
    if problem := _problem(path):
        raise UnsafePath(f"The path {path[:200]!r} {problem}.")
    return path


def check_model_path(path: str) -> str:
    """Check that a model may contain this path, and return it. Raises UnsafePath; see `refused_names`."""
    if problem := refusal(check_relative_path(path)):
        raise UnsafePath(f"The path {path!r} {problem}.")
    return path


def check_together(paths: Iterable[str]) -> None:
    """Check that paths are safe together in one folder: no twins, no git repository. Raises UnsafePath."""
    paths = list(paths)
    check_no_twins(paths)
    if (folder := find_repository(paths)) is not None:
        raise UnsafePath(
            f"The folder {folder or '.'!r} looks like a git repository (HEAD, objects, refs), and git "
            "would treat it as one: rename one of them."
        )


def check_no_twins(paths: Iterable[str]) -> None:
    """Check that no two paths are the same file on some system, or one file and folder. Raises UnsafePath.

    Twins are spellings that differ only in letter case, or in Unicode normalization or compatibility forms:
    some file systems ignore the difference, and people cannot see it.
    """
    files: dict[str, str] = {}
    for path in paths:
        twin = files.setdefault(fold(path), path)
        if twin != path:
            raise UnsafePath(f"The paths {twin!r} and {path!r} are the same file on some systems.")
    folders: set[str] = set()
    for folded, path in files.items():
        folder = folded.rpartition("/")[0]
        while folder and folder not in folders:
            if file := files.get(folder):
                raise UnsafePath(f"The path {file!r} is a file, and also the folder of {path!r}.")
            folders.add(folder)
            folder = folder.rpartition("/")[0]
        if len(folders) > MAX_FOLDERS:
            raise UnsafePath(f"The files are in more than {MAX_FOLDERS} folders, which is the limit.")


def _problem(path: str) -> str | None:
    if not path or len(path) > MAX_PATH_LENGTH:
        return f"is empty or longer than {MAX_PATH_LENGTH} characters"
    if path.count("/") >= MAX_DEPTH:
        return f"has more than {MAX_DEPTH} segments"
    if unseen := find_unseen(path):
        return f"contains the invisible character {shown(unseen)}"
    if forbidden := next((character for character in path if character in _FORBIDDEN), None):
        return f"contains {forbidden!r}"
    if path.startswith("/"):
        return "is absolute"
    return next((problem for segment in path.split("/") if (problem := _segment_problem(segment))), None)


def _segment_problem(segment: str) -> str | None:
    if (folded := fold(segment)) in ("", ".", ".."):
        return f"has a segment {segment!r}"
    if len(segment.encode()) > MAX_SEGMENT_BYTES:
        return f"has a segment longer than {MAX_SEGMENT_BYTES} bytes"
    if segment[-1] in ". ":
        return "has a segment that ends in a dot or a space"
    if folded.split(".", 1)[0].rstrip(" ") in _DEVICES:
        return f"has a segment {segment!r} that Windows reserves for a device"
    if _SHORT_NAME.fullmatch(segment):
        return f"has a segment {segment!r} that may be Windows' short name of another file"
    return None
