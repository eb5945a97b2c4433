"""Format, license and summary of versions: kept, shown on each face, searched for, and mirrored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_protocol.model_formats import ModelFormat, ModelSummary, TensorSpec, known_of, parse_format
from model_sharing_protocol.names import FullName
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.securables import ModelFilter, ModelVersion
from model_sharing_provider.domain.upstreams import UpstreamVersion
from model_sharing_provider.services.mirroring.texts import known_format, limited_license, limited_summary
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.provider_cli import CliRunner
from support.upstream_provider import UpstreamProvider

pytestmark = pytest.mark.each_database

SUMMARY = ModelSummary(
    architecture="llama",
    parameters=7_000_000_000,
    quantization="Q4_K_M",
    context_length=4096,
    languages=("en", "de"),
    inputs=(TensorSpec(name="tokens", dtype="int64", shape=("batch", 16)),),
)
SHOWN = {
    "architecture": "llama",
    "parameters": 7_000_000_000,
    "quantization": "Q4_K_M",
    "context_length": 4096,
    "languages": ["en", "de"],
    "inputs": [{"name": "tokens", "dtype": "int64", "shape": ["batch", 16]}],
}


async def describe(admin: AdminClient, version: ModelVersion, found: ModelFormat, license_: str) -> None:
    """As if the version's files had told this when it became READY."""
    async with admin.provider.database.write() as rows:
        await rows.versions.publish(replace(version, format=found, license=license_, summary=SUMMARY))


@pytest.fixture
async def described(admin: AdminClient, tmp_path: Path) -> AdminClient:
    """Three models: one of GGUF files, one whose newest version is ONNX, and one of MLflow."""
    folder = write_model(tmp_path / "m")
    for name, formats in (
        ("prod.llm.tiny", [ModelFormat.GGUF]),
        ("prod.llm.turned", [ModelFormat.GGUF, ModelFormat.ONNX]),
    ):
        for each in formats:
            version = await admin.register(folder, name)
            await describe(admin, version, each, "Apache-2.0")
            (folder / f"{name}.txt").write_text("another version")
    await admin.register(folder, "dev.ml.scorer")
    return admin


async def test_the_newest_version_describes_its_model(described: AdminClient) -> None:
    models = described.provider.models
    tiny = await models.get(described.context, FullName.parse("prod.llm.tiny"))
    assert (tiny.format, tiny.license, tiny.summary) == (ModelFormat.GGUF, "Apache-2.0", SUMMARY)
    turned = await models.get(described.context, FullName.parse("prod.llm.turned"))
    assert turned.format is ModelFormat.ONNX
    scorer = await models.get(described.context, FullName.parse("dev.ml.scorer"))
    assert (scorer.format, scorer.license) == (ModelFormat.MLFLOW, "")


async def test_models_are_searched_by_format_and_license(described: AdminClient) -> None:
    async def found(catalog: str = "", **wanted: Any) -> list[str]:
        models, page = described.provider.models, PageRequest()
        if catalog:
            shown = await models.search_catalog(described.context, page, catalog, ModelFilter(**wanted))
        else:
            shown = await models.search(described.context, page, ModelFilter(**wanted))
        return [str(model.full_name) for model in shown.items]

    assert await found(format=ModelFormat.GGUF) == ["prod.llm.tiny"]
    assert await found(license="apache-2.0") == ["prod.llm.tiny", "prod.llm.turned"]
    assert await found(license="APACHE-2.0", format=ModelFormat.ONNX) == ["prod.llm.turned"]
    assert await found(format=ModelFormat.ONNX, license="mit") == []
    assert await found(catalog="dev", format=ModelFormat.MLFLOW) == ["dev.ml.scorer"]
    assert await found(catalog="dev", license="apache-2.0") == []


