"""Providers that share with us: added by their profile, asked for their shares, their token kept sealed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, InvalidState, NotFound
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.services.registry.updates import NO_CHANGE, SecurableUpdate
from support.admin_client import AdminClient
from support.model_folder import write_model

pytestmark = pytest.mark.each_database


@pytest.fixture
async def profile(admin: AdminClient, endpoint: str, tmp_path: Path) -> str:
    """The profile of a recipient of ours, standing for another provider's."""
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    code = await admin.share("acme", "globex", "prod.ml_team.scorer")
    return (await admin.activate(code, endpoint)).to_json().decode()


async def test_a_provider_tells_what_it_shares(admin: AdminClient, profile: str, provider_home: Path) -> None:
    providers = admin.provider.providers
    added = await providers.create(admin.context, "Vendor", profile, "our scores")
    assert (added.name, added.owner) == ("vendor", "admin")
    assert await providers.shares(admin.context, "vendor") == ["acme"]
    token = profile.split('"bearerToken":"')[1].split('"', maxsplit=1)[0]
    for file in provider_home.rglob("*"):
        assert not file.is_file() or token.encode() not in file.read_bytes()
    assert token not in repr(added)


async def test_a_provider_is_renamed_given_a_new_profile_and_forgotten(
    admin: AdminClient, profile: str
) -> None:
    providers = admin.provider.providers
    await providers.create(admin.context, "vendor", profile)
    with pytest.raises(AlreadyExists):
        await providers.create(admin.context, "vendor", profile)
    dead = profile.replace("msh_", "msh_0")
    renamed = await providers.update(admin.context, "vendor", SecurableUpdate(new_name="seller"), dead)
    assert [each.name for each in (await providers.page(admin.context, PageRequest())).items] == ["seller"]
    with pytest.raises(InvalidState, match="cannot be listed"):
        await providers.shares(admin.context, renamed.name)
    await providers.delete(admin.context, "seller")
    with pytest.raises(NotFound):
        await providers.get(admin.context, "seller")


async def test_how_we_sign_in_is_told(admin: AdminClient, profile: str) -> None:
    providers = admin.provider.providers
    kind = {"shareCredentialsVersion": 2, "type": "oauth_client_credentials", "endpoint": "https://v.example"}
    secret = {"tokenEndpoint": "https://issuer.example/token", "clientId": "me", "clientSecret": "s3cret"}
    by_client = json.dumps(kind | secret)
    for name, content, told in (("a", profile, "TOKEN"), ("b", by_client, "OAUTH_CLIENT_CREDENTIALS")):
        created = await providers.create(admin.context, name, content)
        assert created.authentication_type == told
        assert await providers.get(admin.context, name) == created
    renamed = await providers.update(admin.context, "b", SecurableUpdate(new_name="c"))
    assert renamed.authentication_type == "OAUTH_CLIENT_CREDENTIALS"
    assert (await providers.update(admin.context, "c", NO_CHANGE, profile)).authentication_type == "TOKEN"
    assert (await providers.get(admin.context, "c")).authentication_type == "TOKEN"


@pytest.mark.parametrize("bad", ["", "{}", "[1]", '{"shareCredentialsVersion":1,"endpoint":"ftp://x"}'])
async def test_what_is_no_profile_is_refused(admin: AdminClient, bad: str) -> None:
    with pytest.raises(InvalidParameter):
        await admin.provider.providers.create(admin.context, "vendor", bad)


async def test_a_provider_that_is_not_there_is_named(
    admin: AdminClient, profile: str, server: TestServer
) -> None:
    await admin.provider.providers.create(admin.context, "vendor", profile)
    await server.close()
    with pytest.raises(InvalidState, match="cannot be listed"):
        await admin.provider.providers.shares(admin.context, "vendor")
