"""Metrics for Prometheus on a port of their own, since they name shares and recipients.

With several workers their parent answers for all of them, from what each keeps in files.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import REGISTRY, CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from model_sharing_protocol.errors import InvalidParameter, PortInUse
from model_sharing_provider.first_start import Announce
from model_sharing_provider.settings import Settings

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus-client's processes that are told so keep their numbers."""


@contextmanager
def served_metrics(settings: Settings, announce: Announce) -> Iterator[None]:
    """Answer until the block ends, if there is a port to answer at. Raises PortInUse, InvalidParameter."""
    if settings.metrics_port is None:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="model-sharing-metrics-") as folder:
        registry = REGISTRY
        if settings.workers > 1:
            os.environ[_FOLDER] = folder
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        try:
            server, thread = start_http_server(settings.metrics_port, settings.metrics_host, registry)
        except OSError as error:
            where = f"{settings.metrics_host}:{settings.metrics_port}"
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(f"{where} is taken; choose another with --metrics-port.") from error
            raise InvalidParameter(f"Cannot listen on {where}: {error.strerror or error}.") from error
        announce(f"Metrics on http://{settings.metrics_host}:{server.server_port}/metrics")
        try:
            yield
        finally:
            os.environ.pop(_FOLDER, None)
            server.shutdown()
            server.server_close()
            thread.join()


def forget_worker(pid: int) -> None:
    """Leave a worker that has ended out of what is counted of those that live."""
    if _FOLDER in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
