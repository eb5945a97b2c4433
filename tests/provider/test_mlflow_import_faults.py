"""An MLflow server that is hostile, broken or guarded: nothing wrong is brought, and the report says why."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_protocol.errors import (
    InvalidParameter,
    InvalidState,
    NotASharingServer,
    NotFound,
    ServerUnreachable,
    SharingError,
    Unauthenticated,
)
from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.limits import MAX_COMMENT, size_of
from model_sharing_provider.domain.locations import parse_location
from model_sharing_provider.mlflow_import.client import open_client
from model_sharing_provider.mlflow_import.registry import RegistryImport, name_in, only_import
from model_sharing_provider.mlflow_import.report import ImportOutcome, Outcome
from model_sharing_provider.services.provider_services import ProviderServices
from support.admin_client import AdminClient
from support.files import random_bytes
from support.model_folder import MLMODEL, write_model
from support.network.tinyproxy import running_tinyproxy
from support.provider_cli import CliRunner

SCHEMA = SchemaName("prod", "m")
TARGET = FullName("prod", "m", "scorer")
ROOT = "mlflow-artifacts:/1/m"
FILES = {"MLmodel": MLMODEL.encode(), "model.pkl": b"weights"}


@dataclass
class Upstream:
    """Answers of a stub of an MLflow server: one model, whose versions lie at these URIs."""

    uris: list[str] = field(default_factory=lambda: [ROOT])
    files: dict[str, bytes] = field(default_factory=lambda: dict(FILES))
    listed: dict[str, Any] = field(default_factory=dict)
    name: str = "scorer"
    description: str = ""
    run_id: str = ""
    status: int = 200
    cuts: int = 0
    cut_at: int = 3
    headers: list[dict[str, str]] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/api/2.0/mlflow/registered-models/get", self.model)
        app.router.add_get("/api/2.0/mlflow/registered-models/search", self.models)
        app.router.add_get("/api/2.0/mlflow/model-versions/search", self.versions)
        app.router.add_get("/api/2.0/mlflow/model-versions/get-download-uri", self.uri)
        app.router.add_get("/api/2.0/mlflow-artifacts/artifacts", self.folder)
        app.router.add_get("/api/2.0/mlflow-artifacts/artifacts/1/m/{path:.*}", self.file)
        return app

    async def model(self, request: web.Request) -> web.Response:
        self.headers.append(dict(request.headers))
        if self.status in (301, 302, 307):
            return web.Response(status=self.status, headers={"Location": "http://127.0.0.1:9/"})
        if self.status != 200:
            return web.Response(status=self.status, text="<html>no</html>")
        model = {"name": self.name, "description": self.description}
        return web.json_response({"registered_model": model})

    async def models(self, _: web.Request) -> web.Response:
        return web.json_response({"registered_models": [{"name": self.name}]})

    async def versions(self, _: web.Request) -> web.Response:
        numbers = range(1, len(self.uris) + 1)
        said = {"name": self.name, "source": "s", "description": self.description, "run_id": self.run_id}
        found = [{**said, "version": str(number)} for number in numbers]
        return web.json_response({"model_versions": found[::-1]})

    async def uri(self, request: web.Request) -> web.Response:
        return web.json_response({"artifact_uri": self.uris[int(request.query["version"]) - 1]})

    async def folder(self, _: web.Request) -> web.Response:
        sizes = {path: len(content) for path, content in self.files.items()} | self.listed
        entries = [{"path": path, "is_dir": False, "file_size": size} for path, size in sizes.items()]
        return web.json_response({"files": entries})

    async def file(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        self.fetched.append(path)
        content = self.files[path]
        if self.cuts and path != "MLmodel" and len(content) > self.cut_at:
            self.cuts -= 1
            response = web.StreamResponse(headers={"Content-Length": str(len(content))})
            await response.prepare(request)
            await response.write(content[: self.cut_at])
            assert request.transport is not None
            request.transport.abort()
            return response
        return web.Response(body=content)


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.usefixtures("no_proxies")
async def test_the_server_is_asked_through_the_proxy_of_the_environment(
    aiohttp_server: AiohttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await aiohttp_server(Upstream().app())
    with running_tinyproxy(tmp_path) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
        async with open_client(str(server.make_url("")).rstrip("/")) as client:
            assert [model.name for model in await client.models()] == ["scorer"]
            async with client.file("1/m/model.pkl") as pieces:
                assert b"".join([piece async for piece in pieces]) == b"weights"
        assert len(proxy.asked) == 2


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
async def provider(provider_home: Path, lake: Path) -> AsyncIterator[ProviderServices]:
    allowed = (parse_location(lake.as_uri()),)
    async with open_provider(Settings(provider_home, external_locations=allowed)) as opened:
        context = AdminClient.of(opened).context
        await opened.catalogs.create(context, "prod")
        await opened.catalogs.create_schema(context, SCHEMA)
        yield opened


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
async def stub(upstream: Upstream, aiohttp_server: AiohttpServer) -> TestServer:
    return await aiohttp_server(upstream.app())


@pytest.fixture(autouse=True)
def nobody_signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


async def bring(admin: AdminClient, stub: TestServer, provider_home: Path) -> list[ImportOutcome]:
    with only_import(provider_home):
        async with open_client(str(stub.make_url("/"))) as client:
            registry = RegistryImport(admin.provider, admin.context, client, lambda *_: None)
            return await registry.one("scorer", TARGET)


def told(lines: list[ImportOutcome]) -> list[tuple[str, str]]:
    return [(line.source_version, line.outcome) for line in lines]


async def test_hostile_listings_bring_nothing_and_write_nothing(
    admin: AdminClient, stub: TestServer, upstream: Upstream, provider_home: Path, tmp_path: Path
) -> None:
    before = {path for path in tmp_path.rglob("*") if "metastore" not in path.name}
    hostile = ["../x", "a/../../x", "..\\x", "C:\\x", "a//b", "nul", "x\x00", "MLMODEL", "MLmodel/x"]
    for path in (*hostile, ".GIT/config", "a/git~1/x", ".g\u200cit", ".gitattributes"):
        upstream.listed = {path: 1}
        lines = await bring(admin, stub, provider_home)
        assert told(lines) == [("1", Outcome.LEFT_OUT)], path
    assert upstream.fetched == []
    upstream.uris = ["mlflow-artifacts:/../secrets", "mlflow-artifacts:/a/%2e%2e/../b"]
    assert told(await bring(admin, stub, provider_home)) == [("1", "left out"), ("2", "left out")]
    after = {path for path in tmp_path.rglob("*") if "metastore" not in path.name}
    assert {path.name for path in after - before} <= {"import.lock"}


async def test_files_that_are_not_as_listed_fail_and_hold_up_what_follows(
    admin: AdminClient, stub: TestServer, upstream: Upstream, provider_home: Path
) -> None:
    upstream.uris = [ROOT, ROOT]
    for size in (3, 8):
        upstream.listed = {"model.pkl": size}
        lines = await bring(admin, stub, provider_home)
        assert told(lines) == [("1", Outcome.FAILED)]
        assert "model.pkl" in lines[0].reason
    with pytest.raises(NotFound):
        await admin.provider.models.get(admin.context, TARGET)
    upstream.listed = {}
    assert told(await bring(admin, stub, provider_home)) == [("1", "brought"), ("2", "brought")]


async def test_a_description_that_is_too_long_is_cut_and_the_report_says_so(
    admin: AdminClient, stub: TestServer, upstream: Upstream, provider_home: Path
) -> None:
    upstream.description = "x" * 100_000
    for outcome in (Outcome.BROUGHT, Outcome.PRESENT):
        lines = await bring(admin, stub, provider_home)
        assert told(lines) == [("1", outcome), ("1", Outcome.LEFT_OUT), ("", Outcome.LEFT_OUT)]
        assert {"has 100000 bytes" in line.reason for line in lines[1:]} == {True}
        version = await admin.provider.versions.get(admin.context, TARGET, 1)
        model = await admin.provider.models.get(admin.context, TARGET)
        for comment in (version.comment, model.comment):
            assert size_of(comment) == MAX_COMMENT
            assert comment.endswith("xx… (100000 bytes)")
    changes = await admin.provider.audit.latest(admin.context, 100, action=AuditAction.UPDATE_MODEL_VERSION)
    assert changes == []


async def test_a_version_whose_run_has_an_endless_name_is_left_out(
    admin: AdminClient, stub: TestServer, upstream: Upstream, provider_home: Path
) -> None:
    upstream.run_id = "x" * 256
    (line,) = await bring(admin, stub, provider_home)
    assert (line.outcome, line.reason) == (
        Outcome.LEFT_OUT,
        "The run_id has 256 bytes; at most 255 are allowed.",
    )


async def test_a_transfer_that_breaks_off_is_asked_for_again(
    admin: AdminClient, stub: TestServer, upstream: Upstream, provider_home: Path
) -> None:
    upstream.cuts = 1
    assert told(await bring(admin, stub, provider_home)) == [("1", "brought")]
    assert upstream.fetched == ["MLmodel", "model.pkl", "model.pkl"]
    upstream.uris, upstream.cuts = [ROOT, ROOT], 100
    (_, line) = await bring(admin, stub, provider_home)
    assert isinstance(line.error, ServerUnreachable)


async def test_a_large_file_that_breaks_off_in_its_middle_is_stored_whole(
    admin: AdminClient, stub: TestServer, upstream: Upstream, provider_home: Path
) -> None:
    upstream.files["weights.bin"] = random_bytes(9 * 1024 * 1024)
    upstream.cuts, upstream.cut_at = 1, 5 * 1024 * 1024
    assert told(await bring(admin, stub, provider_home)) == [("1", "brought")]
    version = await admin.provider.versions.get(admin.context, TARGET, 1)
    artifacts = provider_home / "artifacts" / version.storage_path
    assert {path.name: path.read_bytes() for path in artifacts.iterdir()} == upstream.files


async def test_nothing_is_left_in_the_store_of_a_version_that_fails(
    admin: AdminClient, stub: TestServer, upstream: Upstream, provider_home: Path
) -> None:
    before = stored_files(provider_home)
    upstream.files["weights.bin"] = random_bytes(9 * 1024 * 1024)
    for failure in ({"weights.bin": 8 * 1024 * 1024}, {"weights.bin": 10 * 1024 * 1024}):
        upstream.listed = failure
        assert told(await bring(admin, stub, provider_home)) == [("1", Outcome.FAILED)]
    upstream.listed, upstream.cuts, upstream.cut_at = {}, 100, 5 * 1024 * 1024
    (line,) = await bring(admin, stub, provider_home)
    assert isinstance(line.error, ServerUnreachable)
    assert stored_files(provider_home) == before


def stored_files(provider_home: Path) -> set[Path]:
    return {path for path in (provider_home / "artifacts").rglob("*") if path.is_file()}


async def test_a_model_that_lacks_what_its_mlmodel_names_is_left_out_and_gone(
    admin: AdminClient, stub: TestServer, upstream: Upstream, provider_home: Path
) -> None:
    before = stored_files(provider_home)
    lacking = MLMODEL.replace("    model_path", "    code: gone\n    model_path")
    upstream.files["MLmodel"] = lacking.encode()
    assert told(await bring(admin, stub, provider_home)) == [("1", Outcome.LEFT_OUT)]
    assert stored_files(provider_home) == before
    failed = await admin.provider.audit.latest(admin.context, 10, action=AuditAction.CHECK_MODEL_REGISTRATION)
    assert "names 'gone'" in failed[0].reason


async def test_files_elsewhere_are_shared_in_place_where_that_is_allowed(
    admin: AdminClient, stub: TestServer, upstream: Upstream, provider_home: Path, lake: Path, tmp_path: Path
) -> None:
    inside, outside = write_model(lake / "a b"), write_model(tmp_path / "outside")
    upstream.uris = [inside.as_uri(), str(inside), "dbfs:/m", "mlflow-artifacts://elsewhere:80/1/m"]
    upstream.uris += [outside.as_uri(), ROOT]
    lines = await bring(admin, stub, provider_home)
    assert told(lines) == [
        ("1", "brought"),
        ("2", "brought"),
        ("3", "left out"),
        ("4", "left out"),
        ("5", "failed"),
    ]
    assert "MODEL_SHARING_PROVIDER_EXTERNAL_LOCATIONS" in lines[-1].reason
    for number in (1, 2):
        version = await admin.provider.versions.get(admin.context, TARGET, number)
        assert version.storage_path == f"file://{inside}"
        assert re.fullmatch(rf".*/#/models/scorer/versions/{number}", version.source)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, Unauthenticated),
        (404, NotASharingServer),
        (500, NotASharingServer),
        (307, NotASharingServer),
    ],
)
async def test_what_does_not_answer_like_mlflow_is_named(
    admin: AdminClient,
    stub: TestServer,
    upstream: Upstream,
    provider_home: Path,
    status: int,
    error: type[SharingError],
) -> None:
    upstream.status = status
    with pytest.raises(error, match=str(status)):
        await bring(admin, stub, provider_home)


async def test_it_signs_in_as_mlflow_does(
    admin: AdminClient,
    stub: TestServer,
    upstream: Upstream,
    provider_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await bring(admin, stub, provider_home)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    await bring(admin, stub, provider_home)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "pä:ss")
    await bring(admin, stub, provider_home)
    basic = base64.b64encode("ann:pä:ss".encode()).decode()
    sent = [headers.get("Authorization") for headers in upstream.headers]
    assert sent == [None, "Bearer t0ken", f"Basic {basic}"]


@pytest.mark.parametrize(
    "uri", ["sqlite:///mlflow.db", "/mlruns", "databricks", "http://ann:secret@host", "http://host/?x=1"]
)
async def test_only_servers_without_secrets_in_their_address(uri: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        async with open_client(uri):
            pass
    assert "secret" not in refused.value.message


async def test_one_import_at_a_time_and_what_a_killed_one_of_an_earlier_release_left_is_swept(
    admin: AdminClient, stub: TestServer, provider_home: Path
) -> None:
    left = provider_home / "import" / "tmpkilled" / "model.pkl"
    left.parent.mkdir(parents=True)
    left.touch()
    with only_import(provider_home):
        assert not left.exists()
        with pytest.raises(InvalidState, match="Another import is running"):
            await bring(admin, stub, provider_home)
    assert told(await bring(admin, stub, provider_home)) == [("1", "brought")]


def test_names_of_another_registry() -> None:
    assert name_in(SCHEMA, "Fraud.Scorer v2/EU").name == "fraud_scorer_v2_eu"
    for wrong in ("", "x" * 256, "a\x00b"):
        with pytest.raises(InvalidParameter):
            name_in(SCHEMA, wrong)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["m"],
        ["m", "--all", "--schema", "a.b"],
        ["m", "--as", "a.b.c", "--schema", "a.b"],
        ["--all"],
        ["--all", "--as", "a.b.c"],
    ],
)
def test_the_command_line_says_what_goes_together(arguments: list[str], provider_cli: CliRunner) -> None:
    done = provider_cli("model", "import", "--from", "http://127.0.0.1:9", *arguments)
    assert done.code == 2
    assert "--schema" in done.err


def test_in_place_from_the_command_line(
    lake: Path, monkeypatch: pytest.MonkeyPatch, provider_cli: CliRunner
) -> None:
    provider_cli.succeed("catalog", "create", "prod")
    provider_cli.succeed("schema", "create", "prod.m")
    register = ["model", "register", "--in-place", write_model(lake / "m").as_uri(), str(TARGET)]
    refused = provider_cli(*register)
    assert refused.code == 6
    assert "MODEL_SHARING_PROVIDER_EXTERNAL_LOCATIONS" in refused.err
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_EXTERNAL_LOCATIONS", lake.as_uri())
    assert "version 1" in provider_cli.succeed(*register, "--alias", "Champion").out
