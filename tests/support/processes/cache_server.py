"""`model-sharing serve-cache` in a process of its own, over the mounts of a home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROGRAM = "from model_sharing.cli import main; main()"


@contextmanager
def running_cache_server(home: Path, log: Path, *options: str) -> Iterator[str]:
    """Its address, for `HF_ENDPOINT`, until the block ends; what it says goes to `log`."""
    command = [sys.executable, "-c", _PROGRAM, "serve-cache", "--port", "0", "--output", "json", *options]
    environment = {**os.environ, "MODEL_SHARING_HOME": str(home)}
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors) as server,
    ):
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            assert line, log.read_text()
            yield json.loads(line)["endpoint"]
        finally:
            server.terminate()
