"""The default port, which tests share with all else on this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from model_sharing_provider.configuration.settings import Settings


@contextmanager
def default_port() -> Iterator[int]:
    """The port that a provider serves on unless told otherwise, for one test at a time."""
    with FileLock(Path(tempfile.gettempdir()) / "model-sharing-default-port.lock"):
        yield Settings().port
