"""The example of two regions, from its first command to its table of promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.processes.virtual_environments import ROOT

STORY = ROOT / "examples" / "two_regions" / "story.py"
PROMISES = (
    "The first load crosses once",
    "A colleague's load crosses 0 artifact bytes",
    "An alias moved at home is loaded abroad within 5 s",
    "A fine-tuned version crosses as what changed",
    "Nobody polls each model",
    "With the link cut, what was loaded before is loaded",
    "With the link back, it catches up by itself",
)


def test_the_story_is_as_promised(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(STORY)],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    table = done.stdout.rpartition("measured")[2]
    assert table.count("holds") == len(PROMISES)
    for promise in PROMISES:
        assert promise in table
