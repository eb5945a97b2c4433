"""Chunk maps are signed as they were made with the version, whatever lies in the artifact store by now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import aiohttp
import msgspec
import pytest

from model_sharing_protocol.block_digests import BLOCK_BYTES, BlockDigestWriter, find_block_digests
from model_sharing_protocol.chunk_maps import read_maps, write_maps
from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_protocol.names import FullName
from model_sharing_protocol.open_sharing import VersionMetadata, VersionQueryLine
from model_sharing_protocol.profile import Profile
from model_sharing_protocol.signatures import SignedName, signed_chunk_maps
from model_sharing_protocol.signing_keys import KeyList
from model_sharing_provider.artifacts import fingerprints
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.versions import NewVersion
from support.admin_client import AdminClient
from support.files import random_bytes
from support.model_folder import MLMODEL, write_model

pytestmark = pytest.mark.each_database

NAME = FullName.parse("prod.ml_team.scorer")
WEIGHTS = random_bytes(9 * BLOCK_BYTES + 5)
DIGEST = sha256(WEIGHTS).hexdigest()


@dataclass(frozen=True)
class Globex:
    """A recipient of all models of the schema, that asks over the network."""

    profile: Profile

    async def get(self, url: str, method: str = "GET") -> bytes:
        headers = {"Authorization": f"Bearer {self.profile.bearer_token}"}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, headers=headers) as answer,
        ):
            assert answer.status == 200
            return await answer.read()

    async def query(self, model: str = "scorer") -> VersionMetadata:
        url = f"{self.profile.endpoint}/shares/acme/schemas/ml_team/models/{model}/versions/1/query"
        lines = msgspec.json.Decoder(VersionQueryLine).decode_lines(await self.get(url, "POST"))
        assert lines[1].meta_data is not None
        return lines[1].meta_data

    async def signed(self, model: str = "scorer") -> str | None:
        """Sha256 of the chunk maps that the version's signature names."""
        keys = msgspec.json.decode(await self.get(f"{self.profile.endpoint}/keys"), type=KeyList).keys
        bundle = (await self.query(model)).bundle
        assert bundle is not None
        name = SignedName("acme", f"ml_team.{model}", 1)
        return signed_chunk_maps(bundle, name, [PublicKey.parse(keys[-1].pem)])


async def share(admin: AdminClient, endpoint: str) -> Globex:
    code = await admin.share("acme", "globex")
    await admin.add_schema("acme", "prod.ml_team")
    return Globex(await admin.activate(code, endpoint))


async def register(admin: AdminClient, folder: Path, model: str = str(NAME)) -> ModelVersion:
    return await admin.register(write_model(folder, {"model.pkl": WEIGHTS}), model)


async def test_the_signature_names_the_maps_with_the_blocks_of_a_large_file(
    admin: AdminClient, endpoint: str, tmp_path: Path
) -> None:
    await register(admin, tmp_path / "m")
    globex = await share(admin, endpoint)
    offered = (await globex.query()).chunk_maps
    assert offered is not None
    content = await globex.get(offered.url)
    assert await globex.signed() == offered.sha256 == sha256(content).hexdigest()
    maps = read_maps(content)
    writer = BlockDigestWriter()
    writer.update(WEIGHTS)
    assert find_block_digests(maps, DIGEST, len(WEIGHTS)) is not None
    assert writer.finish(DIGEST) in maps.values()
    assert maps[DIGEST].size == len(WEIGHTS)


async def test_a_copy_has_the_signed_maps_of_its_source(
    admin: AdminClient, endpoint: str, tmp_path: Path
) -> None:
    source = await register(admin, tmp_path / "m")
    await admin.provider.copies.copy(admin.context, NAME, 1, FullName.parse("prod.ml_team.copy"))
    globex = await share(admin, endpoint)
    assert await globex.signed("copy") == source.chunk_maps != ""


async def test_who_writes_to_the_store_changes_nothing_that_is_signed(
    admin: AdminClient, endpoint: str, tmp_path: Path, provider_home: Path
) -> None:
    """Else a file changed there, with its blocks, would be taken for the one that was registered."""
    version = await register(admin, tmp_path / "m")
    globex = await share(admin, endpoint)
    before = await globex.signed()
    forged = BlockDigestWriter()
    forged.update(WEIGHTS[::-1])
    content = write_maps([forged.finish(DIGEST)])
    artifacts = provider_home / "artifacts"
    place = artifacts / "chunk-maps" / version.id
    place.unlink()
    place.write_bytes(content)
    stored = artifacts / "manifests" / f"{version.id}.json"
    manifest = Manifest.from_json(stored.read_bytes())
    maps = ManifestFile("chunk maps", len(content), sha256(content).hexdigest())
    stored.unlink()
    stored.write_bytes(msgspec.structs.replace(manifest, chunk_maps=maps).to_json())
    assert await globex.signed() == before != maps.sha256


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def upload(admin: AdminClient) -> None:
    """Begin a version and upload its files, as MLflow's clients do."""
    await admin.provider.catalogs.create(admin.context, NAME.catalog)
    await admin.provider.catalogs.create_schema(admin.context, NAME.schema_name)
    await admin.provider.models.create(admin.context, NAME)
    version = await admin.provider.uploads.create(admin.context, NAME, NewVersion())
    for path, content in {"MLmodel": MLMODEL.encode(), "model.pkl": WEIGHTS}.items():
        await admin.provider.uploads.write(admin.context, version, path, pieces(content))


async def test_maps_of_uploaded_files_are_signed(admin: AdminClient, endpoint: str) -> None:
    await upload(admin)
    await admin.provider.finalization.finalize(admin.context, NAME, 1)
    globex = await share(admin, endpoint)
    offered = (await globex.query()).chunk_maps
    assert offered is not None
    assert await globex.signed() == offered.sha256
    assert find_block_digests(read_maps(await globex.get(offered.url)), DIGEST, len(WEIGHTS)) is not None


async def test_maps_that_were_changed_while_they_waited_are_not_signed(
    admin: AdminClient, endpoint: str, provider_home: Path
) -> None:
    await upload(admin)
    (waiting,) = (provider_home / "artifacts" / "uploads").glob("**/chunk-maps/*")
    maps = read_maps(waiting.read_bytes())
    forged = BlockDigestWriter()
    forged.update(WEIGHTS[::-1])
    waiting.unlink()
    waiting.write_bytes(write_maps([maps[DIGEST], forged.finish(DIGEST)]))
    await admin.provider.finalization.finalize(admin.context, NAME, 1)
    globex = await share(admin, endpoint)
    offered = (await globex.query()).chunk_maps
    assert offered is not None
    assert await globex.signed() is None
    assert read_maps(await globex.get(offered.url)).keys() == {DIGEST}


async def test_without_the_library_there_are_chunks_and_no_blocks(
    admin: AdminClient,
    endpoint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fingerprints, "is_available", lambda: False)
    await register(admin, tmp_path / "m")
    globex = await share(admin, endpoint)
    offered = (await globex.query()).chunk_maps
    assert offered is not None
    assert read_maps(await globex.get(offered.url)).keys() == {DIGEST}
