"""The main job over a real socket: share a model, mount it elsewhere, load it, follow the alias."""

from __future__ import annotations

import asyncio
import warnings
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from aiohttp.test_utils import TestServer
from sklearn.datasets import load_iris

import model_sharing
from model_sharing_protocol.errors import NotFound, ServerUnreachable, UntrustedCode, VersionRecalled
from model_sharing_protocol.names import FullName
from model_sharing_protocol.profile import write_profile
from model_sharing_provider.domain.audit_actions import AuditAction
from support.admin_client import AdminClient

NAME = "prod.ml_team.iris_model"
MOUNTED = "models:/vendor.ml_team.iris_model"
FLOWERS: pd.DataFrame = load_iris(as_frame=True).data


@dataclass(frozen=True)
class Vendor:
    """The provider's administrator, and the profile that globex was given."""

    admin: AdminClient
    profile: Path

    def mount(self, *, trust: bool = True) -> model_sharing.Catalog:
        return model_sharing.mount(self.profile, share="acme", name="vendor", trust_remote_code=trust)

    async def champion(self, version: int) -> None:
        await self.admin.provider.models.set_alias(
            self.admin.context, FullName.parse(NAME), "Champion", version
        )

    async def files_sent(self) -> int:
        """Number of files fetched so far, alone and in packs, by the audit log."""
        events = await self.admin.provider.audit.latest(self.admin.context, 10_000, recipient="globex")
        packs = [event.target.name for event in events if event.action == AuditAction.GET_FILES]
        packed = sum(int(name.rpartition(": ")[2].removesuffix(" files")) for name in packs)
        return packed + sum(event.action == AuditAction.GET_FILE for event in events)


@pytest.fixture
async def vendor(admin: AdminClient, endpoint: str, iris_models: list[Path], tmp_path: Path) -> Vendor:
    await admin.register(iris_models[0], NAME, "Champion")
    await admin.register(iris_models[1], NAME)
    profile = await admin.activate(await admin.share("acme", "globex", NAME), endpoint)
    write_profile(profile.to_json(), tmp_path / "globex.share")
    return Vendor(admin, tmp_path / "globex.share")


def scores(ref: str = "@Champion") -> list[int]:
    return [int(species) for species in model_sharing.load_model(MOUNTED + ref).predict(FLOWERS)]


async def test_mount_list_resolve_load_and_follow(vendor: Vendor) -> None:
    catalog = await asyncio.to_thread(vendor.mount)
    models = await asyncio.to_thread(catalog.list_models)
    assert [model.full_name for model in models] == ["vendor.ml_team.iris_model"]
    resolved = await asyncio.to_thread(catalog.resolve, "ml_team.iris_model@Champion")
    assert (resolved.version, resolved.full_name) == (1, "vendor.ml_team.iris_model")
    first = await asyncio.to_thread(scores)
    assert set(first) == {0, 1}
    await vendor.champion(2)
    second = await asyncio.to_thread(scores)
    assert set(second) == {0, 1, 2}
    assert await asyncio.to_thread(scores, "/1") == first


async def test_what_is_cached_is_not_sent_again(vendor: Vendor) -> None:
    await asyncio.to_thread(vendor.mount)
    await asyncio.to_thread(scores)
    sent = await vendor.files_sent()
    assert sent == 5
    await asyncio.to_thread(scores)
    assert await vendor.files_sent() == sent
    await asyncio.to_thread(scores, "/2")
    # MLmodel and the pickle differ; the three environment files are the same.
    assert await vendor.files_sent() == sent + 2


async def test_a_recalled_version_is_loaded_no_more(vendor: Vendor, server: TestServer) -> None:
    await asyncio.to_thread(vendor.mount)
    await asyncio.to_thread(scores)
    admin = vendor.admin
    await admin.provider.recalls.recall(admin.context, FullName.parse(NAME), 1, "Too shallow", 2)
    assert set(await asyncio.to_thread(scores)) == {0, 1, 2}
    for _ in range(2):
        with pytest.raises(
            VersionRecalled, match=r"Version 1 of .* was recalled: Too shallow - use version 2"
        ):
            await asyncio.to_thread(scores, "/1")
        await server.close()  # what is known is known when the provider is away, too


async def test_mlflow_itself_loads_by_number_and_alias(vendor: Vendor, tmp_path: Path) -> None:
    await asyncio.to_thread(vendor.mount)
    mlflow.set_registry_uri("model-sharing://")
    await vendor.champion(2)
    by_number = await asyncio.to_thread(mlflow.pyfunc.load_model, f"{MOUNTED}/1")
    assert set(by_number.predict(FLOWERS)) == {0, 1}
    native = await asyncio.to_thread(mlflow.sklearn.load_model, f"{MOUNTED}@Champion")
    assert native.get_depth() == 5
    folder = await asyncio.to_thread(
        mlflow.artifacts.download_artifacts,
        artifact_uri=f"{MOUNTED}@Champion",
        dst_path=str(tmp_path / "out"),
    )
    assert {"MLmodel", "model.pkl"} <= {path.name for path in Path(folder).iterdir()}


async def test_without_trust_it_is_listed_and_downloaded_but_not_loaded(
    vendor: Vendor, tmp_path: Path
) -> None:
    catalog = await asyncio.to_thread(vendor.mount, trust=False)
    with pytest.raises(UntrustedCode, match=r"model\.pkl.*trust"):
        await asyncio.to_thread(scores)
    await asyncio.to_thread(catalog.download, "ml_team.iris_model@Champion", tmp_path / "out")
    assert (tmp_path / "out" / "model.pkl").exists()


async def test_revoked_means_revoked_though_it_is_cached(vendor: Vendor) -> None:
    await asyncio.to_thread(vendor.mount)
    await asyncio.to_thread(scores)
    await vendor.admin.provider.share_permissions.revoke(vendor.admin.context, "acme", "globex")
    for ref in ("@Champion", "/1"):
        with pytest.raises(NotFound):
            await asyncio.to_thread(scores, ref)


async def test_offline_a_cached_version_still_loads(vendor: Vendor, server: TestServer) -> None:
    await asyncio.to_thread(vendor.mount)
    first = await asyncio.to_thread(scores)
    await server.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert await asyncio.to_thread(scores, "/1") == first
    with pytest.warns(model_sharing.StaleAliasWarning, match="version 1, as of"):
        assert await asyncio.to_thread(scores) == first
    with pytest.raises(ServerUnreachable):
        await asyncio.to_thread(scores, "/2")


async def test_damage_in_the_cache_is_noticed_and_mended(vendor: Vendor, recipient_home: Path) -> None:
    await asyncio.to_thread(vendor.mount)
    first = await asyncio.to_thread(scores)
    (snapshot,) = (recipient_home / "cache" / "snapshots").iterdir()
    pickled = snapshot / "model.pkl"
    pickled.chmod(0o644)
    content = bytearray(pickled.read_bytes())
    content[len(content) // 2] ^= 1
    pickled.write_bytes(content)
    sent = await vendor.files_sent()
    assert await asyncio.to_thread(scores) == first
    assert await vendor.files_sent() == sent + 1


async def test_damage_at_the_provider_is_never_loaded(vendor: Vendor, provider_home: Path) -> None:
    for stored in (provider_home / "artifacts" / "models").rglob("model.pkl"):
        content = bytearray(stored.read_bytes())
        content[0] ^= 1
        stored.write_bytes(content)
    await asyncio.to_thread(vendor.mount)
    with pytest.raises(model_sharing.SharingError, match=r"model\.pkl.*does not match its manifest"):
        await asyncio.to_thread(scores)
