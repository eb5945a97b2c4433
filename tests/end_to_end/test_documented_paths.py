"""Paths of code that documentation names: each exists, and the architecture page has every folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.processes.virtual_environments import ROOT

PROTOCOL, RECIPIENT, PROVIDER = (
    ROOT / "protocol" / "model_sharing_protocol",
    ROOT / "recipient" / "model_sharing",
    ROOT / "provider" / "model_sharing_provider",
)
ARCHITECTURE = ROOT / "docs" / "architecture.md"
BESIDE = (ROOT, PROTOCOL, PROTOCOL.parent, RECIPIENT, PROVIDER)
"""Where a path may start that a page gives."""
NAMED_PATH = re.compile(r"`([a-z_]+(?:/[a-z_]+)*(?:/|\.py))`")
DEEP = (PROVIDER / "services", PROVIDER / "metastore")
"""Packages whose own folders have a line each, too."""


def exists(path: str) -> bool:
    return any((root / path).exists() for root in BESIDE)


@pytest.mark.parametrize("page", [ARCHITECTURE, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    named = NAMED_PATH.findall(page.read_text())
    assert named
    assert [path for path in named if not exists(path)] == []


def test_every_folder_of_the_packages_is_in_the_architecture_page() -> None:
    page = ARCHITECTURE.read_text()
    folders = [
        folder.parent.relative_to(package).as_posix() + "/"
        for package in (PROTOCOL, RECIPIENT, PROVIDER)
        for parent in (package, *(deep for deep in DEEP if deep.is_relative_to(package)))
        for folder in parent.glob("*/__init__.py")
    ]
    assert len(folders) > len(DEEP)
    assert [folder for folder in folders if f"`{folder}`" not in page] == []
