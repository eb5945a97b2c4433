"""Who was given which version, by the audit log: whatever it was called, and before a deletion hits them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.errors import NotFound
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.events import AuditEvent
from model_sharing_provider.domain.pull_history import DeletionImpact
from model_sharing_provider.services.audit_recorder import AuditRecorder
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import create_user, grant_privileges, privileges_to_load, recipient_context

pytestmark = pytest.mark.each_database

SCORER = FullName.parse("prod.ml_team.scorer")
SHARED = SharedName("ml_team", "scorer")
DAY = 24 * 3600 * 1000


@dataclass(frozen=True)
class World:
    """A model of three versions, Champion at the third, shared with globex and initech."""

    admin: AdminClient

    async def pull(self, recipient: str, number: int | None = None, alias: str | None = None) -> None:
        context = await recipient_context(self.admin, recipient)
        files = self.admin.provider.recipient_files
        await files.version_files(context, "acme", SHARED, number=number, alias=alias)

    async def who(self, name: FullName = SCORER, number: int | None = None) -> list[tuple[str, int, int]]:
        pulls, _ = await self.admin.provider.pull_history.who_pulled(self.admin.context, name, number)
        return sorted((pull.recipient, pull.version, pull.pulls) for pull in pulls)


@pytest.fixture
async def world(admin: AdminClient, tmp_path: Path) -> World:
    for number in (1, 2, 3):
        folder = write_model(tmp_path / f"m{number}", {"weights": b"w" * number})
        await admin.register(folder, str(SCORER), "Champion")
    await admin.share("acme", "globex", str(SCORER))
    await admin.provider.recipients.create(admin.context, "initech")
    await admin.provider.share_permissions.grant(admin.context, "acme", "initech")
    return World(admin)


async def test_pulls_are_found_by_number_and_by_alias(world: World) -> None:
    assert await world.who() == []
    await world.pull("globex", 1)
    await world.pull("globex", 1)
    await world.pull("globex", alias="champion")
    await world.pull("initech", 2)
    assert await world.who() == [("globex", 1, 2), ("globex", 3, 1), ("initech", 2, 1)]
    assert await world.who(number=2) == [("initech", 2, 1)]
    pulls, _ = await world.admin.provider.pull_history.who_pulled(world.admin.context, SCORER)
    assert [pull.last_at for pull in pulls] == sorted((pull.last_at for pull in pulls), reverse=True)
    assert all(now_ms() - DAY < pull.first_at <= pull.last_at for pull in pulls)


async def test_what_was_refused_or_only_looked_at_is_no_pull(world: World) -> None:
    globex = await recipient_context(world.admin, "globex")
    view = world.admin.provider.recipient_view
    await view.get_version(globex, "acme", SHARED, 1)
    await view.resolve_alias(globex, "acme", SHARED, "champion")
    await world.admin.provider.recipient_files.version_files(
        globex, "acme", SHARED, number=1, include_urls=False
    )
    with pytest.raises(NotFound):
        await world.pull("globex", 9)
    assert await world.who() == []


async def test_versions_are_known_whatever_their_model_was_called(world: World) -> None:
    await world.pull("globex", 1)
    admin = world.admin
    await admin.provider.models.update(admin.context, SCORER, SecurableUpdate(new_name="renamed"))
    await admin.provider.shares.update(admin.context, "acme", changes=SecurableUpdate(new_name="other"))
    assert await world.who(FullName.parse("prod.ml_team.renamed")) == [("globex", 1, 1)]
    with pytest.raises(NotFound):
        await world.who()


async def test_how_far_each_recipient_is_behind_each_alias(world: World) -> None:
    admin = world.admin
    await admin.provider.models.set_alias(admin.context, SCORER, "Stable", 2)
    await world.pull("globex", 1)
    await world.pull("initech", 3)
    _, lags = await admin.provider.pull_history.who_pulled(admin.context, SCORER)
    assert [(lag.recipient, lag.alias, lag.version, lag.newest_pulled, lag.behind) for lag in lags] == [
        ("globex", "Champion", 3, 1, 2),
        ("globex", "Stable", 2, 1, 1),
        ("initech", "Champion", 3, 3, 0),
        ("initech", "Stable", 2, 3, 0),
    ]
    await admin.provider.versions.delete(admin.context, SCORER, 2)
    _, lags = await admin.provider.pull_history.who_pulled(admin.context, SCORER)
    assert [lag.behind for lag in lags] == [1, 0], "a version that is gone is not one to catch up with"


def described(impact: DeletionImpact) -> tuple[tuple[str, ...], list[tuple[str, int]]]:
    return impact.recipients, sorted((pull.recipient, pull.version) for pull in impact.pulls)


async def test_whom_a_deletion_would_affect(world: World) -> None:
    await world.pull("globex", 1)
    await world.pull("initech", 2)
    admin, history = world.admin, world.admin.provider.pull_history
    both = ("globex", "initech")
    pulled = [("globex", 1), ("initech", 2)]
    assert described(await history.impact_of_model(admin.context, SCORER)) == (both, pulled)
    assert described(await history.impact_of_model(admin.context, SCORER, 1)) == (both, pulled[:1])
    assert described(await history.impact_of_share(admin.context, "acme")) == (both, pulled)
    assert described(await history.impact_of_share(admin.context, "acme", "ML_team.scorer")) == (both, pulled)
    assert described(await history.impact_of_share(admin.context, "acme", "ml_team.other")) == (both, [])
    assert described(await history.impact_of_recipient(admin.context, "globex")) == (("globex",), pulled[:1])


async def test_a_schema_in_a_share_counts_with_its_models(admin: AdminClient, tmp_path: Path) -> None:
    await admin.register(write_model(tmp_path / "m"), str(SCORER))
    await admin.share("acme", "globex")
    await admin.add_schema("acme", "prod.ml_team")
    await World(admin).pull("globex", 1)
    history = admin.provider.pull_history
    assert described(await history.impact_of_share(admin.context, "acme", "ml_team"))[1] == [("globex", 1)]
    assert described(await history.impact_of_recipient(admin.context, "globex"))[1] == [("globex", 1)]


async def test_what_was_pulled_long_ago_is_no_warning(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    record = AuditRecorder.record

    async def long_ago(self: AuditRecorder, event: AuditEvent, *, deletes: bool = False) -> None:
        await record(self, replace(event, at=now_ms() - 91 * DAY), deletes=deletes)

    with monkeypatch.context() as earlier:
        earlier.setattr(AuditRecorder, "record", long_ago)
        await world.pull("globex", 1)
    assert await world.who() == [("globex", 1, 1)]
    impact = await world.admin.provider.pull_history.impact_of_model(world.admin.context, SCORER)
    assert impact.pulls == ()


async def test_an_owner_reads_it_over_unity_catalog(world: World, server: TestServer) -> None:
    await world.pull("globex", 1)
    admin = world.admin
    reader = await create_user(admin, "ana")
    await grant_privileges(admin, "ana", *privileges_to_load(str(SCORER)))
    _, token = await admin.provider.principals.create_token(admin.context, "admin")
    url = server.make_url(f"/api/2.1/unity-catalog/models/{SCORER}/pulls")
    async with aiohttp.ClientSession() as session:
        async with session.get(url, headers={"Authorization": f"Bearer {reader.token}"}) as answer:
            assert answer.status == 403
        headers = {"Authorization": f"Bearer {token}"}
        async with session.get(url, params={"version": "1"}, headers=headers) as answer:
            body = await answer.json()
    (pull,) = body["pulls"]
    assert (pull["recipient"], pull["version"], pull["pulls"]) == ("globex", 1, 1)
    assert [(lag["alias"], lag["behind"]) for lag in body["aliases"]] == [("Champion", 2)]
