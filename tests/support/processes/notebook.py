"""A notebook: a Python process of its own that runs cells of code one after another."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_KERNEL = """
import io, json, sys, traceback
answers, names = sys.stdout, {"__name__": "__main__"}
for line in sys.stdin:
    sys.stdout = printed = io.StringIO()
    try:
        exec(compile(json.loads(line), "<cell>", "exec"), names)
        answer = {"printed": printed.getvalue()}
    except BaseException as error:
        answer = {"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}
    answers.write(json.dumps(answer) + "\\n")
    answers.flush()
"""


class CellFailed(Exception):
    """Error that a cell raised, in one line; the trace is in the notes."""


class Notebook:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, cell: str) -> str:
        """Run a cell; what it printed. Raises CellFailed with what it raised."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(cell) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            failure = CellFailed(answer["error"])
            failure.add_note(answer["trace"])
            raise failure
        return str(answer["printed"])

    def value(self, expression: str) -> Any:
        """Value of an expression in the notebook, by way of JSON."""
        return json.loads(self.run(f"import json; print(json.dumps({expression}))"))


@contextlib.contextmanager
def notebook(folder: Path, environment: Mapping[str, str]) -> Iterator[Notebook]:
    """A notebook that works in `folder` with these environment variables; it ends with the block."""
    with (folder / "notebook.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _KERNEL],
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield Notebook(process)
    finally:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.wait(30)
        process.stdout.close()
