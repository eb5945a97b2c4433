"""Traces: a request's span in its caller's trace, what it waited for below; no secret; none unless asked."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.http.requests import TRACER
from model_sharing_provider.http.tracing import MOST_STEPS, RequestTracing
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.serving.tracing import asked_for, traces
from model_sharing_provider.telemetry.reports import Measured, Report, listen, stop_listening
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.processes.provider import SHARE, ProviderProcess, share_model
from support.processes.servers import free_port

pytestmark = pytest.mark.each_database

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
NAME = "prod.ml_team.scorer"
QUERY = f"{PREFIX}/shares/{SHARE}/schemas/ml_team/models/scorer/versions/1/query"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Iterator[RequestTracing]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    made = RequestTracing(provider.get_tracer("test"))
    listen(made.add_step)
    yield made
    stop_listening(made.add_step)


@pytest.fixture
async def server(
    provider: ProviderServices, tracing: RequestTracing, aiohttp_server: AiohttpServer
) -> TestServer:
    provider.wire_all()
    app = make_app(provider)
    app[TRACER] = tracing
    return await aiohttp_server(app)


async def token_of_globex(admin: AdminClient, folder: Path) -> str:
    await admin.register(write_model(folder, {"big": b"x" * 3_000_000}), NAME)
    return (await admin.activate(await admin.share(SHARE, "globex", NAME), "http://x")).bearer_token


def of_request(exporter: InMemorySpanExporter) -> ReadableSpan:
    (span,) = [span for span in exporter.get_finished_spans() if span.kind is SpanKind.SERVER]
    return span


async def test_a_request_is_in_its_callers_trace_with_what_it_waited_for(
    admin: AdminClient, server: TestServer, tmp_path: Path, exporter: InMemorySpanExporter
) -> None:
    headers = {"Authorization": f"Bearer {await token_of_globex(admin, tmp_path / 'm')}", **TRACEPARENT}
    exporter.clear()
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(server.make_url(QUERY), json={}) as answer:
            url = json.loads((await answer.read()).splitlines()[2])["file"]["url"]
            request_id = answer.headers["X-Request-Id"]
        span = of_request(exporter)
        assert span.parent is not None
        assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, CALLER)
        route = "/delta-sharing/shares/{share}/schemas/{schema}/models/{model}/versions/{version}/query"
        assert span.name == f"POST {route}"
        assert span.attributes is not None
        told = {
            "http.response.status_code": 200,
            "http.route": route,
            "model_sharing.share": SHARE,
            "model_sharing.recipient": "globex",
            "model_sharing.request_id": request_id,
        }
        assert told.items() <= span.attributes.items()
        below = [each for each in exporter.get_finished_spans() if each is not span]
        assert {"database read", "database wait audit"} <= {each.name for each in below}
        for each in below:
            assert each.parent is not None
            assert each.parent.span_id == span.context.span_id
            assert each.start_time is not None
            assert span.start_time is not None
            assert each.start_time >= span.start_time - 1_000_000

        exporter.clear()
        async with session.get(url) as answer:
            assert answer.status == 200
    names = {span.name for span in exporter.get_finished_spans()}
    assert "artifact store local read" in names, "also where it is streamed, in a task of its own"


async def test_spans_hold_no_secret(
    admin: AdminClient, server: TestServer, tmp_path: Path, exporter: InMemorySpanExporter
) -> None:
    token = await token_of_globex(admin, tmp_path / "m")
    secret = "SECRET0123456789"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        for path in (
            f"/api/2.1/unity-catalog/public/data_sharing_activation/{secret}",
            f"/artifacts/versions/1/2?signature={secret}",
            f"{PREFIX}/shares/{token}",
            f"{PREFIX}/shares/x?pageToken={secret}",
            f"/nowhere/{secret}",
        ):
            async with session.get(server.make_url(path), headers={"tracestate": "a=b"}) as answer:
                assert answer.status >= 400
    said = "".join(span.to_json() for span in exporter.get_finished_spans())
    assert said.count('"kind": "SpanKind.SERVER"') == 5
    assert secret not in said
    assert token not in said


async def test_what_failed_here_is_an_error_and_what_was_refused_is_none(
    server: TestServer, provider_home: Path, exporter: InMemorySpanExporter
) -> None:
    (provider_home / "artifacts").rename(provider_home / "unmounted")
    async with aiohttp.ClientSession() as session:
        for path, status, code in (
            ("/ready", 503, StatusCode.ERROR),
            (f"{PREFIX}/shares", 401, StatusCode.UNSET),
        ):
            exporter.clear()
            async with session.get(server.make_url(path)) as answer:
                assert answer.status == status
            assert of_request(exporter).status.status_code is code


async def test_one_request_has_so_many_spans_at_most(
    tracing: RequestTracing,
    aiohttp_server: AiohttpServer,
    provider: ProviderServices,
    exporter: InMemorySpanExporter,
) -> None:
    app = make_app(provider)
    app[TRACER] = tracing

    async def reads_much(_request: Any) -> Any:
        for _ in range(10 * MOST_STEPS):
            tracing.add_step(Report(Measured.ARTIFACT_STORE, 0.001, {"kind": "s3", "operation": "read"}))
        return aiohttp.web.Response()

    app.router.add_get("/reads-much", reads_much)
    server = await aiohttp_server(app)
    async with aiohttp.ClientSession() as session, session.get(server.make_url("/reads-much")) as answer:
        assert answer.status == 200
    assert len(exporter.get_finished_spans()) == MOST_STEPS + 1
    tracing.add_step(Report(Measured.DATABASE, 0.1, {"kind": "read"}))
    assert len(exporter.get_finished_spans()) == MOST_STEPS + 1, "outside of requests there are none"


class Collector:
    """A receiver of OTLP over HTTP, on this machine."""

    def __enter__(self) -> Collector:
        received: list[ExportTraceServiceRequest] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.received = received
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"


def stopped(process: ProviderProcess) -> float:
    """Seconds that it took to stop in order."""
    began = time.monotonic()
    process.process.send_signal(signal.SIGTERM)
    assert process.process.wait(60) == 0
    return time.monotonic() - began


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_collector_receives_what_a_served_process_traces(tmp_path: Path, workers: str) -> None:
    token = share_model(tmp_path / "home", write_model(tmp_path / "m"))
    with Collector() as collector:
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_RESOURCE_ATTRIBUTES": "region=eu"}
        options = ("--workers", workers)
        with ProviderProcess(
            tmp_path / "home", options=options, environment=told, log=tmp_path / "log"
        ) as process:
            url = f"{process.url}{PREFIX}/shares/{SHARE}"
            headers = {"Authorization": f"Bearer {token}", **TRACEPARENT}
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
                assert answer.status == 200
            stopped(process)
        assert f'"trace_id": "{TRACE}"' in process.said
    resources = [each for request in collector.received for each in request.resource_spans]
    spans = [span for each in resources for scope in each.scope_spans for span in scope.spans]
    (ours,) = [span for span in spans if span.name == f"GET {PREFIX}/shares/{{share}}"]
    assert (ours.trace_id.hex(), ours.parent_span_id.hex()) == (TRACE, CALLER)
    of_process = {each.key: each.value.string_value for each in resources[0].resource.attributes}
    assert {"service.name": "model-sharing-provider", "region": "eu"}.items() <= of_process.items()
    assert token not in str(collector.received)


def test_a_collector_that_is_away_holds_nobody_up(tmp_path: Path) -> None:
    away = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    with ProviderProcess(tmp_path / "home", environment=away, log=tmp_path / "log") as process:
        with urllib.request.urlopen(f"{process.url}/ready", timeout=60) as answer:
            assert answer.status == 200
        # Left to itself, the exporter tries again for longer than this.
        assert stopped(process) < 6.5
    assert "Traceback" not in process.said


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, False),
        ({"OTEL_SERVICE_NAME": "models"}, False),
    ],
)
def test_there_are_none_unless_the_environment_asks(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], asked: bool
) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert asked_for() is asked


async def test_without_the_packages_a_server_goes_on_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    async with traces() as tracer:
        assert tracer is None
    shown = capsys.readouterr()
    assert "model-sharing[provider,otel]" in shown.out + shown.err


def test_a_server_without_traces_imports_nothing_of_it() -> None:
    program = (
        "import sys, model_sharing_provider.cli.serve, model_sharing.transport.trace_context;"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
