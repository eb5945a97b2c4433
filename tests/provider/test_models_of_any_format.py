"""Models that MLflow never saw are registered, uploaded, copied and shared, however they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.errors import InvalidModel
from model_sharing_protocol.model_formats import ModelFormat
from model_sharing_protocol.names import FullName
from model_sharing_protocol.unity_catalog import PREFIX
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.locations import parse_location
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.domain.versions import NewVersion
from support import model_files as written
from support.admin_client import AdminClient
from support.model_folder import MLMODEL
from support.provider_cli import CliRunner

NAME = FullName.parse("prod.llm.tiny")
WEIGHTS = {"weights.xyz": b"1", "notes.txt": b"2"}


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """Settings that allow what is in this test's lake to be shared in place."""
    return replace(settings, external_locations=(parse_location((tmp_path / "lake").as_uri()),))


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def uploaded(admin: AdminClient, files: written.Files, source: str = "") -> ModelVersion:
    """A PENDING version of a new model with these files."""
    await admin.provider.catalogs.create(admin.context, NAME.catalog)
    await admin.provider.catalogs.create_schema(admin.context, NAME.schema_name)
    await admin.provider.models.create(admin.context, NAME)
    version = await admin.provider.uploads.create(admin.context, NAME, NewVersion(source=source))
    for path, content in files.items():
        await admin.provider.uploads.write(admin.context, version, path, pieces(content))
    return version


async def test_a_folder_and_a_file_are_found_to_be_what_they_are(admin: AdminClient, tmp_path: Path) -> None:
    folder = written.write(tmp_path / "hf", written.huggingface())
    version = await admin.register(folder, str(NAME))
    assert (version.format, version.license, version.signature) == ("huggingface", "apache-2.0", None)
    file = written.write(tmp_path, {"tiny.gguf": written.gguf_model(), "beside.txt": b"not shared"})
    version = await admin.register(file / "tiny.gguf", str(NAME))
    assert (version.format, version.license, version.num_files) == ("gguf", "mit", 1)
    assert version.source == (tmp_path / "tiny.gguf").as_uri()
    kept = await admin.provider.versions.get(admin.context, NAME, 2)
    assert (kept.format, kept.summary) == (version.format, version.summary)
    assert kept.summary.quantization == "Q4_K_M"


def test_the_command_says_which_format_would_do(provider_cli: CliRunner, tmp_path: Path) -> None:
    folder = written.write(tmp_path / "m", WEIGHTS)
    provider_cli.succeed("catalog", "create", "prod")
    provider_cli.succeed("schema", "create", "prod.llm")
    register = ("model", "register", str(folder), str(NAME))
    refused = provider_cli(*register).err
    assert "no MLmodel file" in refused
    assert "--format files" in refused
    assert "has no *.gguf file" in provider_cli(*register, "--format", "gguf").err
    done = provider_cli.succeed(*register, "--format", "files")
    assert "(files, 2 B in 2 files)" in done.out + done.err
    again = provider_cli.succeed(*register, "--format", "files", "--if-changed", "--output", "json").json
    assert (again["version"], again["format"]) == (1, "files")


async def test_in_place_too_with_one_file_of_a_folder(admin: AdminClient, tmp_path: Path) -> None:
    lake = written.write(tmp_path / "lake", {"tiny.gguf": written.gguf_model(), "secret.txt": b"s"})
    written.write(lake / "hf", written.huggingface())
    await uploaded(admin, {})
    register = admin.provider.registration.register_in_place
    version = await register(admin.context, (lake / "tiny.gguf").as_uri(), NAME)
    assert (version.format, version.num_files) == ("gguf", 1)
    # Credentials would open the folder of the file with it.
    assert admin.provider.storage_credentials.location(version) is None
    version = await register(admin.context, (lake / "hf").as_uri(), NAME)
    assert (version.format, version.summary.parameters) == ("huggingface", 8)
    with pytest.raises(InvalidModel, match="no MLmodel file"):
        await register(admin.context, (lake / "nothing").as_uri(), NAME)


@pytest.mark.parametrize(
    ("files", "expected"),
    [(written.sharded(), "huggingface"), ({"tiny.gguf": written.gguf_model()}, "gguf"), (WEIGHTS, "files")],
)
async def test_unity_catalog_rest_finalizes_what_it_finds(
    admin: AdminClient, provider_home: Path, server: TestServer, files: written.Files, expected: str
) -> None:
    await uploaded(admin, files)
    token = (provider_home / "admin.token").read_text()
    url = server.make_url(f"{PREFIX}/models/{NAME}/versions/1/finalize")
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.patch(url, json={"full_name": str(NAME), "version": 1}) as answer,
    ):
        said = await answer.json()
    assert (answer.status, said["status"], said["format"]) == (200, "READY", expected)


async def test_mlflow_needs_an_mlmodel_file(admin: AdminClient, artifacts: ArtifactStore) -> None:
    version = await uploaded(admin, written.huggingface())
    with pytest.raises(InvalidModel, match="no MLmodel file"):
        await admin.provider.finalization.finalize(admin.context, NAME, 1)
    failed = await admin.provider.versions.get(admin.context, NAME, 1)
    assert failed.status is VersionStatus.FAILED_REGISTRATION
    assert not await artifacts.files_below(version.storage_path)


async def test_uploads_of_which_a_part_is_missing_fail(admin: AdminClient) -> None:
    files = written.sharded()
    del files["model-00002-of-00002.safetensors"]
    await uploaded(admin, files)
    with pytest.raises(InvalidModel, match="does not exist"):
        await admin.provider.finalization.finalize(admin.context, NAME, 1, any_format=True)
    failed = await admin.provider.versions.get(admin.context, NAME, 1)
    assert "does not exist" in failed.status_message


async def test_an_interrupted_finalization_reads_what_it_moved(
    admin: AdminClient, artifacts: ArtifactStore
) -> None:
    version = await uploaded(admin, written.huggingface())
    async with admin.provider.database.read() as rows:
        files = await rows.uploads.files(version.id)
    for file in files[:2]:
        await artifacts.move(file.staged, f"{version.storage_path}/{file.path}")
    published = await admin.provider.finalization.finalize(admin.context, NAME, 1, any_format=True)
    assert (published.status, published.format) == (VersionStatus.READY, ModelFormat.HUGGINGFACE)


async def test_copies_keep_what_was_read_also_those_that_mlflow_begins(
    admin: AdminClient, tmp_path: Path
) -> None:
    source = await admin.register(written.write(tmp_path / "m", written.huggingface()), "prod.llm.original")
    copied = await admin.provider.copies.copy(admin.context, source.full_name, 1, NAME)
    assert (copied.format, copied.license, copied.summary) == (source.format, source.license, source.summary)
    await admin.provider.uploads.create(
        admin.context, NAME, NewVersion(source=f"models:/{source.full_name}/1")
    )
    finalized = await admin.provider.finalization.finalize(admin.context, NAME, 2)
    assert (finalized.format, finalized.digest) == (source.format, source.digest)


async def test_an_mlflow_model_still_needs_its_signature(admin: AdminClient, tmp_path: Path) -> None:
    unsigned = {"MLmodel": MLMODEL.partition("signature:")[0].encode(), "config.json": b"{}"}
    with pytest.raises(InvalidModel, match="no signature"):
        await admin.register(written.write(tmp_path / "m", unsigned), str(NAME))
