"""The demo, run as it is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.processes.virtual_environments import ROOT


def test_the_demo_tells_the_whole_story(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(ROOT / "examples" / "demo.py")],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout
    for moment in (
        "Registered prod.ml_team.iris_model version 2",
        "This activation link was used before",
        "champion:  version 1",
        "prod.ml_team.iris_model@Champion is now version 2",
        "champion:  version 2",
        "not granted to you",
        "DENIED",
    ):
        assert moment in told
        told = told.split(moment, 1)[1]
