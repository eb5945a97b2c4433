"""The example of a shared language model, run as it is written, with the newest stock client of the Hub."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.hugging_face_hub import NEWEST
from support.processes.virtual_environments import ROOT, virtual_environment


def test_the_example_tells_the_whole_story(tmp_path: Path) -> None:
    example = ROOT / "examples" / "share_an_llm.py"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", example, "--python", virtual_environment(NEWEST)],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout
    for moment in (
        "Registered prod.llm.tiny version 2",
        "has terms that are not accepted",
        "Mounted acme_share",
        "huggingface",
        "/snapshots/",
        "hf download llm/tiny",
        "prod.llm.tiny@Champion is now version 2",
        "hf download vendor.llm/tiny",
        "not granted to you",
        "DENIED",
    ):
        assert moment in told, told
        told = told.split(moment, 1)[1]
