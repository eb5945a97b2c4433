"""Request log: for machines in JSON, for people short; never a secret."""

from __future__ import annotations

import io
import json
import re
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.domain.secrets import new_token
from model_sharing_provider.serving.logs import set_up_logging
from model_sharing_provider.telemetry.log import log
from support.model_folder import write_model
from support.processes.provider import SHARE, ProviderProcess, share_model

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class Served:
    """A provider's process, and the lines that it writes."""

    def __init__(self, process: ProviderProcess, token: str) -> None:
        self._process = process
        self.token = token

    def ask(
        self, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, bytes, dict[str, Any]]:
        """Status and body of the answer, and the line that was written of the request."""
        url = path if path.startswith("http") else self._process.url + path
        request = urllib.request.Request(url, body, {"Authorization": f"Bearer {self.token}"})
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, content, request_id = answer.status, answer.read(), answer.headers["X-Request-Id"]
        except urllib.error.HTTPError as error:
            with error:
                status, content, request_id = error.code, error.read(), error.headers["X-Request-Id"]
        return status, content, self.line_of(request_id)

    def line_of(self, request_id: str) -> dict[str, Any]:
        """Of a request that was answered just now: its line comes after its last byte."""
        while True:
            lines = [json.loads(line) for line in self.said.splitlines() if f'"{request_id}"' in line]
            found: list[dict[str, Any]] = [line for line in lines if line["event"] == "request"]
            if found or not request_id:
                return found[0]

    @property
    def url(self) -> str:
        return self._process.url

    @property
    def said(self) -> str:
        return self._process.said


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("acme")
    token = share_model(folder / "home", write_model(folder / "m", {"big": b"x" * 3_000_000}))
    level = {"MODEL_SHARING_PROVIDER_LOG": "info"}
    with ProviderProcess(folder / "home", environment=level, log=folder / "log") as process:
        yield Served(process, token)


def test_a_line_says_share_recipient_and_bytes(served: Served) -> None:
    status, body, line = served.ask(f"{PREFIX}/shares/{SHARE}")
    assert status == 200
    assert (line["share"], line["recipient"], line["principal"]) == (SHARE, "globex", "globex")
    assert (line["bytes"], line["status"], line["level"]) == (len(body), 200, "info")
    assert "error" not in line


def test_a_file_that_is_streamed_counts_its_bytes_and_names_whose_url_it_is(served: Served) -> None:
    query = f"{PREFIX}/shares/{SHARE}/schemas/ml_team/models/scorer/versions/1/query"
    _, body, line = served.ask(query, body=b"{}")
    assert line["received_bytes"] == 2
    (url,) = [
        file["url"]
        for each in body.splitlines()
        if (file := json.loads(each).get("file")) and file["path"] == "big"
    ]
    status, _, line = served.ask(url)
    assert status == 200
    assert (line["share"], line["recipient"], line["bytes"]) == (SHARE, "globex", 3_000_000)
    assert line["route"] == "/artifacts/versions/{version}/{sha256}"
    _, _, line = served.ask(url, {"Range": "bytes=0-9"})
    assert (line["status"], line["bytes"]) == (206, 10)
    assert url.partition("signature=")[2] not in served.said


@pytest.mark.parametrize(
    ("path", "token", "status", "error"),
    [
        (f"{PREFIX}/shares/secret", None, 404, "RESOURCE_DOES_NOT_EXIST"),
        (f"{PREFIX}/shares/{SHARE}", "wrong", 401, "UNAUTHENTICATED"),
        ("/artifacts/versions/1/2?signature=x", None, 403, "PERMISSION_DENIED"),
        ("/api/2.1/unity-catalog/catalogs", "wrong", 401, "UNAUTHENTICATED"),
        ("/nowhere", None, 404, "RESOURCE_DOES_NOT_EXIST"),
    ],
)
def test_a_failure_has_the_code_that_was_answered(
    served: Served, path: str, token: str | None, status: int, error: str
) -> None:
    answered, body, line = served.ask(path, {"Authorization": f"Bearer {token}"} if token else {})
    assert (answered, line["status"], line["error"]) == (status, status, error)
    assert error.encode() in body


def test_nothing_of_the_request_before_is_said_on_the_same_connection(served: Served) -> None:
    served.ask(f"{PREFIX}/shares/{SHARE}", {"Connection": "keep-alive"})
    _, _, line = served.ask("/nowhere")
    assert {"share", "recipient", "principal", "trace_id"}.isdisjoint(line)


