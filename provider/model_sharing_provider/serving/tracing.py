"""Tracing of a server process by OpenTelemetry, if `OTEL_*` variables configure it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

from model_sharing_provider.http.requests import RequestTracer
from model_sharing_provider.telemetry.log import log
from model_sharing_provider.telemetry.reports import listen, stop_listening

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_OTLP = "otlp"
_SENT_WITHIN_SECONDS = 3.0


def asked_for() -> bool:
    """True if the environment names a collector, or requests the default exporter."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if exporter := os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower():
        return exporter == _OTLP
    return any(os.environ.get(name) for name in _ENDPOINTS)


@asynccontextmanager
async def traces() -> AsyncIterator[RequestTracer | None]:
    """Trace requests until the block ends, then send the remaining spans; None if not configured.

    Without the required packages, a server runs without traces and logs a warning: the variables may be set
    for all processes of a machine.
    """
    if not asked_for():
        yield None
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        from model_sharing_provider.http.tracing import RequestTracing  # noqa: PLC0415
    except ImportError:
        log.warning("no traces", reason="install them with: pip install 'model-sharing[provider,otel]'")
        yield None
        return
    release = version("model-sharing")
    name = os.environ.get("OTEL_SERVICE_NAME") or "model-sharing-provider"
    resource = Resource.create({"service.name": name, "service.version": release})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracing = RequestTracing(provider.get_tracer("model_sharing_provider", release))
    listen(tracing.add_step)
    try:
        yield tracing
    finally:
        stop_listening(tracing.add_step)
        await asyncio.to_thread(_within, _SENT_WITHIN_SECONDS, provider.shutdown)


def _within(seconds: float, work: Callable[[], None]) -> None:
    """Wait at most some seconds for the work: an unavailable collector is retried for half a minute."""
    doing = threading.Thread(target=work, daemon=True)
    doing.start()
    doing.join(seconds)
