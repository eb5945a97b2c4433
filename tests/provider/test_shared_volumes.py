"""Folders at external locations are shared as volumes, and read by URLs that end with the access."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from model_sharing_protocol.errors import (
    InvalidParameter,
    NotFound,
    PermissionDenied,
    SharingError,
    UnsafePath,
)
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_provider.artifacts.shared_folders import SharedFolders
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.stored_objects import ExternalFile
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import create_user

FILES = {"one.txt": b"Why?", "more/two ü.txt": b"How?" * 10_000, "more/empty.bin": b""}
NAME = SharedName("evaluation", "prompts")
VOLUME = "/schemas/evaluation/volumes/prompts"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A folder with a volume, and a secret beside it."""
    lake = tmp_path / "lake"
    for path, content in FILES.items():
        (lake / "prompts" / path).parent.mkdir(parents=True, exist_ok=True)
        (lake / "prompts" / path).write_bytes(content)
    (tmp_path / "secret.txt").write_text("of nobody else")
    return lake


@pytest.fixture
def settings(provider_home: Path, lake: Path) -> Settings:
    return Settings(provider_home, external_locations=(lake.as_uri(),))


class Reader:
    """A recipient of the share `acme`."""

    def __init__(self, endpoint: str, token: str) -> None:
        self._url = f"{endpoint}/shares/acme"
        self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"})

    async def ask(self, path: str, method: str = "GET") -> tuple[int, list[dict[str, Any]]]:
        async with self._session.request(method, self._url + path) as answer:
            return answer.status, [json.loads(line) for line in (await answer.read()).splitlines()]

    async def urls(self) -> dict[str, str]:
        status, (_, head, *lines) = await self.ask(VOLUME + "/query", "POST")
        assert (status, head["metaData"]["numFiles"]) == (200, len(lines))
        assert head["metaData"]["size"] == sum(line["file"]["size"] for line in lines)
        return {line["file"]["path"]: line["file"]["url"] for line in lines}

    async def close(self) -> None:
        await self._session.close()


async def fetch(url: str, **headers: str) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as anybody, anybody.get(url, headers=headers) as answer:
        return answer.status, await answer.read()


@pytest.fixture
async def reader(admin: AdminClient, endpoint: str, lake: Path) -> AsyncIterator[Reader]:
    code = await admin.share("acme", "globex")
    await admin.provider.shares.add_volume(admin.context, "acme", (lake / "prompts").as_uri(), NAME)
    reader = Reader(endpoint, (await admin.activate(code, endpoint)).bearer_token)
    yield reader
    await reader.close()


async def test_its_files_are_read_as_they_are(reader: Reader, lake: Path) -> None:
    urls = await reader.urls()
    assert {path: (await fetch(url))[1] for path, url in urls.items()} == FILES
    assert await fetch(urls["one.txt"], Range="bytes=1-2") == (206, b"hy")
    assert not any("lake" in url or "prompts" in url for url in urls.values())
    (lake / "prompts" / "three.txt").write_text("new")
    assert set(await reader.urls()) == {*FILES, "three.txt"}