def test_what_is_no_request_is_not_said_of_the_one_before(served: Served) -> None:
    url = urlsplit(served.url)
    good = f"GET {PREFIX}/shares/{SHARE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.token}\r\n\r\n"
    with socket.create_connection((url.hostname or "", url.port or 0)) as connection:
        connection.settimeout(60)
        connection.sendall(good.encode())
        assert connection.recv(9) == b"HTTP/1.1 "
        connection.sendall(b"GET / HTTP/1.1\r\nno header\r\n\r\n")
        while connection.recv(65536):
            pass
    (line,) = [json.loads(each) for each in served.said.splitlines() if '"malformed requests"' in each]
    assert {"request_id", "share", "recipient"}.isdisjoint(line)


@pytest.mark.parametrize("typed", [str, str.lower, str.upper])
def test_a_token_that_is_taken_for_a_name_is_not_logged(served: Served, typed: Any) -> None:
    token = new_token()
    status, _, line = served.ask(f"{PREFIX}/shares/{typed(token)}")
    assert (status, line["recipient"]) == (404, "globex")
    assert token.lower() not in served.said.lower()


def test_the_callers_trace_is_in_the_line(served: Served) -> None:
    assert served.ask("/nowhere", {"traceparent": TRACEPARENT})[2]["trace_id"] == TRACE
    later_version = f"01-{TRACE}-00f067aa0ba902b7-01-what-comes-later"
    assert served.ask("/nowhere", {"traceparent": later_version})[2]["trace_id"] == TRACE


@pytest.mark.parametrize(
    "given",
    [
        "",
        "x",
        TRACEPARENT.upper(),
        f"ff{TRACEPARENT[2:]}",
        TRACEPARENT.replace(TRACE, "0" * 32),
        TRACEPARENT.replace("00f067aa0ba902b7", "0" * 16),
        f"{TRACEPARENT}x",
        f"x{TRACEPARENT}",
        "msh_secret",
    ],
)
def test_what_is_no_trace_is_left_out(served: Served, given: str) -> None:
    assert "trace_id" not in served.ask("/nowhere", {"traceparent": given})[2]


def test_probes_that_go_well_are_for_debugging(served: Served) -> None:
    for path in ("/health", "/ready"):
        with urllib.request.urlopen(served.url + path, timeout=60) as answer:
            assert answer.status == 200
            probed = answer.headers["X-Request-Id"]
    served.ask("/nowhere")
    assert probed not in served.said


def lines_of(monkeypatch: pytest.MonkeyPatch, form: str, *, terminal: bool) -> str:
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    set_up_logging("info", form)
    common = {"method": "GET", "route": "/ready", "milliseconds": 1.5, "address": "192.0.2.1"}
    log.info("request", **common, status=200, request_id="a" * 32, principal="globex", recipient="globex")
    log.warning("request", **common, status=503, request_id="b" * 32, error="INTERNAL_ERROR")
    return screen.getvalue()


@pytest.mark.parametrize(("form", "terminal"), [("auto", False), ("json", True), ("json", False)])
def test_lines_for_machines_are_json(monkeypatch: pytest.MonkeyPatch, form: str, terminal: bool) -> None:
    good, bad = map(json.loads, lines_of(monkeypatch, form, terminal=terminal).splitlines())
    assert (good["event"], good["status"], good["request_id"]) == ("request", 200, "a" * 32)
    assert bad["error"] == "INTERNAL_ERROR"
    assert good["timestamp"].endswith("Z")


@pytest.mark.parametrize(("form", "terminal"), [("auto", True), ("console", True), ("console", False)])
@pytest.mark.parametrize("no_color", ["", "1"])
def test_lines_for_people_are_short(
    monkeypatch: pytest.MonkeyPatch, form: str, terminal: bool, no_color: str
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    said = lines_of(monkeypatch, form, terminal=terminal)
    assert ("\x1b[" in said) == (terminal and not no_color)
    good, bad = re.sub(r"\x1b\[[\d;]*m", "", said).splitlines()
    assert "200 GET /ready 1.5 ms" in good
    assert "recipient=globex" in good
    assert "principal" not in good
    assert "a" * 32 not in good, "nobody looks further"
    assert "b" * 32 in bad
    assert len(good) < 110