async def test_unity_catalog_and_recipients_are_told(
    described: AdminClient, settings: Settings, server: TestServer, endpoint: str
) -> None:
    unity = str(server.make_url("/api/2.1/unity-catalog"))
    code = await described.share("acme", "globex", "prod.llm.tiny")
    token = (await described.activate(code, endpoint)).bearer_token
    async with aiohttp.ClientSession(raise_for_status=True) as session:

        async def get(url: str, token: str) -> dict[str, Any]:
            async with session.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
                found: dict[str, Any] = json.loads(await answer.read())
                return found

        ours = settings.admin_token_path.read_text()
        version = await get(f"{unity}/models/prod.llm.tiny/versions/1", ours)
        assert (version["format"], version["license"], version["summary"]) == ("gguf", "Apache-2.0", SHOWN)
        listed = await get(f"{unity}/models?format=gguf&license=apache-2.0", ours)
        assert [(each["name"], each["summary"]) for each in listed["registered_models"]] == [("tiny", SHOWN)]
        model = await get(f"{endpoint}/shares/acme/schemas/llm/models/tiny", token)
        assert (model["format"], model["license"]) == ("gguf", "Apache-2.0")
        assert model["summary"]["contextLength"] == 4096
        async with session.get(
            f"{unity}/models?format=docx", headers={"Authorization": f"Bearer {ours}"}, raise_for_status=False
        ) as refused:
            assert refused.status == 400
            assert "not a format of models" in (await refused.json())["message"]


async def test_a_mirror_carries_what_the_provider_says(
    admin: AdminClient, vendor: UpstreamProvider, tmp_path: Path
) -> None:
    source = FullName.parse("prod.ml_team.scorer")
    third = await vendor.admin.register(write_model(tmp_path / "third", {"c.bin": b"c"}), str(source))
    await describe(vendor.admin, third, ModelFormat.GGUF, "mit")
    await admin.provider.shared_catalogs.sync(admin.context, "vendor")
    name = FullName.parse("vendor.ml_team.scorer")
    shown = await admin.provider.versions.get(admin.context, name, third.version)
    assert (shown.format, shown.license, shown.summary) == (ModelFormat.GGUF, "mit", SUMMARY)
    first = await admin.provider.versions.get(admin.context, name, 1)
    assert first.format is ModelFormat.MLFLOW


def test_what_another_provider_says_is_kept_within_limits() -> None:
    claimed = UpstreamVersion(
        number=1, license="x" * 1000, summary=ModelSummary(languages=("en" * 50,) * 1000)
    )
    assert len(limited_license(claimed).encode()) <= 255
    assert limited_summary(claimed) == ModelSummary()


@pytest.mark.parametrize("said", ["", "of-a-later-release"])
def test_a_format_that_a_provider_does_not_name_is_found_by_the_files(said: str) -> None:
    def known(*paths: str) -> ModelFormat:
        files = [ManifestFile(path, 1, "0" * 64) for path in paths]
        return known_format(UpstreamVersion(number=1, format=said), Manifest.of(files))

    assert known("MLmodel", "model.pkl") is ModelFormat.MLFLOW
    assert known("tiny-Q4_K_M.gguf") is ModelFormat.GGUF
    assert known("weights.xyz") is ModelFormat.FILES


def test_formats_have_names() -> None:
    assert parse_format("GGUF") is ModelFormat.GGUF
    with pytest.raises(InvalidParameter, match="'docx' is not a format of models; write mlflow, hugg"):
        parse_format("docx")
    assert known_of(SUMMARY)["languages"] == ["en", "de"]


def test_the_command_line_registers_and_finds_by_format(provider_cli: CliRunner, tmp_path: Path) -> None:
    provider_cli.succeed("catalog", "create", "prod")
    provider_cli.succeed("schema", "create", "prod.llm")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mere words")
    register = ("model", "register", str(tmp_path / "notes"), "prod.llm.notes")
    assert "--format files" in provider_cli(*register).err
    assert "(files, " in provider_cli.succeed(*register, "--format", "files").out
    assert "prod.llm.notes" in provider_cli.succeed("model", "search", "--format", "files").out
    assert "No model is as wanted" in provider_cli.succeed("model", "search", "--format", "gguf").err
