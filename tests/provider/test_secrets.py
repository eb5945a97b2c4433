"""The secrets that servers share: rotated while they serve, and never mixed up between metastores."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from model_sharing_protocol.errors import InvalidState, PermissionDenied
from model_sharing_provider.artifacts.signed_urls import UrlSigner
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.principals import ANONYMOUS, Caller
from model_sharing_provider.domain.signed_urls import LONGEST_URL_LIFETIME_SECONDS, Ticket
from model_sharing_provider.keys import server_secrets
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.metastore.rows.peppers import PepperRows
from support.admin_client import AdminClient
from support.processes.postgresql import PostgresServer
from support.provider_cli import CliRunner

pytestmark = pytest.mark.each_database

PROFILE = json.dumps(
    {"shareCredentialsVersion": 1, "endpoint": "https://initech.example", "bearerToken": "their-token"}
)


@pytest.fixture
async def two(settings: Settings) -> AsyncIterator[tuple[AdminClient, AdminClient]]:
    """Desks at two servers of one metastore."""
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(open_provider(settings)) for _ in range(2)]
        yield AdminClient.of(opened[0]), AdminClient.of(opened[1])


async def holder(admin: AdminClient, token: str) -> str:
    """Holder of a recipient's token."""
    context = admin.provider.context(Caller(ANONYMOUS, "test"))
    return (await admin.provider.recipients.authenticate(context, token)).name


async def test_no_token_link_or_profile_is_lost_by_a_rotation_whichever_server_is_asked(
    two: tuple[AdminClient, AdminClient], provider_home: Path
) -> None:
    here, there = two
    admin_token = (provider_home / "admin.token").read_text()
    before = (await here.activate(await here.share("acme", "globex"), "http://x")).bearer_token
    _, waiting = await here.provider.recipients.create(here.context, "initech")
    await here.provider.providers.create(here.context, "partner", PROFILE)
    old = (await here.provider.secrets.describe(here.context))[0]

    await here.provider.secrets.rotate(here.context)

    assert (await there.provider.secrets.describe(there.context))[0] == old
    assert len(await there.provider.secrets.describe(there.context)) == 4
    for admin in two:
        assert await holder(admin, before) == "globex"
        context = admin.provider.context(Caller(ANONYMOUS, "test"))
        assert (await admin.provider.principals.authenticate(context, admin_token)).name == "admin"
    secrets = ServerSecrets(provider_home / "secrets.json")
    after = (await there.activate(waiting, "http://x")).bearer_token
    assert await holder(here, after) == "initech"
    async with here.provider.database.read() as rows:
        partner = await rows.providers.find("partner")
        # What is new is stored under the new pepper.
        assert await rows.recipient_reads.find_by_token(secrets.hash(after)) is not None
    assert partner is not None
    assert secrets.unseal(partner.sealed_profile) == PROFILE


def signers(folder: Path) -> tuple[ServerSecrets, UrlSigner, UrlSigner]:
    """The secrets in a new file, and the signers of two servers that have opened it."""
    path = folder / "secrets.json"
    server_secrets.create(path)
    return ServerSecrets(path), UrlSigner(ServerSecrets(path)), UrlSigner(ServerSecrets(path))


def opens(signer: UrlSigner, url: str) -> bool:
    resource, _, query = url.partition("?")
    try:
        signer.verify(resource, dict(parse_qsl(query)))
    except PermissionDenied:
        return False
    return True


def key_of(url: str) -> str:
    return dict(parse_qsl(url))["key"]


def test_urls_of_each_key_open_at_each_server_until_the_older_ones_have_expired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets, here, there = signers(tmp_path)
    now = time.time()
    ticket = Ticket("versions/v/d", "g", "t", 0, int(now) + 100_000)
    first = here.sign(ticket)
    secrets.add(pepper=False, url_key=True, used_from=int((now + 60) * 1000))
    # Every server has the new key a minute before the first of them uses it.
    assert key_of(there.sign(ticket)) == key_of(first)
    monkeypatch.setattr(server_secrets, "now_ms", lambda: int((now + 61) * 1000))
    second = there.sign(ticket)
    assert key_of(second) != key_of(first)
    assert [opens(signer, url) for signer in (here, there) for url in (first, second)] == [True] * 4
    later = int((now + 61 + LONGEST_URL_LIFETIME_SECONDS) * 1000)
    monkeypatch.setattr(server_secrets, "now_ms", lambda: later)
    # Whoever got hold of the old key can sign URLs that live for ever: they are no use now.
    assert [opens(there, url) for url in (first, second)] == [False, True]
    secrets.add(pepper=False, url_key=True, used_from=later)
    assert len(secrets.content.url_keys) == 2


def test_a_key_that_has_leaked_is_nothing_from_that_moment(tmp_path: Path) -> None:
    secrets, here, there = signers(tmp_path)
    ticket = Ticket("versions/v/d", "g", "t", 0, int(time.time()) + 100)
    leaked = here.sign(ticket)
    secrets.add(pepper=False, url_key=True, used_from=int(time.time() * 1000) + 60_000, forget=True)
    assert [opens(signer, leaked) for signer in (here, there)] == [False, False]
    assert opens(here, there.sign(ticket))


