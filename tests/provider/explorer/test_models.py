"""Pages of a model: what its owner sees and does there, and what a colleague with less does not."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.names import FullName
from model_sharing_provider.governance.privileges import Privilege
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient, new_browser
from support.model_folder import write_model
from support.principals import (
    create_user,
    grant_privileges,
    on_model,
    privileges_to_load,
)

NAME = "prod.ml_team.iris_model"
PAGE = f"/explorer/models/{NAME}"
HOSTILE = "<img/src=x onerror=alert(1)>\"'{{7*7}}"


@pytest.fixture
async def iris(admin: AdminClient, tmp_path: Path) -> FullName:
    """A model with three versions, of which the second is the Champion."""
    for number in (1, 2, 3):
        folder = write_model(tmp_path / f"m{number}")
        (folder / "extra").write_text(str(number))
        await admin.register(folder, NAME, "Champion" if number == 2 else None)
    return FullName.parse(NAME)


@pytest.fixture
async def colleague(server: TestServer, admin: AdminClient, iris: FullName) -> AsyncIterator[ExplorerClient]:
    """Browser of somebody who may load the model, and nothing else."""
    ana = await create_user(admin, "ana")
    await grant_privileges(admin, "ana", *privileges_to_load(NAME))
    client = new_browser(server)
    await client.sign_in(ana.token)
    yield client
    await client.session.close()


async def test_the_owner_describes_tags_and_renames_a_model(
    explorer: ExplorerClient, admin: AdminClient, iris: FullName
) -> None:
    page = await explorer.open(PAGE)
    assert page.title == "iris_model"
    page = await page.submit("Save", comment="# Iris\n\n**Flowers**\r\nby petals")
    assert "Saved." in page.text
    assert [page.soup.find("strong").text, page.soup.select_one(".markdown h3").text] == ["Flowers", "Iris"]  # type: ignore[union-attr]
    page = await page.submit("Set tag", key="task", value="classification")
    assert "task: classification" in page.text
    page = await page.submit("Remove task")
    assert "task: classification" not in page.text
    page = await page.submit("Rename", name="iris")
    assert (page.title, page.url.path) == ("iris", "/explorer/models/prod.ml_team.iris")
    model = await admin.provider.models.get(admin.context, FullName.parse("prod.ml_team.iris"))
    assert model.comment == "# Iris\n\n**Flowers**\nby petals"


async def test_the_owner_sets_moves_and_deletes_aliases(
    explorer: ExplorerClient, admin: AdminClient, iris: FullName
) -> None:
    page = await explorer.open(PAGE)
    page = await page.submit("Set alias", alias="Challenger", version="3")
    assert "models:/prod.ml_team.iris_model@Challenger" in page.text
    page = await page.submit("Move Champion", version="3")
    page = await page.submit("Delete alias Challenger")
    model = await admin.provider.models.get(admin.context, iris)
    assert (model.aliases, "Challenger" in page.text) == ({"Champion": 3}, False)
    page = await page.submit("Set alias", alias="next", version="9")
    assert (page.status, "has no READY version 9" in page.text) == (404, True)


async def test_versions_are_newest_first_and_two_are_compared(
    explorer: ExplorerClient, iris: FullName
) -> None:
    page = await explorer.open(PAGE)
    shown = [row.text for row in page.soup.select("form table tbody th")]
    assert shown == ["Version 3", "Version 2", "Version 1"]
    page = await page.submit("Compare", version=["3", "1"])
    assert (page.url.path, page.url.query_string) == (f"{PAGE}/compare", "a=1&b=3")
    page = await (await explorer.open(PAGE)).submit("Compare", version=["3"])
    assert (page.status, "Choose two versions to compare, not 1." in page.text) == (400, True)


async def test_a_colleague_sees_each_control_with_the_privilege_that_it_needs(
    colleague: ExplorerClient,
) -> None:
    page = await colleague.open(PAGE)
    assert page.status == 200
    for label, missing in (
        ("Register a version", "OWNERSHIP on model 'prod.ml_team.iris_model'"),
        ("Rename", "CREATE_MODEL on schema 'prod.ml_team'"),
        ("Change owner", "OWNERSHIP or MANAGE on model"),
        ("Delete", "OWNERSHIP on model"),
        ("✎ Edit description", "OWNERSHIP on model"),
        ("Edit tags", "OWNERSHIP or APPLY_TAG on model"),
        ("Set alias", "OWNERSHIP on model"),
    ):
        assert missing in page.refusal(label), label
    assert [form["action"] for form in page.soup.find_all("form", method="post")] == ["/explorer/sign-out"]


async def test_a_form_of_somebody_else_changes_nothing(
    colleague: ExplorerClient, admin: AdminClient, iris: FullName
) -> None:
    before = await admin.provider.models.get(admin.context, iris)
    token = (await colleague.open(PAGE)).soup.find("input", {"name": "csrf_token"})["value"]  # type: ignore[index]
    for path, fields in (
        ("", {"comment": "mine"}),
        ("", {"name": "mine"}),
        ("", {"owner": "ana"}),
        ("/aliases", {"alias": "Champion", "version": "1"}),
        ("/aliases/Champion/delete", {}),
        ("/tags", {"key": "a", "value": "b"}),
    ):
        page = await colleague.post(PAGE + path, [("csrf_token", str(token)), *fields.items()])
        assert (page.status, "lacks" in page.text) == (403, True), path
    assert await admin.provider.models.get(admin.context, iris) == before


async def test_whoever_may_tag_sees_that_control_alone(colleague: ExplorerClient, admin: AdminClient) -> None:
    await grant_privileges(admin, "ana", on_model(Privilege.APPLY_TAG, NAME))
    page = await (await colleague.open(PAGE)).submit("Set tag", key="checked", value="yes")
    assert "checked: yes" in page.text


async def test_a_model_of_others_looks_like_a_missing_one(
    colleague: ExplorerClient, admin: AdminClient, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "secret"), "secret.lab.scorer")
    there, missing = [
        await colleague.open(f"/explorer/models/{name}") for name in ("secret.lab.scorer", "secret.lab.none")
    ]
    assert there.status == missing.status == 403
    assert there.title == missing.title == "You may not do this"
    for page in (there, missing):
        assert "ana lacks USE_CATALOG on catalog 'secret'" in page.text


async def test_text_of_others_is_shown_and_does_nothing(explorer: ExplorerClient, iris: FullName) -> None:
    page = await (await explorer.open(PAGE)).submit("Save", comment=f"{HOSTILE} ![x](https://e.example/x)")
    page = await page.submit("Set tag", key=HOSTILE, value=HOSTILE)
    page = await page.submit("Set alias", alias="<b>'\"$(id)`", version="1")
    assert page.status == 200
    assert not page.soup.find_all(["img", "script"], src=lambda src: src and "static" not in src)
    assert not page.soup.select("main b")
    assert f"{HOSTILE}: {HOSTILE}" in page.text
    assert "@<b>'\"$(id)`" in page.text


async def test_an_alias_is_quoted_in_the_lines_that_use_it(explorer: ExplorerClient, iris: FullName) -> None:
    page = await (await explorer.open(PAGE)).submit("Delete alias Champion")
    page = await page.submit("Set alias", alias="it's$(id)", version="1")
    code = [each.text for each in page.soup.select(".use pre")]
    assert """load_model("models:/prod.ml_team.iris_model@it's$(id)")""" in code[0]
    assert "--revision 'it'\"'\"'s$(id)'" in code[1]


async def test_lines_of_curl_reach_the_versions_and_files(
    explorer: ExplorerClient, iris: FullName, provider_home: Path
) -> None:
    page = await explorer.open(PAGE)
    code = next(each.text for each in page.soup.select(".use pre") if "curl" in each.text)
    headers = {"Authorization": f"Bearer {(provider_home / 'admin.token').read_text()}"}
    for line, key in zip(code.splitlines()[1:], ("model_versions", "contents"), strict=True):
        async with aiohttp.request("GET", shlex.split(line)[-1], headers=headers) as answer:
            assert (answer.status, len((await answer.json())[key])) == (200, 3)


async def test_lists_show_the_beginning_of_a_description_without_its_marks(
    explorer: ExplorerClient, iris: FullName
) -> None:
    text = (
        f"# Iris\n\nClassifies **iris**, see [the report](https://e.example).\n\n{HOSTILE}\n\n" + "x" * 5000
    )
    await (await explorer.open(PAGE)).submit("Save", comment=text)
    page = await explorer.open("/explorer/schemas/prod.ml_team")
    shown = page.soup.select_one("small.cut").text  # type: ignore[union-attr]
    assert shown.startswith(f"Iris Classifies iris, see the report. {HOSTILE} xxx")
    assert len(shown) < 300
