"""Compatibility: interfaces of earlier releases are kept, as docs/compatibility.md promises."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from compatibility.public_interface import public_interface

RELEASES = sorted(Path(__file__).parent.glob("*.txt"))
"""Written by `public_interface.py`, which says how."""


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
def test_nothing_that_a_release_offered_is_gone_or_changed(release: Path) -> None:
    gone = set(release.read_text().splitlines()) - set(public_interface())
    assert not gone, f"{release.stem} offered this; keep it, or deprecate it first: {sorted(gone)}"


def test_what_this_release_offers_is_kept_too() -> None:
    assert version("model-sharing") in [path.stem for path in RELEASES]
