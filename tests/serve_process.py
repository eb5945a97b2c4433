"""`model-sharing-provider serve` as a process of its own: stories of several servers, and of their ends."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAM = str(Path(sys.executable).parent / "model-sharing-provider")
_SERVING = re.compile(r"Serving shares on (http\S+)/delta-sharing ")


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: its URL, and the file that it writes all it says to."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text()


@contextmanager
def served(
    home: Path, log: Path, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """Serve a home at a free port until the block ends; what is left then is killed."""
    variables = {
        "MODEL_SHARING_PROVIDER_HOME": str(home),
        "MODEL_SHARING_LOG": "debug",
        **(environment or {}),
    }
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [PROGRAM, "serve", "--port", "0", *options],
            env={**os.environ, **variables},
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            while not (found := _SERVING.search(log.read_text())):
                assert process.poll() is None, log.read_text()
                time.sleep(0.05)
            yield Served(found[1], process, log)
        finally:
            process.kill()
