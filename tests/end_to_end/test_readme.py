"""The README, run as it is written; `soak` has the tutorial, the demo and the longest guide."""

from __future__ import annotations

import sys
from pathlib import Path

from support.documented_commands import Reader, follow

BIN = Path(sys.executable).parent


def test_the_readme_works_as_printed(tmp_path: Path) -> None:
    follow(Reader(tmp_path / "acme", BIN), Reader(tmp_path / "globex", BIN))
