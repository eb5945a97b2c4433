"""A fine-tuned model comes as what changed in it, however its versions were made."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

import model_sharing
from model_sharing.cache.maintenance.pruning import PruningLimits, prune
from model_sharing_protocol.names import FullName
from model_sharing_protocol.profile import write_profile
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.locations import parse_location
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.services.provider_services import ProviderServices
from support.admin_client import AdminClient
from support.bf16_weights import fine_tuned, weights
from support.model_folder import write_model
from support.safetensors_files import safetensors
from support.shared_catalog import shared_catalog_of

NAME = FullName.parse("prod.ml_team.scorer")
MIB = 1024 * 1024
Files = dict[str, bytes]


@pytest.fixture
async def provider(provider_home: Path, tmp_path: Path) -> AsyncIterator[ProviderServices]:
    """A provider that may share what is in this test's folder."""
    allowed = (parse_location(tmp_path.as_uri()),)
    async with open_provider(Settings(provider_home, external_locations=allowed)) as opened:
        yield opened


def trained(seed: int, tensors: dict[str, bytes]) -> dict[str, bytes]:
    """Tensors after training: one has changed, and a new one is in front of them."""
    dice = random.Random(seed)
    return {f"new.{seed}": dice.randbytes(50_000), **tensors, f"layer.{seed}": dice.randbytes(MIB)}


async def upload(admin: AdminClient, folder: Path) -> None:
    version = await admin.provider.uploads.create(admin.context, NAME, NewVersion())
    for path in folder.iterdir():

        async def pieces(content: bytes = path.read_bytes()) -> AsyncIterator[bytes]:
            yield content

        await admin.provider.uploads.write(admin.context, version, path.name, pieces())
    await admin.provider.finalization.finalize(admin.context, NAME, version.version)


async def mounted(admin: AdminClient, server: TestServer, folder: Path) -> model_sharing.Catalog:
    """The model is shared, and a recipient has mounted the share."""
    profile = await admin.activate(
        await admin.share("acme", "globex", str(NAME)), str(server.make_url("/delta-sharing"))
    )
    write_profile(profile.to_json(), folder / "globex.share")
    return await asyncio.to_thread(model_sharing.mount, folder / "globex.share", share="acme", name="vendor")


async def test_versions_made_in_each_way_come_as_what_changed(
    admin: AdminClient, server: TestServer, tmp_path: Path, recipient_home: Path
) -> None:
    dice = random.Random(0)
    tensors = {f"layer.{number}": dice.randbytes(MIB) for number in range(20)}
    pickled = dice.randbytes(10 * MIB)
    versions: dict[int, Files] = {}
    for number in (1, 2, 3):
        tensors = trained(number, tensors)
        pickled = pickled[: 4 * MIB] + b"put in %d" % number + pickled[4 * MIB :]
        versions[number] = {"model.safetensors": safetensors(tensors), "model.pkl": pickled}
        write_model(tmp_path / str(number), versions[number])
    await admin.register(tmp_path / "1", str(NAME))
    await admin.provider.registration.register_in_place(admin.context, (tmp_path / "2").as_uri(), NAME)
    await upload(admin, tmp_path / "3")
    vendor = await mounted(admin, server, tmp_path)
    for number, files in versions.items():
        snapshot = await asyncio.to_thread(vendor.snapshot, f"ml_team.scorer/{number}")
        assert {path: (snapshot.folder / path).read_bytes() for path in files} == files
        if number == 1:
            assert snapshot.fetched == snapshot.manifest.size
        else:
            # Two tensors, the header, and the chunks of the pickle around what was put in.
            assert MIB + 50_000 < snapshot.fetched < MIB + 50_000 + 3 * MIB


@pytest.mark.parametrize("in_place", [False, True])
async def test_a_full_fine_tune_comes_as_a_delta_to_those_who_have_its_base(
    admin: AdminClient, server: TestServer, tmp_path: Path, recipient_home: Path, in_place: bool
) -> None:
    before = weights(10 * MIB)
    tensors = {"a": before[: 8 * MIB], "b": before[8 * MIB :]}
    versions = [
        safetensors(tensors),
        safetensors({name: fine_tuned(data) for name, data in tensors.items()}, {"note": "x" * 5000}),
    ]
    folders = [
        write_model(tmp_path / str(number), {"model.safetensors": content, "small.bin": content[:MIB]})
        for number, content in enumerate(versions)
    ]
    await admin.register(folders[0], str(NAME))
    registration = admin.provider.registration
    if in_place:
        await registration.register_in_place(admin.context, folders[1].as_uri(), NAME, delta_from=1)
    else:
        await registration.register(admin.context, folders[1], NAME, delta_from=1)
    vendor = await mounted(admin, server, tmp_path)
    cache = shared_catalog_of(vendor).cache
    for having_the_base in (False, True):
        if having_the_base:
            await asyncio.to_thread(vendor.snapshot, "ml_team.scorer/1")
        snapshot = await asyncio.to_thread(vendor.snapshot, "ml_team.scorer/2")
        assert (snapshot.folder / "model.safetensors").read_bytes() == versions[1]
        (delta,) = snapshot.manifest.deltas
        assert delta.size < len(versions[1]) / 4
        if having_the_base:
            assert snapshot.fetched == delta.size + MIB
            assert not cache.blob_path(delta.sha256).exists()
        else:
            assert snapshot.fetched == snapshot.manifest.size
            cache.release(snapshot.manifest.digest)
            await asyncio.to_thread(prune, cache, PruningLimits(max_size=0))
