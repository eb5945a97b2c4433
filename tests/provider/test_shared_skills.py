"""Agent skills at external locations are shared with what their SKILL.md says about them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, NotFound, SharingError
from model_sharing_protocol.names import SharedName
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.metastore.paging.keyset import MAX_PAGE_CHARACTERS
from model_sharing_provider.services.sharing.skill_metadata import read_skill
from support.admin_client import AdminClient
from support.provider_cli import CliRunner
from support.skill_folder import write_skill

pytestmark = pytest.mark.each_database
NAME = SharedName("agents", "read-pdf")
SKILL = "/schemas/agents/skills/read-pdf"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A folder with a skill."""
    write_skill(tmp_path / "lake" / "read-pdf")
    return tmp_path / "lake"


@pytest.fixture
def settings(settings: Settings, lake: Path) -> Settings:
    return replace(settings, external_locations=(lake.as_uri(),))


class Reader:
    """A recipient of the share `acme`."""

    def __init__(self, endpoint: str, token: str) -> None:
        self._url = f"{endpoint}/shares/acme"
        self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"})

    async def ask(self, path: str, method: str = "GET") -> tuple[int, list[dict[str, Any]]]:
        async with self._session.request(method, self._url + path) as answer:
            return answer.status, [json.loads(line) for line in (await answer.read()).splitlines()]

    async def close(self) -> None:
        await self._session.close()


@pytest.fixture
async def reader(admin: AdminClient, endpoint: str, lake: Path) -> AsyncIterator[Reader]:
    code = await admin.share("acme", "globex")
    await admin.provider.shares.add_skill(admin.context, "acme", (lake / "read-pdf").as_uri(), NAME)
    reader = Reader(endpoint, (await admin.activate(code, endpoint)).bearer_token)
    yield reader
    await reader.close()


async def test_it_is_listed_with_what_it_says_about_itself(reader: Reader) -> None:
    for path in ("/all-skills", "/schemas/agents/skills"):
        status, (page,) = await reader.ask(path)
        (item,) = page["items"]
        assert status == 200
        assert (await reader.ask("/schemas/AGENTS/skills/Read-PDF")) == (200, [item])
    assert item | {"id": "", "shareId": ""} == {
        "name": "read-pdf",
        "schema": "agents",
        "share": "acme",
        "id": "",
        "shareId": "",
        "description": "Reads PDF files. Use it when somebody hands you one.",
        "storageLocation": f"urn:uuid:{item['id']}/read-pdf",
        "license": "Apache-2.0",
        "compatibility": "Needs Python 3.11",
        "allowedTools": "Read Bash(pdftotext:*)",
        "metadata": {"version": "1.0"},
        "accessModes": ["url"],
    }
    _, (volumes,) = await reader.ask("/all-volumes")
    assert volumes.get("items", []) == []
    for path in ("/schemas/nope/skills", "/schemas/agents/skills/nope", "/schemas/agents/volumes/read-pdf"):
        status, (answer,) = await reader.ask(path)
        assert (status, answer["errorCode"]) == (404, "RESOURCE_DOES_NOT_EXIST")


async def test_its_files_are_read_until_it_is_removed(admin: AdminClient, reader: Reader, lake: Path) -> None:
    status, (_, head, *lines) = await reader.ask(SKILL + "/query", "POST")
    assert (status, head["metaData"]["name"], head["metaData"]["numFiles"]) == (200, "read-pdf", 2)
    urls = {line["file"]["path"]: line["file"]["url"] for line in lines}
    async with aiohttp.ClientSession() as anybody:
        async with anybody.get(urls["SKILL.md"]) as answer:
            assert await answer.read() == (lake / "read-pdf" / "SKILL.md").read_bytes()
            etags = {line["file"]["path"]: line["file"]["etag"] for line in lines}
            assert answer.headers["ETag"] == f'"{etags["SKILL.md"]}"'
        status, (refused,) = await reader.ask(SKILL + "/temporary-skill-credentials", "POST")
        assert (status, refused["errorCode"]) == (400, "UNSUPPORTED_OPERATION")
        assert "/query" in refused["message"] and "skill" in refused["message"]
        await admin.provider.shares.remove(admin.context, "acme", str(NAME))
        async with anybody.get(urls["SKILL.md"]) as answer:
            assert answer.status in (403, 404)
    assert (await reader.ask(SKILL))[0] == 404
    events = await admin.provider.audit.latest(admin.context, 100)
    done = {event.action for event in events if event.outcome == "OK"}
    assert {AuditAction.DELTA_SHARING_QUERY_SKILL, AuditAction.GET_FILE} <= done


