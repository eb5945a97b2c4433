"""Lines of the provider's log, as the values that they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from structlog.testing import capture_logs
from structlog.typing import EventDict

from model_sharing_provider.serving.log_lines import with_bound_values
from model_sharing_provider.telemetry.log import log


@contextmanager
def captured_lines() -> Iterator[list[EventDict]]:
    """Capture what this process logs meanwhile, with what is bound to it."""
    log.open()  # its first line would set it up anew
    with capture_logs([with_bound_values]) as lines:
        yield lines
