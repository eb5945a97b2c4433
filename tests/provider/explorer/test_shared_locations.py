"""Tables, volumes and agent skills on the pages of a share: added, shown and removed by forms alone."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.securables import SecurableType
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient
from support.principals import change_owner, create_user

SHARE = "/explorer/shares/acme"
ADD = "Add from its location"
SKILL = "---\nname: read-pdf\ndescription: Reads <b>PDF</b> files.\n---\n# How\n"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A folder that administrators allowed, with one of each kind, and one beside it."""
    for folder in ("flowers", "prompts", "read-pdf", "empty"):
        (tmp_path / "lake" / folder).mkdir(parents=True)
    pq.write_table(pa.table({"petals": [4, 5]}), tmp_path / "lake" / "flowers" / "part.parquet")
    (tmp_path / "lake" / "prompts" / "greeting.txt").write_text("Hello")
    (tmp_path / "lake" / "read-pdf" / "SKILL.md").write_text(SKILL)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.txt").write_text("secret")
    return tmp_path / "lake"


@pytest.fixture
def settings(provider_home: Path, lake: Path) -> Settings:
    return Settings(provider_home, external_locations=(lake.as_uri(),))


async def test_each_kind_is_added_shown_and_removed(
    explorer: ExplorerClient, admin: AdminClient, lake: Path
) -> None:
    await admin.provider.shares.create(admin.context, "acme")
    page = await explorer.open(SHARE)
    assert "share add-table acme" in page.text and "share add-skill acme" in page.text
    for kind, folder, name in (
        ("table", "flowers", "training.flowers"),
        ("volume", "prompts", "evaluation.prompts"),
        ("skill", "read-pdf", "agents.read-pdf"),
    ):
        page = await page.submit(ADD, kind=kind, location=(lake / folder).as_uri(), shared_as=name)
        assert f"{name} {kind} {(lake / folder).as_uri()}" in page.text
    assert "Reads <b>PDF</b> files." in page.text, "as text, not as HTML"
    preview = await explorer.open(f"{SHARE}/preview")
    for shown in ("training.flowers table", "evaluation.prompts volume", "agents.read-pdf skill Reads"):
        assert shown in preview.text
    assert str(lake) not in preview.text, "recipients are not told where it is"
    assert "They see nothing." not in preview.text
    for name in ("training.flowers", "evaluation.prompts", "agents.read-pdf"):
        page = await page.submit(f"Remove {name}")
    assert "Nothing is shared yet." in page.text
    assert "They see nothing." in (await explorer.open(f"{SHARE}/preview")).text


async def test_what_cannot_be_added_is_told_on_a_page(
    explorer: ExplorerClient, admin: AdminClient, lake: Path
) -> None:
    await admin.provider.shares.create(admin.context, "acme")
    page = await explorer.open(SHARE)
    flowers = (lake / "flowers").as_uri()
    for kind, location, name, status, said in (
        ("model", flowers, "a.b", 400, "'model' is not one of table, volume, skill"),
        ("table", flowers, "flowers", 400, "flowers"),
        ("table", flowers, "", 400, "table"),
        ("table", "prod.ml_team.flowers", "a.b", 400, "give the location"),
        ("table", (lake / "absent").as_uri(), "a.b", 404, "no Delta table"),
        ("volume", (lake / "empty").as_uri(), "a.b", 404, "no files"),
        ("volume", (lake.parent / "elsewhere").as_uri(), "a.b", 403, "outside"),
        ("volume", f"{lake.as_uri()}/../elsewhere", "a.b", 400, ".."),
        ("skill", (lake / "prompts").as_uri(), "a.prompts", 404, "SKILL.md"),
        ("volume", "javascript://x/%0aalert(1)", "a.b", 400, "javascript"),
    ):
        refused = await page.submit(ADD, kind=kind, location=location, shared_as=name)
        assert (refused.status, said in refused.text) == (status, True), (kind, location, refused.text)
    _, objects, _ = await admin.provider.shares.get(admin.context, "acme")
    assert objects == []


async def test_an_owner_who_does_not_administer_is_told_why(
    stranger: ExplorerClient, admin: AdminClient, lake: Path
) -> None:
    await admin.provider.shares.create(admin.context, "acme")
    ana = await create_user(admin, "ana")
    await change_owner(admin, admin.context, SecurableType.SHARE, "acme", "ana")
    await stranger.sign_in(ana.token)
    page = await stranger.open(SHARE)
    assert page.refusal("Add to share") == ""
    assert page.refusal("Add table, volume or skill").startswith("ana lacks")
    token = page.form("Add").find("input", {"name": "csrf_token"})
    assert token is not None
    sent = [
        ("csrf_token", str(token["value"])),
        ("kind", "volume"),
        ("location", (lake / "prompts").as_uri()),
        ("shared_as", "a.b"),
    ]
    assert (await stranger.post(f"{SHARE}/contents/locations", sent)).status == 403
