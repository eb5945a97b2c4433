"""Shared catalogs whose provider fails them: each failure is a state that says what to do, and passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from model_sharing_protocol.errors import SharingError, UpstreamUnavailable
from model_sharing_protocol.names import FullName
from model_sharing_provider.cli.doctor_checks import check_stores
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.mirrors import MirrorState
from model_sharing_provider.http.backend_metrics import SHARED_CATALOG_FAILING
from model_sharing_provider.keys.signing_keys import SigningKeys
from model_sharing_provider.services.mirroring import follower
from model_sharing_provider.services.mirroring.freshness import Freshness
from model_sharing_provider.services.mirroring.states import remedy_of
from model_sharing_provider.services.registry.updates import NO_CHANGE
from model_sharing_provider.serving.expiry import show_inventory
from support.admin_client import AdminClient
from support.fake_upstream import source_of, until
from support.model_folder import write_model
from support.upstream_provider import UpstreamProvider, running_upstream

SOURCE = FullName.parse("prod.ml_team.scorer")
SCORER = FullName.parse("vendor.ml_team.scorer")


@pytest.fixture
async def vendor(admin: AdminClient, tmp_path: Path, started_home: Path) -> AsyncIterator[UpstreamProvider]:
    """A provider whose share is shown here as the catalog `vendor`."""
    async with running_upstream(tmp_path / "upstream", started_home) as upstream:
        theirs = upstream.admin
        await theirs.register(write_model(tmp_path / "first"), str(SOURCE), alias="Champion")
        await theirs.provider.shares.create(theirs.context, "acme_share")
        await theirs.provider.shares.add_model(theirs.context, "acme_share", SOURCE)
        profile = await upstream.profile_for("us", "acme_share")
        await admin.provider.providers.create(admin.context, "acme", profile)
        await admin.provider.shared_catalogs.create(admin.context, "vendor", "acme", "acme_share")
        yield upstream


async def state_after_sync(admin: AdminClient) -> MirrorState:
    with pytest.raises(SharingError):
        await admin.provider.shared_catalogs.sync(admin.context, "vendor")
    source = await source_of(admin)
    assert source.state_reason
    assert remedy_of(source.state, source.provider)
    return source.state


async def champion(admin: AdminClient) -> int:
    return (await admin.provider.versions.get_by_alias(admin.context, SCORER, "Champion")).version


async def champion_in_rows(admin: AdminClient) -> int:
    """The version behind the alias as it is in the database, without a question to the provider."""
    async with admin.provider.database.read() as rows:
        model = await rows.models.find(SCORER)
    assert model is not None
    return model.aliases["Champion"]


async def new_profile(vendor: UpstreamProvider) -> str:
    theirs = vendor.admin
    code = await theirs.provider.recipients.rotate_token(
        theirs.context, "us", existing_expires_in=timedelta(0)
    )
    return (await theirs.activate(code, vendor.endpoint)).to_json().decode()


async def test_a_rotated_token_is_named_and_a_new_profile_mends_it(
    admin: AdminClient, vendor: UpstreamProvider
) -> None:
    profile = await new_profile(vendor)
    assert await state_after_sync(admin) is MirrorState.TOKEN_REFUSED
    with pytest.raises(UpstreamUnavailable, match="provider update acme --profile FILE"):
        await champion(admin)
    await admin.provider.providers.update(admin.context, "acme", NO_CHANGE, profile)
    await admin.provider.shared_catalogs.sync(admin.context, "vendor")
    assert (await source_of(admin)).state is MirrorState.ACTIVE
    assert await champion(admin) == 1


async def test_a_rotated_key_is_followed_and_another_one_is_not(
    admin: AdminClient, vendor: UpstreamProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = vendor.admin
    before = (await source_of(admin)).key_fingerprint
    await theirs.provider.signing.rotate(theirs.context)
    await theirs.register(write_model(tmp_path / "second", {"model.pkl": b"2"}), str(SOURCE))
    await theirs.provider.models.set_alias(theirs.context, SOURCE, "Champion", 2)
    await admin.provider.shared_catalogs.sync(admin.context, "vendor")
    followed = (await source_of(admin)).key_fingerprint
    assert followed != before
    assert await champion(admin) == 2
    monkeypatch.setattr(theirs.provider.signing, "_keys", SigningKeys(tmp_path / "other-keys.json"))
    await theirs.provider.models.set_alias(theirs.context, SOURCE, "Champion", 1)
    assert await state_after_sync(admin) is MirrorState.KEY_CHANGED
    with pytest.raises(UpstreamUnavailable, match="not signed by the pinned key"):
        await champion(admin)


async def test_the_follower_hears_of_changes_within_a_second(
    admin: AdminClient, vendor: UpstreamProvider, tmp_path: Path
) -> None:
    following = asyncio.create_task(admin.provider.mirror_follower.run())
    theirs = vendor.admin
    try:
        await asyncio.sleep(1)
        await theirs.register(write_model(tmp_path / "second", {"model.pkl": b"2"}), str(SOURCE))
        await theirs.provider.models.set_alias(theirs.context, SOURCE, "Champion", 2)
        async with asyncio.timeout(5):
            while await champion_in_rows(admin) != 2:  # noqa: ASYNC110 - it is in the database
                await asyncio.sleep(0.02)
    finally:
        following.cancel()
        await asyncio.wait([following])


async def test_a_provider_that_is_away_is_asked_again_by_the_follower(
    admin: AdminClient, vendor: UpstreamProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "_LOOK_EVERY_SECONDS", 0.05)
    monkeypatch.setattr(follower, "_LIST_EVERY_SECONDS", 0.1)
    following = asyncio.create_task(admin.provider.mirror_follower.run())
    try:
        profile = await new_profile(vendor)
        await until(admin, MirrorState.TOKEN_REFUSED)
        await admin.provider.providers.update(admin.context, "acme", NO_CHANGE, profile)
        await until(admin, MirrorState.ACTIVE)
    finally:
        following.cancel()
        await asyncio.wait([following])


async def test_beyond_the_grace_nothing_is_served(
    admin: AdminClient, vendor: UpstreamProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await vendor.server.close()
    monkeypatch.setattr(Freshness, "_bound_ms", -1)
    assert await champion(admin) == 1
    monkeypatch.setattr(Freshness, "_grace_ms", -1)
    with pytest.raises(UpstreamUnavailable, match="comes from share acme_share of provider acme"):
        await champion(admin)


async def test_operators_see_it_in_metrics_and_in_doctor(
    admin: AdminClient, vendor: UpstreamProvider, provider_home: Path
) -> None:
    await new_profile(vendor)
    assert await state_after_sync(admin) is MirrorState.TOKEN_REFUSED
    await show_inventory(admin.provider.inventory)
    assert SHARED_CATALOG_FAILING.labels("vendor")._value.get() == 1
    findings = [finding async for finding in check_stores(Settings(provider_home))]
    assert any("TOKEN_REFUSED" in finding.detail for finding in findings)
    await admin.provider.catalogs.delete(admin.context, "vendor")
    await show_inventory(admin.provider.inventory)
    assert SHARED_CATALOG_FAILING.labels("vendor")._value.get() == 0
