"""The trace that a program loads a model in is named to the provider's endpoint, and nobody else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import model_sharing
from model_sharing.transport.trace_context import trace_headers
from support.cached_versions import NAME, files_of
from support.fake_provider.server import FakeProvider


@pytest.fixture
def loaded(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeProvider:
    fake_provider.publish(NAME, 1, files_of(1), "V-1")
    fake_provider.requests.clear()
    return fake_provider


def test_the_endpoint_learns_of_the_current_span_and_addresses_of_files_do_not(
    loaded: FakeProvider, tmp_path: Path
) -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    expected: dict[str, str] = {}
    with tracer.start_as_current_span("load"):
        TraceContextTextMapPropagator().inject(expected)
        model_sharing.download(f"models:/vendor.{NAME}/1", tmp_path / "model")
    to_endpoint = [request for request in loaded.requests if "Authorization" in request.headers]
    to_files = [request for request in loaded.requests if "Authorization" not in request.headers]
    assert {request.headers.get("traceparent") for request in to_endpoint} == set(expected.values())
    assert to_files
    assert not [request for request in to_files if "traceparent" in request.headers]


def test_without_a_span_nothing_is_sent(loaded: FakeProvider, tmp_path: Path) -> None:
    model_sharing.download(f"models:/vendor.{NAME}/1", tmp_path / "model")
    assert loaded.requests
    assert not [request for request in loaded.requests if "traceparent" in request.headers]


def test_a_program_without_opentelemetry_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.trace", raising=False)
    assert trace_headers() == {}
