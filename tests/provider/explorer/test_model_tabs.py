"""Who a model is shared with and what they pulled, and what was done with it: the tabs of a model's page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.names import FullName, SharedName
from model_sharing_provider.metastore.rows import audit_log
from model_sharing_provider.services.registry.tags import TagChange
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient, ExplorerPage, new_browser
from support.model_folder import write_model
from support.principals import create_user, grant_privileges, privileges_to_load, recipient_context

pytestmark = pytest.mark.each_database

NAME = "prod.ml_team.scorer"
SCORER = FullName.parse(NAME)


@pytest.fixture
async def scorer(admin: AdminClient, tmp_path: Path) -> FullName:
    """A model of three versions, Champion at the third; globex pulled the first, initech nothing."""
    for number in (1, 2, 3):
        folder = write_model(tmp_path / f"m{number}", {"x": b"x" * number})
        await admin.register(folder, NAME, "Champion")
    await admin.share("acme", "globex", NAME)
    await admin.provider.recipients.create(admin.context, "initech")
    await admin.provider.share_permissions.grant(admin.context, "acme", "initech")
    files, shared = admin.provider.recipient_files, SharedName("ml_team", "scorer")
    await files.version_files(await recipient_context(admin, "globex"), "acme", shared, number=1)
    return SCORER


@pytest.fixture
async def colleague(
    server: TestServer, admin: AdminClient, scorer: FullName
) -> AsyncIterator[ExplorerClient]:
    """Browser of somebody who may load the model, and nothing else."""
    ana = await create_user(admin, "ana")
    await grant_privileges(admin, "ana", *privileges_to_load(NAME))
    client = new_browser(server)
    await client.sign_in(ana.token)
    yield client
    await client.session.close()


def _cells(page: ExplorerPage, table: int) -> list[list[str]]:
    rows = page.soup.find_all("table")[table].select("tbody tr")
    return [[cell.get_text(" ", strip=True) for cell in row.find_all(["th", "td"])] for row in rows]


async def test_the_owner_sees_who_is_behind(explorer: ExplorerClient, scorer: FullName) -> None:
    page = await explorer.open(f"/explorer/models/{NAME}/shared")
    assert _cells(page, 0) == [["acme", "ml_team.scorer Copy", "globex , initech"]]
    globex, initech = _cells(page, 1)
    assert globex == ["globex", "Version 1 of 3", "just now", "2 behind @Champion"]
    assert initech == ["initech", "none", "", ""]
    assert _cells(page, 2) == [["@Champion", "3", "nobody yet"]]


async def test_a_colleague_does_not_see_who_pulled(colleague: ExplorerClient) -> None:
    page = await colleague.open(f"/explorer/models/{NAME}/shared")
    assert "It is in no share of yours." in page.text
    assert "globex" not in page.text
    page = await colleague.open(f"/explorer/models/{NAME}/activity")
    assert "ana lacks OWNERSHIP on model 'prod.ml_team.scorer'" in page.text
    assert page.soup.find("table") is None


async def test_a_look_at_a_tab_is_no_denial(
    colleague: ExplorerClient, admin: AdminClient, scorer: FullName
) -> None:
    for tab in ("", "/permissions", "/shared", "/activity"):
        assert (await colleague.open(f"/explorer/models/{NAME}{tab}")).status == 200
    assert await admin.provider.audit.latest(admin.context, 10, principal="ana", outcome="DENIED") == []


async def test_activity_shows_changes_and_on_demand_all_calls(
    explorer: ExplorerClient, admin: AdminClient, scorer: FullName
) -> None:
    await admin.provider.models.tag(admin.context, scorer, TagChange({"task": "claims"}))
    await admin.provider.versions.update(admin.context, scorer, 2, "better")
    page = await explorer.open(f"/explorer/models/{NAME}/activity")
    shown = [row[1:5] for row in _cells(page, 0)]
    assert shown[:2] == [
        ["admin", "updateModelVersion", "2", "ok"],
        ["admin", "updateRegisteredModelTags", "the model", "ok"],
    ]
    assert not any(row[1].startswith(("get", "list")) for row in shown)
    page = await explorer.open(f"/explorer/models/{NAME}/activity?reads=yes")
    assert "listAuditLog" in page.text


async def test_activity_goes_back_a_bounded_part_of_the_log_a_page(
    explorer: ExplorerClient, admin: AdminClient, scorer: FullName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "RECENT_EVENTS", 4)
    for _ in range(9):
        await admin.provider.catalogs.get(admin.context, "prod")
    page = await explorer.open(f"/explorer/models/{NAME}/activity")
    assert "Look further back on the next page." in page.text
    seen = []
    while following := page.soup.find("a", rel="next"):
        page = await explorer.open(str(following["href"]))
        seen += [row[2] for row in _cells(page, 0)] if page.soup.find("table") else []
    assert seen.count("createModelVersion") == 3
