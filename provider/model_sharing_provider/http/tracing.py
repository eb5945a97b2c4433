"""OpenTelemetry traces: a span for each request, with a child span for each step that it waits for.

Imported only if traces are configured. No span has a path, a query or the text of an exception, since they
may hold names, activation codes and signatures.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from aiohttp import web
from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from model_sharing_provider.http.forwarded_headers import client_address
from model_sharing_provider.http.metrics import known_method, route_of
from model_sharing_provider.http.requests import REQUEST_ID
from model_sharing_provider.telemetry.log import bind, bound
from model_sharing_provider.telemetry.reports import Measured, Report

MOST_STEPS = 200
"""Limit of child spans of one request: a large file takes thousands of reads."""

_TRACE_HEADERS = ("traceparent", "tracestate")
_BOUND_NAMES = ("share", "recipient")
_PROPAGATOR = TraceContextTextMapPropagator()
_CALLS = {Measured.DATABASE, Measured.DATABASE_WAIT, Measured.ARTIFACT_STORE, Measured.FINALIZE}


@dataclass(slots=True)
class _Steps:
    """Count of the child spans of a request."""

    count: int = 0


_steps: ContextVar[_Steps] = ContextVar("steps")


class RequestTracing:
    """Spans of requests and of their steps, by one tracer."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(self, request: web.Request) -> Callable[[int], None]:
        """Begin a request's span, in its caller's trace if it names one; the returned function ends it."""
        headers = {name: request.headers[name] for name in _TRACE_HEADERS if name in request.headers}
        method, route = known_method(request), route_of(request)
        span = self._tracer.start_span(
            f"{method} {route}",
            _PROPAGATOR.extract(headers),
            SpanKind.SERVER,
            {
                "http.request.method": method,
                "http.route": route,
                "url.scheme": request.scheme,
                "client.address": client_address(request),
                "model_sharing.request_id": request[REQUEST_ID],
            },
        )
        token = attach(trace.set_span_in_context(span))
        _steps.set(_Steps())
        bind(trace_id=f"{span.get_span_context().trace_id:032x}")

        def end(status: int) -> None:
            span.set_attribute("http.response.status_code", status)
            named = bound()
            span.set_attributes(
                {f"model_sharing.{name}": named[name] for name in _BOUND_NAMES if name in named}
            )
            if status >= web.HTTPInternalServerError.status_code:
                span.set_status(StatusCode.ERROR)
            detach(token)
            span.end()

        return end

    def add_step(self, report: Report) -> None:
        """Add a report of a lower layer as a child span of its request, if there is one."""
        parent, steps = trace.get_current_span(), _steps.get(None)
        if report.measured not in _CALLS or steps is None or not parent.is_recording():
            return
        steps.count += 1
        if steps.count > MOST_STEPS:
            return
        ended = time.time_ns()
        words = (report.labels[name] for name in ("kind", "operation") if name in report.labels)
        span = self._tracer.start_span(
            " ".join([report.measured, *words]),
            kind=SpanKind.INTERNAL if report.measured is Measured.FINALIZE else SpanKind.CLIENT,
            start_time=ended - int(report.amount * 1e9),
        )
        if report.error:
            span.set_attribute("error.type", report.error)
            span.set_status(StatusCode.ERROR)
        span.end(ended)
