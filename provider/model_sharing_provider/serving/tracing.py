"""Traces of a server process, by OpenTelemetry's own settings: none unless `OTEL_*` variables ask."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

import structlog

from model_sharing_provider.http.requests import RequestTracer
from model_sharing_provider.telemetry.reports import listen, stop_listening

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_OTLP = "otlp"
_SENT_WITHIN_SECONDS = 3.0

_log = structlog.get_logger("model_sharing_provider")


def asked_for() -> bool:
    """True if the environment names a collector, or asks for the exporter to the one on this machine."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if exporter := os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower():
        return exporter == _OTLP
    return any(os.environ.get(name) for name in _ENDPOINTS)


@asynccontextmanager
async def traces() -> AsyncIterator[RequestTracer | None]:
    """Trace requests until the block ends, and send what is left; None if nobody asked.

    Without the packages it takes, a server goes on without traces, and says so: the variables may be there
    for all that runs on a machine.
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
        _log.warning("no traces", reason="install them with: pip install 'model-sharing[provider,otel]'")
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
    """Wait so long for the work, and no longer: a collector that is away is asked again for half a minute."""
    doing = threading.Thread(target=work, daemon=True)
    doing.start()
    doing.join(seconds)
