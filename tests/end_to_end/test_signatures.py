"""Signatures over a real socket, both sides for real: pin, follow, verify, refuse."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

import model_sharing
from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.errors import UntrustedSignature
from model_sharing_protocol.names import FullName
from model_sharing_protocol.profile import write_profile
from model_sharing_provider.keys.signing_keys import SigningKeys
from support.admin_client import AdminClient
from support.model_folder import write_model

NAME = "prod.ml_team.scorer"
REF = "ml_team.scorer@Champion"


@pytest.fixture
async def vendor(admin: AdminClient, endpoint: str, tmp_path: Path) -> model_sharing.Catalog:
    """Two versions, mounted with the fingerprint that the provider's administrator told."""
    await admin.register(write_model(tmp_path / "one"), NAME, "Champion")
    await admin.register(write_model(tmp_path / "two", {"model.pkl": b"better"}), NAME)
    profile = await admin.activate(await admin.share("acme", "globex", NAME), endpoint)
    write_profile(profile.to_json(), tmp_path / "globex.share")
    (key,) = await admin.provider.signing.list_keys(admin.context)
    told = PublicKey.parse(key.pem).fingerprint
    return await asyncio.to_thread(
        lambda: model_sharing.mount(
            tmp_path / "globex.share", share="acme", name="vendor", key_fingerprint=told
        )
    )


async def champion(admin: AdminClient, version: int) -> None:
    await admin.provider.models.set_alias(admin.context, FullName.parse(NAME), "Champion", version)


async def test_moves_forth_and_back_are_followed_and_the_download_verifies(
    admin: AdminClient, vendor: model_sharing.Catalog, server: TestServer, tmp_path: Path
) -> None:
    for version in (1, 2, 1, 2):
        await champion(admin, version)
        assert (await asyncio.to_thread(vendor.snapshot, REF)).version.version == version
    await asyncio.to_thread(vendor.download, REF, tmp_path / "out")
    await server.close()
    assert vendor.verify("ml_team.scorer/2", tmp_path / "out") == 2
    with pytest.raises(
        UntrustedSignature, match=r"Expected .* version 1 .*, but received that of .* version 2"
    ):
        vendor.verify("ml_team.scorer/1", tmp_path / "out")


async def test_a_rotation_is_followed_and_what_was_downloaded_before_stays_good(
    admin: AdminClient, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    await asyncio.to_thread(vendor.download, REF, tmp_path / "out")
    for _ in range(2):
        await admin.provider.signing.rotate(admin.context)
    with pytest.warns(model_sharing.KeyRotationWarning, match="which the previous key endorses"):
        await asyncio.to_thread(vendor.snapshot, REF)
    followed = model_sharing.catalog("vendor")
    assert len(followed.mount.keys) == 3
    assert followed.verify("ml_team.scorer/1", tmp_path / "out") == 2


async def test_a_provider_whose_key_was_replaced_is_refused(
    admin: AdminClient, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pinned = vendor.mount.key_fingerprint
    stranger = SigningKeys(tmp_path / "other.json")
    # No provider of ours would: it signs with keys of its own database alone.
    monkeypatch.setattr(admin.provider.signing, "_keys", stranger)
    both = f"Expected .*{pinned}.*lists {stranger.current.public.fingerprint}"
    with pytest.raises(UntrustedSignature, match=both):
        await asyncio.to_thread(vendor.snapshot, REF)
