"""File names that other programs act upon unasked, and that models therefore must not bring along.

The reasons are in `docs/reference/file-names.md`. Names are compared `fold`ed, to catch every spelling that a
file system treats as the same name; spellings that only Windows knows (`git~1`, `.git::$DATA`) are unsafe
paths in any case (`paths`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase, translate
from types import MappingProxyType

from model_sharing_protocol.characters import fold

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        ".git": "git",
        ".hg": "Mercurial",
        ".svn": "Subversion",
        ".bzr": "Breezy",
        ".jj": "Jujutsu",
        ".sl": "Sapling",
        ".pijul": "Pijul",
        "_darcs": "Darcs",
        ".fslckout": "Fossil",
        "_fossil_": "Fossil",
        "desktop.ini": "the Windows Explorer",
        "autorun.inf": "the Windows Explorer",
        "*.lnk": "the Windows Explorer",
        "*.url": "the Windows Explorer",
        "*.scf": "the Windows Explorer",
        "*.library-ms": "the Windows Explorer",
        "*.searchconnector-ms": "the Windows Explorer",
    }
)
"""Names of files and folders that no model may contain, each with the program that acts upon it."""

REFUSED_AT_THE_TOP = frozenset({".gitattributes", ".gitignore", ".github"})
"""Names at the top of a model that the stock verifier of model signatures ignores, besides `.git`."""

_WINDOWS_PROGRAMS = ("bat", "cmd", "com", "dll", "exe", "js", "jse", "pif", "scr", "vbe", "vbs", "wsf", "wsh")

NEEDS_TRUST: Mapping[str, str] = MappingProxyType(
    {
        "sitecustomize": "Python",
        "sitecustomize.*": "Python",
        "usercustomize": "Python",
        "usercustomize.*": "Python",
        "conftest.py": "pytest",
        "test_*.py": "pytest",
        "*_test.py": "pytest",
        "pytest.ini": "pytest",
        "pytest.toml": "pytest",
        "tox.ini": "pytest",
        "setup.cfg": "pytest",
        "pyproject.toml": "pytest",
        "ipython_config.*": "IPython",
        "jupyter_*config.*": "Jupyter",
        "mise.toml": "mise",
        "mise.*.toml": "mise",
        "_vimrc": "Vim",
        "_gvimrc": "Vim",
        "_exrc": "Vim",
        "*.code-workspace": "Visual Studio Code",
        **{f"*.{ending}": "the Windows command line" for ending in _WINDOWS_PROGRAMS},
        ".*": "shells, editors, debuggers and other tools",
    }
)
"""Patterns of names accepted only from a provider whose code may run, each with the program that acts."""

HARMLESS = frozenset(
    {".gitattributes", ".gitignore", ".gitkeep", ".keep", ".ds_store", ".cache", ".ipynb_checkpoints"}
    | {".amlignore", ".amlignore.amltmp", ".dockerignore"}
)
"""Hidden names that many models have, and that no program acts upon there."""

_NEEDS_TRUST = re.compile("|".join(map(translate, NEEDS_TRUST)))
_REPOSITORIES = (frozenset({"head", "objects", "refs"}), frozenset({"head", "commondir"}))
_REPOSITORY_PARTS = frozenset[str]().union(*_REPOSITORIES)


def refusal(path: str) -> str | None:
    """Reason why no model may contain this path; None if one may."""
    names = fold(path).split("/")
    for name in names:
        if who := REFUSED.get(name) or REFUSED.get(f"*.{name.rpartition('.')[2]}"):
            return f"has the name {name!r}, which {who} acts upon: remove it, no model needs it"
    if names[0] in REFUSED_AT_THE_TOP:
        return (
            f"has the name {names[0]!r} at the model's top, where verifiers of model signatures leave "
            "git's files out: remove it, no model needs it"
        )
    return None


def acts_unasked(path: str) -> str | None:
    """Programs that act unasked upon a file with this path; None if there are none."""
    for name in fold(path).split("/"):
        if name not in HARMLESS and _NEEDS_TRUST.match(name):
            return next(who for pattern, who in NEEDS_TRUST.items() if fnmatchcase(name, pattern))
    return None


def find_repository(paths: Iterable[str]) -> str | None:
    """Folder that git would treat as a bare repository, though it is not called `.git`; empty for the top."""
    parts: dict[str, set[str]] = {}
    for path in paths:
        names = fold(path).split("/")
        for depth, name in enumerate(names):
            if name in _REPOSITORY_PARTS:
                folder = "/".join(names[:depth])
                found = parts.setdefault(folder, set())
                found.add(name)
                if any(found >= repository for repository in _REPOSITORIES):
                    return folder
    return None
