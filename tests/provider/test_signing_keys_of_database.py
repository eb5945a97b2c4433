"""Signing keys belong to a database: no server signs with others, or makes up its own."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.errors import InvalidState
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.keys.signing_keys import SigningKeys
from model_sharing_provider.services.provider_services import ProviderServices
from support.admin_client import AdminClient
from support.provider_cli import CliRunner

pytestmark = pytest.mark.each_database


async def test_a_server_with_other_keys_than_its_database_is_not_started(settings: Settings) -> None:
    async with open_provider(settings):
        pass
    path = settings.signing_keys_path
    kept = path.read_bytes()
    path.unlink()
    with pytest.raises(InvalidState, match=r"has been in use, but .*signing-keys\.json is missing.* backup"):
        async with open_provider(settings):
            pass
    assert not path.exists()
    SigningKeys(path)
    with pytest.raises(InvalidState, match=r"do not belong to .*: recipients trust no other.*start-over"):
        async with open_provider(settings):
            pass
    path.write_bytes(kept)
    async with open_provider(settings):
        pass


async def test_of_two_homes_that_start_on_one_new_database_one_is_told_whose_keys_it_needs(
    settings: Settings, tmp_path: Path
) -> None:
    elsewhere = replace(settings, signing_keys_file=tmp_path / "elsewhere.json")
    async with open_provider(settings) as first:
        keys = SigningKeys(tmp_path / "elsewhere.json")
        with pytest.raises(InvalidState, match="do not belong to"):
            async with open_provider(elsewhere):
                pass
        keys_there = await first.signing.list_keys(AdminClient.of(first).context)
    (tmp_path / "elsewhere.json").write_bytes(settings.signing_keys_path.read_bytes())
    async with open_provider(elsewhere) as second:
        assert await second.signing.list_keys(AdminClient.of(second).context) == keys_there
    assert keys.listed != keys_there


async def test_a_rotation_is_followed_by_servers_with_files_of_their_own(
    settings: Settings, tmp_path: Path
) -> None:
    """By one that has the file of before still, by one that has the new one, and after a restore."""
    copy = replace(settings, signing_keys_file=tmp_path / "copy.json")
    async with open_provider(settings) as provider:
        copy.signing_keys_path.write_bytes(settings.signing_keys_path.read_bytes())
        async with open_provider(copy) as behind:
            new = await provider.signing.rotate(AdminClient.of(provider).context)
            assert new not in await behind.signing.list_keys(AdminClient.of(behind).context)
            copy.signing_keys_path.write_bytes(settings.signing_keys_path.read_bytes())
            assert new in await behind.signing.list_keys(AdminClient.of(behind).context)
        old = (await provider.signing.list_keys(AdminClient.of(provider).context))[0]
        await provider.signing.retire(AdminClient.of(provider).context, PublicKey.parse(old.pem).fingerprint)
        # As rows are that were put back from before the rotation, with keys of after it.
        async with provider.database.write() as rows:
            await rows.signing_keys.forget()
            await rows.signing_keys.remember([PublicKey.parse(new.pem).fingerprint])
    async with open_provider(settings), open_provider(copy):
        pass


async def test_foreign_keys_under_a_running_server_are_not_signed_with(
    settings: Settings, provider: ProviderServices, tmp_path: Path
) -> None:
    before = await provider.signing.list_keys(AdminClient.of(provider).context)
    SigningKeys(tmp_path / "foreign.json")
    (tmp_path / "foreign.json").replace(settings.signing_keys_path)
    assert await provider.signing.list_keys(AdminClient.of(provider).context) == before


async def test_keys_that_are_lost_for_good_are_replaced_when_that_is_asked_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_provider(settings):
        pass
    settings.signing_keys_path.unlink()
    command = CliRunner(settings.home, monkeypatch, capsys)
    if settings.postgresql_url:
        monkeypatch.setenv("MODEL_SHARING_PROVIDER_DATABASE_URL", settings.postgresql_url)
    assert (await asyncio.to_thread(command, "key", "start-over", typed="n\n")).code != 0
    assert not settings.signing_keys_path.exists()
    done = await asyncio.to_thread(command.succeed, "key", "start-over", "--yes")
    assert "must mount again" in done.out
    async with open_provider(settings) as provider:
        assert len(await provider.signing.list_keys(AdminClient.of(provider).context)) == 1


async def test_a_foreign_key_that_claims_to_follow_is_not_believed(
    settings: Settings, tmp_path: Path
) -> None:
    """Public keys are public: to list one says nothing."""
    async with open_provider(settings):
        pass
    own = json.loads(settings.signing_keys_path.read_bytes())
    SigningKeys(tmp_path / "foreign.json")
    foreign = json.loads((tmp_path / "foreign.json").read_bytes())
    foreign["keys"] = own["keys"] + foreign["keys"]
    settings.signing_keys_path.write_text(json.dumps(foreign))
    with pytest.raises(InvalidState, match="do not belong to"):
        async with open_provider(settings):
            pass