def test_a_file_that_breaks_under_a_running_server_stops_no_one(tmp_path: Path) -> None:
    secrets, here, _ = signers(tmp_path)
    whole = (tmp_path / "secrets.json").read_bytes()
    ticket = Ticket("versions/v/d", "g", "t", 0, int(time.time()) + 100)
    for damaged in (b"", b"{}", whole[:100], whole.replace(b'"secret":"', b'"secret":"no')):
        (tmp_path / "secrets.json").write_bytes(damaged)
        assert opens(here, here.sign(ticket))
        with pytest.raises(InvalidState, match="Restore it from a backup"):
            ServerSecrets(tmp_path / "secrets.json")
    (tmp_path / "secrets.json").unlink()
    assert secrets.hash("token")


async def test_a_server_with_other_secrets_than_its_database_is_not_started(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_provider(settings):
        pass
    kept = settings.secrets_path.read_bytes()
    settings.secrets_path.unlink()
    with pytest.raises(InvalidState, match=r"has been in use, and .*secrets\.json is missing"):
        async with open_provider(settings):
            pass
    assert not settings.secrets_path.exists()
    server_secrets.create(settings.secrets_path)
    with pytest.raises(InvalidState, match="are not those of "):
        async with open_provider(settings):
            pass
    settings.secrets_path.write_bytes(kept)
    async with open_provider(settings):
        pass


async def test_of_two_homes_that_start_together_one_is_told_whose_secrets_it_needs(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = replace(settings, secrets_file=tmp_path / "elsewhere.json")
    server_secrets.create(tmp_path / "elsewhere.json")
    async with open_provider(settings):
        pass
    recorded, first_looks = PepperRows.known, [set[str]()]

    async def known(rows: PepperRows) -> set[str]:
        """What the second home finds: nothing yet at its first look, the first one's peppers at the next."""
        return first_looks.pop() if first_looks else await recorded(rows)

    monkeypatch.setattr(PepperRows, "known", known)
    with pytest.raises(InvalidState, match="are not those of "):
        async with open_provider(elsewhere):
            pass
    with pytest.raises(InvalidState, match="are not those of "):
        async with open_provider(elsewhere):
            pass
    async with open_provider(settings):
        pass


async def test_a_machine_with_nothing_but_the_mounted_secrets_serves_the_same_metastore(
    postgres: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = CliRunner(tmp_path / "unused", monkeypatch, capsys)
    made = command.succeed("secrets", "create", str(tmp_path / "mounted"))
    secrets, keys = map(Path, made.out.split())
    assert (secrets.stat().st_mode & 0o777, keys.stat().st_mode & 0o777) == (0o600, 0o600)
    assert command("secrets", "create", str(tmp_path / "mounted")).code == 5
    assert not (tmp_path / "unused").exists()
    async with AsyncExitStack() as stack:
        url = stack.enter_context(postgres.database())
        one, two = (
            Settings(tmp_path / name, postgresql_url=url, secrets_file=secrets, signing_keys_file=keys)
            for name in ("one", "two")
        )
        here = AdminClient.of(await stack.enter_async_context(open_provider(one)))
        there = AdminClient.of(await stack.enter_async_context(open_provider(two)))
        token = (await here.activate(await here.share("acme", "globex"), "http://x")).bearer_token
        assert await holder(there, token) == "globex"
        assert one.admin_token_path.exists()
        assert not two.admin_token_path.exists()
        for settings in (one, two):
            assert not {secrets.name, keys.name} & {each.name for each in settings.home.iterdir()}
        secrets.unlink()
        with pytest.raises(InvalidState, match=r"secrets\.json cannot be used: .*No such file"):
            async with open_provider(two):
                pass
        assert not secrets.exists()


def test_the_commands_tell_what_there_is_and_no_secret(provider_home: Path, provider_cli: CliRunner) -> None:
    rotated = provider_cli.succeed("secrets", "rotate", "--url-keys", "--output", "json")
    assert [each["kind"] for each in rotated.json] == ["token pepper", "URL key", "URL key"]
    assert [each["used_from_at"] for each in rotated.json[:2]] == [None, None]
    assert rotated.json[2]["used_from_at"] > time.time() * 1000 + timedelta(minutes=1).total_seconds() * 1000
    listed = provider_cli.succeed("secrets", "list", "--output", "json")
    assert listed.json == rotated.json
    words = [word for word in (provider_home / "secrets.json").read_text().split('"') if len(word) == 64]
    assert len(words) == 3
    assert not [word for word in words if word in rotated.out + rotated.err]
    ended = provider_cli.succeed("secrets", "rotate", "--url-keys", "--forget-url-keys", "--output", "json")
    assert [each["kind"] for each in ended.json] == ["token pepper", "URL key"]
