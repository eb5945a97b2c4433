"""Pages of a version: what its owner sees and does there, and what a colleague with less does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_sharing_protocol.names import FullName
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient
from support.model_folder import write_model
from support.principals import create_user, grant_privileges, privileges_to_load

NAME = "prod.ml_team.scorer"
PAGE = f"/explorer/models/{NAME}/versions/1"


@pytest.fixture
async def scorer(admin: AdminClient, tmp_path: Path) -> None:
    """A model with two versions, the first one Champion."""
    await admin.register(
        write_model(tmp_path / "1", {"weights.bin": b"first", "code/run.py": b"print('<b>hi</b>')"}),
        NAME,
        alias="Champion",
    )
    await admin.register(write_model(tmp_path / "2", {"weights.bin": b"other", "README.md": b"# Card"}), NAME)


@pytest.mark.usefixtures("scorer")
async def test_an_owner_describes_tags_and_points_aliases(explorer: ExplorerClient) -> None:
    page = await explorer.open(PAGE)
    assert (page.status, page.title) == (200, "scorer version 1 ready")
    assert "@Champion" in page.text
    page = await page.submit("Save", comment="Trained on **July**.")
    assert "Saved." in page.text
    assert page.soup.find("strong", string="July")
    page = await page.submit("Set alias", alias="Baseline")
    assert "@Baseline" in page.text
    page = await page.submit("Remove Baseline")
    assert "@Baseline" not in page.text
    page = await page.submit("Set tag", key="validation_status", value="approved")
    assert "validation_status: approved" in page.text
    page = await page.submit("Remove validation_status")
    assert "validation_status" not in page.text


@pytest.mark.usefixtures("scorer")
async def test_files_are_shown_as_text_and_never_as_pages(explorer: ExplorerClient) -> None:
    page = await explorer.open(f"{PAGE}/files")
    assert "may run code" in page.text
    code = await explorer.open(f"{PAGE}/files?folder=code")
    assert "run.py is Python code" in code.text or "is Python code" in code.text
    text = await explorer.open(f"{PAGE}/files/text?path=code/run.py")
    assert "print('<b>hi</b>')" in text.soup.find("pre").get_text()  # type: ignore[union-attr]
    async with explorer.session.get(
        explorer.base.join(page.url / "download") % {"path": "code/run.py"}
    ) as answer:
        assert await answer.read() == b"print('<b>hi</b>')"
        assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''run.py"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"] == "application/octet-stream"
    for path in ("../secrets.json", "nothing", "", "%00"):
        assert (await explorer.open(f"{PAGE}/files/text?path={path}")).status == 404, path


@pytest.mark.usefixtures("scorer")
async def test_a_version_is_copied_recalled_and_deleted(explorer: ExplorerClient, admin: AdminClient) -> None:
    page = await (await explorer.open(PAGE)).submit("Copy", destination="prod.ml_team.copied")
    assert page.url.path == "/explorer/models/prod.ml_team.copied/versions/1"
    assert f"models:/{NAME}/1" in page.text
    page = await (await explorer.open(PAGE)).submit(
        "Recall version 1", reason="Leaks names.", replacement="2"
    )
    assert "Leaks names." in page.text
    assert (await admin.provider.models.get(admin.context, FullName.parse(NAME))).aliases == {"Champion": 2}
    page = await page.submit("Lift the recall")
    assert "Leaks names." not in page.text
    page = await explorer.open(f"{PAGE}/delete")
    refused = await page.submit("Delete for good", confirmation="1")
    assert (refused.status, "type 'prod.ml_team.scorer/1' to confirm" in refused.text) == (400, True)
    page = await page.submit("Delete for good", confirmation=f"{NAME}/1")
    assert page.url.path == f"/explorer/models/{NAME}"
    assert (await explorer.open(PAGE)).status == 404


@pytest.mark.usefixtures("scorer")
async def test_two_versions_are_compared(explorer: ExplorerClient) -> None:
    page = await explorer.open(f"/explorer/models/{NAME}/compare?a=1&b=2")
    assert page.title == "Versions 1 and 2"
    assert "code/run.py removed" in page.text
    assert "README.md new" in page.text
    assert "weights.bin changed" in page.text
    assert (await explorer.open(f"/explorer/models/{NAME}/compare?a=1&b=x")).status == 400
    assert (await explorer.open(f"/explorer/models/{NAME}/compare?a=1&b=9")).status == 404


@pytest.mark.usefixtures("scorer")
async def test_all_tabs_open(explorer: ExplorerClient, admin: AdminClient) -> None:
    payload = {"entities": [{"table": {"name": "prod.ml_team.iris"}}]}
    await admin.provider.lineage.emit(admin.context, FullName.parse(NAME), 2, "UPSTREAM", payload)
    page = f"/explorer/models/{NAME}/versions/2"
    assert "prod.ml_team.iris" in (await explorer.open(f"{page}/lineage")).text
    schema = await explorer.open(f"{page}/schema")
    assert "Inputs" in schema.text
    assert "Card" in schema.text
    assert "--key-fingerprint" in (await explorer.open(f"{page}/signature")).text


@pytest.mark.usefixtures("scorer")
async def test_a_reader_sees_and_changes_nothing(admin: AdminClient, stranger: ExplorerClient) -> None:
    ana = await create_user(admin, "ana")
    await stranger.sign_in(ana.token)
    assert (await stranger.open(PAGE)).status == 403
    await grant_privileges(admin, "ana", *privileges_to_load(NAME))
    page = await stranger.open(PAGE)
    assert page.status == 200
    for label in ("✎ Edit description", "Edit aliases", "Recall", "Delete"):
        assert page.refusal(label) == f"ana lacks OWNERSHIP on model '{NAME}'", label
    assert page.refusal("Edit tags") == f"ana lacks OWNERSHIP or APPLY_TAG on model '{NAME}'"
    refused = await page.submit("Copy", destination="prod.ml_team.mine")
    assert (refused.status, "lacks CREATE_MODEL" in refused.text) == (403, True)
    token = str(page.form("Copy").find("input", {"name": "csrf_token"})["value"])  # type: ignore[index]
    for path in ("", "/aliases", "/tags", "/recall", "/recall/lift", "/delete"):
        fields = {"alias": "x", "key": "k", "reason": "r", "confirmation": f"{NAME}/1", "csrf_token": token}
        answer = await stranger.post(PAGE + path, list(fields.items()))
        assert answer.status == 403, path
    assert "bytes" not in (await stranger.open(f"{PAGE}/lineage")).text
    for tab in ("files", "schema", "lineage", "signature"):
        assert (await stranger.open(f"{PAGE}/{tab}")).status == 200