async def test_it_is_listed_beside_models_which_do_not_show_it(
    admin: AdminClient, reader: Reader, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    await admin.provider.shares.add_model(admin.context, "acme", FullName.parse("prod.ml_team.scorer"))
    for path in ("/all-volumes", "/schemas/evaluation/volumes"):
        _, (page,) = await reader.ask(path)
        (item,) = page["items"]
        assert (item["name"], item["schema"], item["accessModes"]) == ("prompts", "evaluation", ["url"])
        assert item["storageLocation"] == f"urn:uuid:{item['id']}"
        assert await reader.ask("/schemas/EVALUATION/volumes/Prompts") == (200, [item])
    _, (schemas,) = await reader.ask("/schemas")
    assert [each["name"] for each in schemas["items"]] == ["evaluation", "information_schema", "ml_team"]
    _, (models,) = await reader.ask("/all-models")
    assert [each["name"] for each in models["items"]] == ["scorer"]
    _, (tables,) = await reader.ask("/all-tables")
    assert "prompts" not in [each["name"] for each in tables["items"]]
    for path in ("/schemas/nope/volumes", "/schemas/evaluation/volumes/nope"):
        status, (answer,) = await reader.ask(path)
        assert (status, answer["errorCode"]) == (404, "RESOURCE_DOES_NOT_EXIST")


async def test_a_disk_has_no_credentials(reader: Reader) -> None:
    status, (answer,) = await reader.ask(VOLUME + "/temporary-volume-credentials", "POST")
    assert (status, answer["errorCode"]) == (400, "UNSUPPORTED_OPERATION")
    assert "/query" in answer["message"]


async def test_urls_end_with_the_access(admin: AdminClient, reader: Reader) -> None:
    urls = await reader.urls()
    await admin.provider.shares.remove(admin.context, "acme", str(NAME))
    assert (await fetch(urls["one.txt"]))[0] in (403, 404)
    assert (await reader.ask(VOLUME))[0] == 404


async def test_a_file_that_was_replaced_is_an_error_and_no_other_bytes(reader: Reader, lake: Path) -> None:
    urls = await reader.urls()
    (lake / "prompts" / "one.txt").write_bytes(b"another text")
    status, content = await fetch(urls["one.txt"])
    assert status == 400 and b"another" not in content
    (lake / "prompts" / "more" / "empty.bin").unlink()
    assert (await fetch(urls["more/empty.bin"]))[0] in (400, 404)


async def test_of_a_file_that_is_replaced_while_it_is_read_the_end_never_comes(
    reader: Reader, lake: Path
) -> None:
    big = lake / "prompts" / "big.bin"
    big.write_bytes(b"a" * 32 * 2**20)
    url = (await reader.urls())["big.bin"]
    async with aiohttp.ClientSession(read_bufsize=2**16) as anybody, anybody.get(url) as answer:
        assert await answer.content.readexactly(2**20) == b"a" * 2**20
        big.write_bytes(b"b" * 32 * 2**20)
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_a_small_file_that_is_replaced_while_it_is_read_is_an_error(
    reader: Reader, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, read = (await reader.urls())["one.txt"], ArtifactStore.read

    async def read_and_replace(
        store: ArtifactStore, path: str, start: int, end: int
    ) -> AsyncIterator[memoryview]:
        async for piece in read(store, path, start, end):
            yield piece
        (lake / "prompts" / "one.txt").write_bytes(b"Who?")

    monkeypatch.setattr(ArtifactStore, "read", read_and_replace)
    status, content = await fetch(url)
    assert status >= 400
    assert b"Why?" not in content and b"Who?" not in content


async def test_files_are_listed_once_and_checked_each_time(
    reader: Reader, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = await reader.urls()
    listed: list[str] = []
    list_files = SharedFolders.list

    async def counted(self: SharedFolders, location: str, most: int) -> list[ExternalFile]:
        listed.append(location)
        return await list_files(self, location, most)

    monkeypatch.setattr(SharedFolders, "list", counted)
    for path, url in urls.items():
        assert await fetch(url) == (200, FILES[path])
    assert len(listed) == 1
    (lake / "prompts" / "one.txt").write_bytes(b"Who?")
    (lake / "prompts" / "more" / "empty.bin").unlink()
    for path in ("one.txt", "more/empty.bin"):
        status, content = await fetch(urls[path])
        assert status == 400 and b"gone, or was replaced" in content
    (again,) = [url for path, url in (await reader.urls()).items() if path == "one.txt"]
    assert await fetch(again) == (200, b"Who?")


async def test_a_link_that_leads_out_is_not_followed(reader: Reader, lake: Path, tmp_path: Path) -> None:
    (lake / "prompts" / "secret.txt").symlink_to(tmp_path / "secret.txt")
    status, (answer,) = await reader.ask(VOLUME + "/query", "POST")
    assert (status, answer["errorCode"]) == (403, "PERMISSION_DENIED")
    assert "symbolic link" in answer["message"] and str(tmp_path) not in answer["message"]


async def test_terms_of_the_share_come_first_and_reads_are_audited(
    admin: AdminClient, reader: Reader
) -> None:
    terms = admin.provider.provider_terms
    await reader.urls()
    await terms.set(admin.context, SecurableType.SHARE, "acme", version="1", text="For evaluation only.")
    status, (answer,) = await reader.ask(VOLUME + "/query", "POST")
    assert (status, answer["errorCode"]) == (403, "TERMS_NOT_ACCEPTED")
    events = await admin.provider.audit.latest(admin.context, 100)
    queried = [event for event in events if event.action is AuditAction.DELTA_SHARING_QUERY_VOLUME]
    assert [event.outcome for event in queried] == ["DENIED", "OK"]


async def test_what_may_not_be_shared_is_refused(admin: AdminClient, lake: Path, tmp_path: Path) -> None:
    shares = admin.provider.shares
    await shares.create(admin.context, "acme")
    (lake / "empty").mkdir()
    (lake / "link").symlink_to(tmp_path)
    refused: tuple[tuple[str, type[SharingError] | tuple[type[SharingError], ...]], ...] = (
        ("prod.ml_team.files", InvalidParameter),
        (tmp_path.as_uri(), PermissionDenied),
        ("file:///etc", PermissionDenied),
        ((lake / "empty").as_uri(), NotFound),
        ((lake / "nowhere").as_uri(), NotFound),
        ((lake / "link").as_uri(), PermissionDenied),
        (f"{lake.as_uri()}/../", (PermissionDenied, InvalidParameter, UnsafePath)),
    )
    for location, error in refused:
        with pytest.raises(error):
            await shares.add_volume(admin.context, "acme", location, NAME)
    # Who owns the share, but is no administrator, does not learn what there is.
    ana = await create_user(admin, "ana")
    await shares.update(admin.context, "acme", changes=SecurableUpdate(owner="ana"))
    for location in ((lake / "prompts").as_uri(), (lake / "nowhere").as_uri()):
        with pytest.raises(PermissionDenied, match="administ"):
            await shares.add_volume(await ana.context(), "acme", location, NAME)
    _, objects, _ = await shares.get(admin.context, "acme")
    assert objects == []


@pytest.mark.parametrize("name", ["prompts", "a.b.c", "a."])
def test_a_name_that_is_none_is_told_how_to_write_it(name: str) -> None:
    with pytest.raises(InvalidParameter, match=r"schema\.volume|The volume name"):
        SharedName.parse(name, "volume")
