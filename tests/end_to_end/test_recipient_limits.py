"""Limits of a recipient, as it meets them: at two servers, in downloads, from a bucket, and in the log."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

import model_sharing
from model_sharing_protocol.errors import TooManyRequests
from model_sharing_protocol.names import SharedName
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_protocol.profile import write_profile
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Outcome
from model_sharing_provider.domain.recipient_limits import LimitPeriod, RecipientLimits
from model_sharing_provider.http.urls import FILES_PREFIX
from model_sharing_provider.services.registry.updates import NO_CHANGE
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.patience import PATIENCE
from support.principals import recipient_context
from support.processes.provider import ProviderProcess

NAME = "prod.ml_team.scorer"
FILES = {"weights.bin": os.urandom(3_000_000)}
ALIAS = f"{PREFIX}/shares/acme/schemas/ml_team/models/scorer/aliases/champion"
QUERY = f"{PREFIX}/shares/acme/schemas/ml_team/models/scorer/versions/1/query"
MOST = 150
FREE = 2 * 3


async def limit(admin: AdminClient, **limits: int) -> None:
    new = RecipientLimits(**limits)
    await admin.provider.recipients.update(admin.context, "globex", NO_CHANGE, None, lambda _: new)


async def reached(admin: AdminClient) -> list[str]:
    """Recipients that reached a limit, by the audit log."""
    found = await admin.provider.audit.latest(admin.context, 1000, action=AuditAction.REACH_RECIPIENT_LIMIT)
    return [event.target.recipient for event in found]


class TestTwoServers:
    @pytest.fixture(params=["sqlite", "postgresql"])
    def settings(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
        with ExitStack() as stack:
            url = ""
            if request.param == "postgresql":
                url = stack.enter_context(request.getfixturevalue("postgres").database())
            yield Settings(tmp_path / "home", postgresql_url=url)

    @pytest.fixture
    def servers(self, settings: Settings) -> Iterator[list[str]]:
        environment = {"MODEL_SHARING_PROVIDER_DATABASE_URL": settings.postgresql_url}
        with ExitStack() as stack:
            yield [
                f"http://127.0.0.1:{stack.enter_context(process).port}"
                for process in (ProviderProcess(settings.home, environment=environment) for _ in range(2))
            ]

    async def test_many_clients_of_one_recipient_never_exceed_the_limit(
        self, settings: Settings, servers: list[str], tmp_path: Path
    ) -> None:
        async with open_provider(settings) as provider:
            admin = AdminClient.of(provider)
            await admin.register(write_model(tmp_path / "m", FILES), NAME, "Champion")
            profile = await admin.activate(await admin.share("acme", "globex", NAME), "http://unused")
            await limit(admin, requests_per_minute=MOST)
            headers = {"Authorization": f"Bearer {profile.bearer_token}"}
            answers: list[int] = []
            waits: list[int] = []

            async def ask(session: aiohttp.ClientSession, server: str) -> None:
                for _ in range(30):
                    async with session.get(server + ALIAS, headers=headers) as answer:
                        answers.append(answer.status)
                        if answer.status == 429:
                            waits.append(int(answer.headers["Retry-After"]))
                            assert f"{MOST} requests of this minute" in (await answer.json())["message"]

            async with aiohttp.ClientSession() as session:
                began = int(time.time() // 60)
                await asyncio.gather(*(ask(session, server) for server in servers for _ in range(6)))
                minutes = int(time.time() // 60) - began + 1
            assert set(answers) == {200, 429}
            assert answers.count(200) <= minutes * (MOST + FREE)
            assert answers.count(200) >= MOST / 2
            assert all(1 <= wait <= 60 for wait in waits)
            assert 1 <= len(await reached(admin)) <= minutes, "once in a period, and not for each request"


async def _minute() -> int:
    from time import time

    return int(time()) // 60


@pytest.fixture
async def profile(admin: AdminClient, endpoint: str, tmp_path: Path) -> Path:
    await admin.register(write_model(tmp_path / "m", FILES), NAME, "Champion")
    profile = await admin.activate(await admin.share("acme", "globex", NAME), endpoint)
    write_profile(profile.to_json(), tmp_path / "globex.share")
    return tmp_path / "globex.share"


async def test_a_download_ends_plainly_and_goes_on_once_there_is_more(
    admin: AdminClient, profile: Path, recipient_home: Path
) -> None:
    await limit(admin, bytes_per_day=2_000_000)
    vendor = await asyncio.to_thread(model_sharing.mount, profile, share="acme", name="vendor")
    with pytest.raises(TooManyRequests, match=r"globex.*ask the provider") as refusal:
        await asyncio.to_thread(vendor.snapshot, "ml_team.scorer@Champion")
    assert refusal.value.retry_after > 0
    assert await reached(admin) == ["globex"]
    await limit(admin, bytes_per_day=10_000_000)
    snapshot = await asyncio.to_thread(vendor.snapshot, "ml_team.scorer@Champion")
    assert (snapshot.folder / "weights.bin").read_bytes() == FILES["weights.bin"]
    usage = await admin.provider.recipients.usage(admin.context, "globex")
    assert usage.limits.bytes_per_day == 10_000_000
    assert usage.used[LimitPeriod.DAY] >= snapshot.fetched


async def test_the_default_of_the_settings_is_for_all(
    settings: Settings, admin: AdminClient, profile: Path, recipient_home: Path
) -> None:
    async with open_provider(replace(settings, recipient_bytes_per_day=5)) as limited:
        usage = await limited.recipients.usage(AdminClient.of(limited).context, "globex")
        assert usage.limits == RecipientLimits(0, 5, 0)


async def test_a_file_counts_as_what_was_sent_of_it(
    admin: AdminClient, endpoint: str, tmp_path: Path
) -> None:
    large = 64_000_000
    await admin.register(write_model(tmp_path / "m", {"weights.bin": bytes(large)}), NAME)
    await admin.activate(await admin.share("acme", "globex", NAME), endpoint)
    found = await admin.provider.recipient_files.version_files(
        await recipient_context(admin, "globex"), "acme", SharedName("ml_team", "scorer"), number=1
    )
    [weights] = [each for each in found.files if each.file.path == "weights.bin"]
    url = f"{endpoint.removesuffix(PREFIX)}{FILES_PREFIX}/{weights.url}"
    async with aiohttp.ClientSession() as session:

        async def status(method: str = "GET", **headers: str) -> int:
            async with session.request(method, url, headers=headers) as answer:
                await answer.read()
                return answer.status

        await limit(admin, bytes_per_day=large + 1000)
        assert [await status("HEAD") for _ in range(3)] == [200] * 3
        assert await status(Range="bytes=0-499") == 206
        async with session.get(url) as answer:
            await answer.content.readexactly(1000)
            answer.close()  # in the middle: the rest was not sent
        async with asyncio.timeout(PATIENCE):
            while await status(Range=f"bytes=0-{large // 2}") == 429:  # noqa: ASYNC110 - the server's end
                await asyncio.sleep(0.05)
        assert await status() == 429


class TestFromABucket:
    @pytest.fixture
    def settings(self, provider_home: Path, bucket: str) -> Settings:
        return Settings(provider_home, artifact_root=bucket)

    async def test_issued_urls_count_as_their_files_once_a_day(
        self, admin: AdminClient, profile: Path, endpoint: str, tmp_path: Path
    ) -> None:
        await limit(admin, bytes_per_day=5_000_000)
        token = json.loads(profile.read_text())["bearerToken"]

        async def query(version: int) -> int:
            url = endpoint.removesuffix(PREFIX) + QUERY.replace("/1/", f"/{version}/")
            headers = {"Authorization": f"Bearer {token}"}
            async with aiohttp.ClientSession() as session, session.post(url, headers=headers) as answer:
                return answer.status

        assert [await query(1) for _ in range(5)] == [200] * 5
        await admin.register(write_model(tmp_path / "m2", {"weights.bin": os.urandom(3_000_000)}), NAME)
        assert [await query(2) for _ in range(3)] == [429] * 3
        assert await query(1) == 200
        assert await reached(admin) == ["globex"]
        events = await admin.provider.audit.latest(admin.context, 1000)
        denied = {event.action for event in events if event.outcome is not Outcome.OK}
        assert denied == {AuditAction.REACH_RECIPIENT_LIMIT}


def model_sharing_token(profile: Path) -> str:
    import json

    return str(json.loads(profile.read_text())["bearerToken"])