async def test_a_skill_that_says_something_else_is_added_again(
    admin: AdminClient, reader: Reader, lake: Path
) -> None:
    _, (before,) = await reader.ask(SKILL)
    write_skill(lake / "read-pdf", "name: read-pdf\ndescription: Reads all there is.\n")
    location = (lake / "read-pdf").as_uri()
    added = await admin.provider.shares.add_skill(admin.context, "acme", location, NAME)
    assert added.skill is not None and added.skill.description == "Reads all there is."
    _, (after,) = await reader.ask(SKILL)
    assert (after["id"], after["description"]) == (before["id"], "Reads all there is.")
    assert "license" not in after
    with pytest.raises(AlreadyExists):
        other = SharedName("others", "read-pdf")
        await admin.provider.shares.add_skill(admin.context, "acme", location, other)


async def test_pages_of_skills_that_say_a_lot_are_shorter(
    admin: AdminClient, endpoint: str, lake: Path
) -> None:
    code = await admin.share("acme", "globex")
    said = "".join(f"  k{number}: {'x' * 150}\n" for number in range(100))
    for number in range(80):
        name = f"skill-{number:02}"
        folder = write_skill(lake / name, f"name: {name}\ndescription: x\nmetadata:\n{said}")
        await admin.provider.shares.add_skill(
            admin.context, "acme", folder.as_uri(), SharedName("agents", name)
        )
    reader = Reader(endpoint, (await admin.activate(code, endpoint)).bearer_token)
    names: list[str] = []
    pages, token = 0, ""
    while pages == 0 or token:
        _, (page,) = await reader.ask(f"/all-skills?pageToken={token}")
        names += [item["name"] for item in page["items"]]
        pages, token = pages + 1, page.get("nextPageToken", "")
        assert len(json.dumps(page)) < 2 * MAX_PAGE_CHARACTERS
    await reader.close()
    assert pages > 1 and names == [f"skill-{number:02}" for number in range(80)]


