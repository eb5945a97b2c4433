"""Upload of a model by the browser: the window is closed in the middle, and another one sends the rest."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, Request, Route

from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.securables import VersionStatus
from model_sharing_provider.faces.explorer import uploads
from support.admin_client import AdminClient
from support.browser import Person, Windows
from support.model_folder import write_model

NAME = FullName.parse("prod.ml_team.scorer")
PART = 256 * 1024
PARTS = 12
_PART_SENT = re.compile(r"/parts/(\d+)$")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of some MB, whose large file ends in the middle of a part."""
    weights = os.urandom(PART * PARTS - 1000)
    return write_model(tmp_path / "model", {"model.pkl": weights, "extra/notes.txt": b""})


def _sent(page: Page) -> list[int]:
    """Numbers of the parts that a page sends, from now on."""
    numbers: list[int] = []

    def note(request: Request) -> None:
        if found := _PART_SENT.search(request.url):
            numbers.append(int(found[1]))

    page.on("request", note)
    return numbers


async def _choose(person: Person, folder: Path) -> None:
    await person.page.get_by_label("A model's folder").set_input_files(folder)
    await person.page.get_by_role("button", name="Upload", exact=True).click()


async def test_an_upload_goes_on_in_another_window(
    windows: Windows,
    admin: AdminClient,
    provider_home: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uploads, "PART_BYTES", PART)
    await admin.provider.catalogs.create(admin.context, "prod")
    await admin.provider.catalogs.create_schema(admin.context, NAME.schema_name)
    token = (provider_home / "admin.token").read_text()
    first = await windows.new()
    await first.sign_in(token, f"/explorer/register?model={NAME}")
    await first.page.get_by_role("button", name="Go on to the files").click()
    await first.page.get_by_role("heading", name="Upload scorer version 1").wait_for()

    async def never(route: Route) -> None:
        """A line that is dead: the request is neither answered nor refused."""

    await first.page.route(re.compile(r"/parts/([6-9]|1\d)$"), never)
    await _choose(first, folder)
    await first.page.get_by_text(re.compile(r"^uploading: 1\.3 MiB of 3\.0 MiB")).wait_for()
    await first.page.context.close()
    arrived = await admin.provider.multipart.arrived(admin.context, NAME, 1)
    (parts,) = arrived.sessions.values()
    assert [part.number for part in parts] == [1, 2, 3, 4, 5]

    second = await windows.new()
    await second.sign_in(token, f"/explorer/register/uploads/{NAME}/1")
    await second.page.get_by_text("1 file in part").wait_for()
    sent = _sent(second.page)
    await _choose(second, folder)
    await second.page.get_by_role("heading", name="scorer version 1").wait_for()
    await second.page.get_by_text("Registered.").wait_for()
    assert sorted(sent) == list(range(6, PARTS + 1))
    version = await admin.provider.versions.get(admin.context, NAME, 1)
    expected = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert (version.status, version.size) == (VersionStatus.READY, expected)


async def test_what_is_no_model_is_said_on_the_page(
    windows: Windows, admin: AdminClient, provider_home: Path, tmp_path: Path
) -> None:
    await admin.provider.catalogs.create(admin.context, "prod")
    await admin.provider.catalogs.create_schema(admin.context, NAME.schema_name)
    person = await windows.new()
    await person.sign_in((provider_home / "admin.token").read_text(), f"/explorer/register?model={NAME}")
    await person.page.get_by_role("button", name="Go on to the files").click()
    await person.page.get_by_role("heading", name="Upload scorer version 1").wait_for()
    folder = write_model(tmp_path / "model")
    (folder / "MLmodel").write_text("flavors: {}")
    await _choose(person, folder)
    await person.page.locator("#messages").get_by_role("alert").wait_for()
    await person.open(f"/explorer/models/{NAME}/versions/1")
    await person.page.get_by_text("failed").first.wait_for()
