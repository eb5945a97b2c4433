"""Registration by the explorer: uploads whose parts are found again, in place, and what is refused."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from yarl import URL

from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.securables import VersionStatus
from model_sharing_provider.governance.privileges import Privilege
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient, ExplorerPage, new_browser
from support.model_folder import write_model
from support.principals import create_user, grant_privileges, on_catalog, on_schema

NAME = FullName.parse("prod.ml_team.scorer")
PAGE = f"/explorer/register/uploads/{NAME}/1"
HEADERS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def schema(admin: AdminClient) -> None:
    await admin.provider.catalogs.create(admin.context, "prod")
    await admin.provider.catalogs.create_schema(admin.context, NAME.schema_name)


class Script:
    """The page's script, as the server hears it."""

    def __init__(self, page: ExplorerPage) -> None:
        upload = page.soup.select_one("[data-upload]")
        assert upload is not None, page.text
        self._session = page.client.session
        self._base = page.client.base
        self._path = str(upload["data-upload"])
        self._headers = HEADERS | {"X-CSRF-Token": str(upload["data-csrf"])}

    async def post(self, call: str, body: bytes, status: int = 200, **query: str) -> dict[str, str]:
        url = self._base.join(URL(self._path + call)).with_query(query)
        headers = self._headers | {"Content-Type": "application/octet-stream"}
        async with self._session.post(url, data=body, headers=headers) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json() if answer.content_type == "application/json" else {}

    async def arrived(self) -> dict[str, dict[str, dict[str, object]]]:
        async with self._session.get(self._base.join(URL(f"{self._path}/arrived"))) as answer:
            return dict(await answer.json())


async def begin(explorer: ExplorerClient) -> ExplorerPage:
    page = await explorer.open(f"/explorer/register?model={NAME}")
    page = await page.submit("Go on to the files", comment="By the browser")
    assert page.url.path == PAGE, page.text
    return page


async def test_an_upload_is_left_found_again_and_published(
    schema: None, explorer: ExplorerClient, admin: AdminClient, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "model")
    script = Script(await begin(explorer))
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    for path in paths[:-1]:
        await script.post("/files", path.read_bytes(), path=path.relative_to(folder).as_posix())
    rest, name = paths[-1].read_bytes(), paths[-1].relative_to(folder).as_posix()
    begun = await script.post("/sessions", b"", path=name)
    await script.post(f"/sessions/{begun['id']}/parts/1", rest[:3])
    page = await explorer.open(f"/explorer/models/{NAME}/versions/1")
    assert page.soup.find("a", string="Upload its files")["href"] == PAGE  # type: ignore[index]
    page = await explorer.open(PAGE)
    assert "1 file in part" in page.text
    assert page.form("Publish").find("button").has_attr("disabled")  # type: ignore[union-attr]
    arrived = await Script(page).arrived()
    assert set(arrived["files"]) == {path.relative_to(folder).as_posix() for path in paths[:-1]}
    assert arrived["sessions"][name] == {
        "id": begun["id"],
        "parts": {"1": {"size": 3, "sha256": sha256(rest[:3]).hexdigest()}},
    }
    await script.post(f"/sessions/{begun['id']}/parts/2", rest[3:])
    digests = [sha256(part).hexdigest() for part in (rest[:3], rest[3:])]
    listed = "[" + ",".join(f'"{digest}"' for digest in digests) + "]"
    await script.post(f"/sessions/{begun['id']}/complete", listed.encode(), path=name)
    page = await page.submit("Publish")
    assert (page.url.path, page.status) == (f"/explorer/models/{NAME}/versions/1", 200)
    version = await admin.provider.versions.get(admin.context, NAME, 1)
    assert (version.status, version.comment) == (VersionStatus.READY, "By the browser")
    assert (await explorer.open(PAGE)).url.path == f"/explorer/models/{NAME}/versions/1"


async def test_what_is_no_model_fails_and_says_why(schema: None, explorer: ExplorerClient) -> None:
    page = await begin(explorer)
    script = Script(page)
    await script.post("/files", b"x", 400, path="../up")
    await script.post("/files", b"flavors: {}", path="MLmodel")
    refused = await page.submit("Publish")
    assert refused.status == 400
    page = await explorer.open(f"/explorer/models/{NAME}/versions/1")
    assert "failed" in page.title


async def test_an_upload_is_aborted(schema: None, explorer: ExplorerClient, admin: AdminClient) -> None:
    page = await begin(explorer)
    await Script(page).post("/files", b"x", path="MLmodel")
    page = await page.submit("Abort the upload")
    assert page.url.path == f"/explorer/models/{NAME}"
    assert (await explorer.open(PAGE)).status == 404


async def test_a_colleague_needs_what_the_guide_says(
    schema: None, admin: AdminClient, server: TestServer, explorer: ExplorerClient
) -> None:
    ana = await create_user(admin, "ana")
    needed = (
        on_catalog(Privilege.USE_CATALOG, "prod"),
        on_schema(Privilege.USE_SCHEMA, str(NAME.schema_name)),
        on_schema(Privilege.CREATE_MODEL, str(NAME.schema_name)),
    )
    browser = new_browser(server)
    async with browser.session:
        await browser.sign_in(ana.token)
        await grant_privileges(admin, "ana", *needed[:2])
        page = await browser.open(f"/explorer/register?model={NAME}")
        assert "METASTORE ADMINISTRATION" in page.refusal("Register in place")
        assert "TRACKING_URI" in page.refusal("Register from a run")
        refused = await page.submit("Go on to the files")
        assert (refused.status, "CREATE_MODEL" in refused.text) == (403, True)
        await grant_privileges(admin, "ana", needed[2])
        await begin(browser)
        other = FullName(NAME.catalog, NAME.schema, "others")
        await admin.provider.models.create(admin.context, other)
        refused = await page.submit("Go on to the files", model=str(other))
        assert (refused.status, "OWNERSHIP" in refused.text) == (403, True)
        token = str(page.soup.select_one("input[name=csrf_token]")["value"])  # type: ignore[index]
        fields = [("csrf_token", token), ("model", str(NAME)), ("location", "file:///etc")]
        assert (await browser.post("/explorer/register/in-place", fields)).status == 403


async def test_no_part_is_taken_without_the_token_of_the_page(schema: None, explorer: ExplorerClient) -> None:
    await begin(explorer)
    url = explorer.base.join(URL(f"{PAGE}/files?path=MLmodel"))
    async with explorer.session.post(url, data=b"x", headers=HEADERS) as answer:
        assert answer.status == 400
    headers = HEADERS | {"X-CSRF-Token": "0" * 64}
    async with explorer.session.post(url, data=b"x", headers=headers) as answer:
        assert answer.status == 403


async def test_a_location_that_is_not_allowed_is_refused(
    schema: None, explorer: ExplorerClient, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "model")
    page = await explorer.open(f"/explorer/register?model={NAME}")
    refused = await page.submit("Register in place", location=folder.as_uri())
    assert (refused.status, "EXTERNAL_LOCATIONS" in refused.text) == (403, True)
