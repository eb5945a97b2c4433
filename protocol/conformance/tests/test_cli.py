"""The command line: what people and pipelines do with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from mutants import contents
from mutants.conformant_server import ConformantServer
from opensharing_conformance.cli import main
from opensharing_conformance.transport import Request


class Handler(BaseHTTPRequestHandler):
    """The conformant server, on a socket."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server_in_memory: ClassVar[ConformantServer]
    broken: ClassVar[bool]

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = contents.ENDPOINT + self.path.removeprefix("/delta-sharing")
        if self.path.startswith("/files"):
            url = contents.FILES + self.path.removeprefix("/files")
        response = self.server_in_memory.send(Request(self.command, url, dict(self.headers.items()), body))
        here = f"http://{self.headers['Host']}/files"
        answer = response.body.replace(contents.FILES.encode(), here.encode())
        self.send_response(500 if self.broken and self.path.endswith("all-models") else response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a profile and expectations for a server that runs."""
    monkeypatch.setattr(Handler, "server_in_memory", ConformantServer(), raising=False)
    monkeypatch.setattr(Handler, "broken", False, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def endpoint(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        endpoint = f"http://127.0.0.1:{server.server_port}/delta-sharing"
        (folder / "p.share").write_text(json.dumps(contents.profile(contents.TOKEN) | {"endpoint": endpoint}))
        expected = {**contents.expectations(), "activationLink": ""}
        (folder / "expect.json").write_text(json.dumps(expected))
        yield endpoint
        server.shutdown()
        thread.join()


def suite(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["--profile", "p.share", *arguments])


def test_a_conformant_server_passes_and_all_reports_say_so(endpoint: str, folder: Path) -> None:
    done = suite(
        *(
            "--expect",
            "expect.json",
            "--junit",
            "r.xml",
            "--tap",
            "r.tap",
            "--json",
            "r.json",
            "--html",
            "r.html",
        )
    )
    assert done.exit_code == 0, done.output
    assert "tables-url" in done.output
    report = json.loads((folder / "r.json").read_text())
    assert report["exitCode"] == 0
    assert report["counts"]["pass"] > 300
    assert "fail" not in report["counts"]
    cases = ElementTree.parse(folder / "r.xml").findall(".//testcase")
    assert len(cases) == len(report["results"])
    assert f"1..{len(cases)}" in (folder / "r.tap").read_text()
    page = (folder / "r.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "src=" not in page
    assert contents.TOKEN not in page


@pytest.mark.usefixtures("endpoint")
def test_a_failure_is_told_and_a_known_one_is_not_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handler, "broken", True)
    only = ("--expect", "expect.json", "--only", "OS-MODELS-00[12]")
    done = suite(*only)
    assert done.exit_code == 1
    assert "fail  OS-MODELS-001" in done.output
    (folder / "known").write_text("# Ours\nOS-MODELS-001  # answers 500, to be mended\n")
    assert suite(*only, "--known-failures", "known").exit_code == 0
    monkeypatch.setattr(Handler, "broken", False)
    done = suite(*only, "--known-failures", "known")
    assert done.exit_code == 1
    assert "unexpected pass OS-MODELS-001" in done.output


def test_what_is_selected_is_listed_without_a_server() -> None:
    listed = CliRunner().invoke(main, ["--list", "--only", "core", "--skip", "os-core-00*"])
    ids = [line.partition("\t")[0] for line in listed.output.splitlines()]
    assert ids[0] == "OS-CORE-010"
    assert all(identifier.startswith("OS-CORE-") for identifier in ids)


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "modles"], "'modles' is not an id"),
        (["--only", "core", "--skip", "core"], "No requirement is left"),
        (["--known-failures", "p.share"], "is not an id"),
        (["--expect", "p.share"], "known are activationLink"),
        (["--expect", "missing.json"], "does not exist"),
        (["--only", "OS-CORE-001", "--html", "no/such/folder.html"], "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], said: str) -> None:
    done = suite(*arguments)
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"bearerToken": "t"}', "no endpoint"),
        ('{"endpoint": "http://x"}', "no bearerToken"),
    ],
)
def test_a_profile_that_is_of_no_use_is_refused(folder: Path, profile: str, said: str) -> None:
    (folder / "p.share").write_text(profile)
    done = suite()
    assert done.exit_code == 2
    assert said in done.output


def test_a_profile_is_needed(folder: Path) -> None:
    done = CliRunner().invoke(main, [])
    assert done.exit_code == 2
    assert "--profile" in done.output
    assert list(folder.iterdir()) == []
