"""Lines of the provider's log, as the values that they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict

from model_sharing_provider.serving.log_lines import set_up_lines, with_bound_values
from model_sharing_provider.telemetry.log import log


@contextmanager
def captured_lines() -> Iterator[list[EventDict]]:
    """Capture what this process logs meanwhile, with what is bound to it."""
    log.open()  # its first line would set it up anew
    with capture_logs([with_bound_values]) as lines:
        yield lines


@contextmanager
def written_lines() -> Iterator[None]:
    """Write what this process logs meanwhile as a server does: as JSON, on standard error."""
    log.open()  # its first line would set it up anew
    before = structlog.get_config()
    set_up_lines("info", for_people=False)
    try:
        yield
    finally:
        structlog.configure(**before)