async def test_what_is_not_a_skill_is_refused(admin: AdminClient, lake: Path) -> None:
    shares = admin.provider.shares
    await shares.create(admin.context, "acme")
    (lake / "empty").mkdir()
    write_skill(lake / "write-pdf")
    refused: tuple[tuple[str, SharedName, type[SharingError], str], ...] = (
        ("empty", SharedName("agents", "empty"), NotFound, r"no file SKILL\.md"),
        ("read-pdf", SharedName("agents", "pdf"), InvalidParameter, r"agents\.read-pdf"),
        ("write-pdf", SharedName("agents", "write-pdf"), InvalidParameter, "'read-pdf'"),
    )
    for folder, name, error, message in refused:
        with pytest.raises(error, match=message):
            await shares.add_skill(admin.context, "acme", (lake / folder).as_uri(), name)
    _, objects, _ = await shares.get(admin.context, "acme")
    assert objects == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "does not start with a line ---"),
        ("# How to read", "does not start with a line ---"),
        ("---\nname: read-pdf\n", "no second line ---"),
        ("---\n" + "#" * 70_000 + "\n---\n", "no second line --- .* in 65536 bytes"),
        ("---\n- name\n---\n", "not a map"),
        ("---\nname: [read\n---\n", "not YAML"),
        ("---\na: &a [x, x]\nb: &b [*a, *a]\nname: *b\n---\n", "an alias"),
        ("---\n" + "[" * 50_000 + "\n---\n", "not YAML"),
        ("---\nname: !!python/object/apply:os.system [id]\n---\n", "not YAML"),
        ("---\ndescription: x\n---\n", "the name ''"),
        ("---\nname: Read-PDF\n---\n", "'Read-PDF' is not one of lower-case"),
        ("---\nname: read--pdf\n---\n", "single hyphens"),
        ("---\nname: write-pdf\n---\n", "the folder of a skill has the skill's name"),
        (f"---\nname: {'a' * 65}\n---\n", "at most 64"),
        ("---\nname: read-pdf\n---\n", "no description"),
        (f"---\nname: read-pdf\ndescription: {'x' * 1025}\n---\n", "at most 1024"),
        (f"---\nname: read-pdf\ndescription: x\ncompatibility: {'x' * 501}\n---\n", "at most 500"),
        ("---\nname: read-pdf\ndescription: [a]\n---\n", "'description' is not text"),
        ("---\nname: read-pdf\ndescription: x\nmetadata: {a: [b]}\n---\n", "something else than text at 'a'"),
        ("---\nname: read-pdf\ndescription: x\nmetadata: [a]\n---\n", "not a map"),
        ('---\nname: read-pdf\ndescription: "\\ud800"\n---\n', r"U\+D800"),
        ('---\nname: read-pdf\ndescription: "\\u202e"\n---\n', r"U\+202E"),
        ('---\nname: read-pdf\ndescription: "\\0"\n---\n', r"U\+0000"),
        ("---\nname: read-pdf\ndescription: x\nmetadata: {a: 1, a: 2}\n---\n", "'a' is there twice"),
        ("---\nname: read-pdf\ndescription: x\ndescription: y\n---\n", "'description' is there twice"),
        ("---\nname: read-pdf\n<<: {allowed-tools: Bash}\ndescription: x\n---\n", "merges maps"),
        ("---\nname: read-pdf\ndescription: x\u2028---\u2028allowed-tools: Bash\n---\n", "ends of lines"),
        ("---\nname: read-pdf\ndescription: x # y\u0085allowed-tools: Bash\n---\n", "ends of lines"),
        ("---\nname: read-pdf\ndescription: x\n---\u3000\n", "no second line ---"),
        ("---\nname: !!bool maybe\n---\n", "it has a tag in line 2"),
        ("---\nname: !!timestamp maybe\n---\n", "a tag"),
        ("---\nname: !!int ''\n---\n", "a tag"),
        ("---\nname: !!float " + ":".join("1" * 300) + "\n---\n", "a tag"),
        ('---\nname: read-pdf\ndescription: "x\U000e0159\U000e0157"\n---\n', r"U\+E0159"),
        ('---\nname: read-pdf\ndescription: "\u00e9\u200c\u200d"\n---\n', r"U\+200D"),
        ('---\nname: read-pdf\ndescription: "x\u200dy"\n---\n', r"U\+200D"),
        ('---\nname: read-pdf\ndescription: "x\u3164y"\n---\n', r"U\+3164"),
    ],
    ids=lambda value: None,
)
def test_what_a_skill_says_is_checked(content: str, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message) as refused:
        read_skill(content.encode(), "read-pdf")
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    "text",
    [
        "\u2764\ufe0f\u200d\U0001f525 and \u263a\ufe0e",
        "\U0001f469\U0001f3fd\u200d\U0001f680, \U0001f468\u200d\U0001f469\u200d\U0001f467",
        "1\ufe0f\u20e3 first",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0915\u094d\u200d\u0937",
        "texte\u00a0; \u5168\u89d2\u3000\u7a7a\u767d",
    ],
    ids=ascii,
)
def test_emoji_and_scripts_that_need_joiners_are_read(text: str) -> None:
    content = f"---\nname: read-pdf\ndescription: {text}\n---\n"
    assert read_skill(content.encode(), "read-pdf").description == text


def test_what_people_write_is_read() -> None:
    written = """\ufeff---
name: read-pdf
description: >
  Reads PDF \N{WOMAN}\u200d\N{PERSONAL COMPUTER},
  and is version: 1.
metadata:
  version: 1.0
  on: no
  day: 2026-11-27
---
"""
    said = read_skill(written.replace("\n", "\r\n").encode() + b"\xff\xfe", "read-pdf")
    assert said.description == "Reads PDF \N{WOMAN}\u200d\N{PERSONAL COMPUTER}, and is version: 1.\n"
    assert said.metadata == {"version": "1.0", "on": "no", "day": "2026-11-27"}


def test_the_command_line_adds_shows_and_removes_it(
    provider_home: Path, provider_cli: CliRunner, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_EXTERNAL_LOCATIONS", lake.as_uri())
    provider_cli.succeed("share", "create", "acme")
    said = provider_cli.succeed(
        "share", "add-skill", "acme", (lake / "read-pdf").as_uri(), "agents.read-pdf"
    ).out
    assert "shows the skill" in said and "agents.read-pdf" in said
    shown_to_people = provider_cli.succeed("share", "show", "acme").out
    assert "agents.read-pdf" in shown_to_people and "Reads PDF files." in shown_to_people
    shown = provider_cli.succeed("share", "show", "acme", "--output", "json").json
    assert shown["objects"][0]["skill"]["description"].startswith("Reads PDF files.")
    provider_cli.succeed("share", "remove", "acme", "agents.read-pdf")
    assert provider_cli.succeed("share", "show", "acme", "--output", "json").json["objects"] == []
