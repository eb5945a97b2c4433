"""Providers that share with us: added by their profile, asked for their shares, their token kept sealed."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from support import Desk, write_model

from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, InvalidState, NotFound
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.services.registry.updates import SecurableUpdate
from model_sharing_provider.upstream import remote_shares


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_shares, "PATIENCE_SECONDS", 0.5)


@pytest.fixture
async def profile(desk: Desk, endpoint: str, tmp_path: Path) -> str:
    """The profile of a recipient of ours, standing for another provider's."""
    await desk.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    code = await desk.share("acme", "globex", "prod.ml_team.scorer")
    return (await desk.activate(code, endpoint)).to_json().decode()


async def test_a_provider_tells_what_it_shares(desk: Desk, profile: str, provider_home: Path) -> None:
    providers = desk.provider.providers
    added = await providers.create(desk.context, "Vendor", profile, "our scores")
    assert (added.name, added.owner) == ("vendor", "admin")
    assert await providers.shares(desk.context, "vendor") == ["acme"]
    token = profile.split('"bearerToken":"')[1].split('"', maxsplit=1)[0]
    for file in provider_home.rglob("*"):
        assert not file.is_file() or token.encode() not in file.read_bytes()
    assert token not in repr(added)


async def test_a_provider_is_renamed_given_a_new_profile_and_forgotten(desk: Desk, profile: str) -> None:
    providers = desk.provider.providers
    await providers.create(desk.context, "vendor", profile)
    with pytest.raises(AlreadyExists):
        await providers.create(desk.context, "vendor", profile)
    dead = profile.replace("msh_", "msh_0")
    renamed = await providers.update(desk.context, "vendor", SecurableUpdate(new_name="seller"), dead)
    assert [each.name for each in (await providers.page(desk.context, PageRequest())).items] == ["seller"]
    with pytest.raises(InvalidState, match="cannot be asked"):
        await providers.shares(desk.context, renamed.name)
    await providers.delete(desk.context, "seller")
    with pytest.raises(NotFound):
        await providers.get(desk.context, "seller")


@pytest.mark.parametrize("bad", ["", "{}", "[1]", '{"shareCredentialsVersion":1,"endpoint":"ftp://x"}'])
async def test_what_is_no_profile_is_refused(desk: Desk, bad: str) -> None:
    with pytest.raises(InvalidParameter):
        await desk.provider.providers.create(desk.context, "vendor", bad)


async def test_a_provider_that_is_not_there_is_named(desk: Desk, profile: str, server: TestServer) -> None:
    await desk.provider.providers.create(desk.context, "vendor", profile)
    await server.close()
    with pytest.raises(InvalidState, match="cannot be asked"):
        await desk.provider.providers.shares(desk.context, "vendor")
