"""Conditional requests: a client that has the current answer gets 304; one answer says everything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec
import pytest

from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_protocol.open_sharing import ModelVersion, VersionQueryLine
from model_sharing_protocol.profile import Profile
from model_sharing_protocol.signatures import verify_state
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.services.registry.tags import TagChange
from support.admin_client import AdminClient
from support.model_folder import write_model

NAME = FullName.parse("prod.ml_team.scorer")
MODEL = "/shares/acme/schemas/ml_team/models/scorer"
CHAMPION = MODEL + "/aliases/Champion"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    tag: str


@dataclass(frozen=True)
class Globex:
    admin: AdminClient
    profile: Profile

    async def ask(self, path: str, tag: str = "", method: str = "GET") -> Answer:
        headers = {"Authorization": f"Bearer {self.profile.bearer_token}"}
        if tag:
            headers["If-None-Match"] = tag
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.profile.endpoint + path, headers=headers) as answer,
        ):
            return Answer(answer.status, await answer.read(), answer.headers.get("ETag", ""))

    async def news(self, path: str, tag: str) -> str:
        """The tag of an answer that says something new."""
        answer = await self.ask(path, tag)
        assert answer.status == 200
        assert answer.tag != tag
        return answer.tag


@pytest.fixture
async def globex(admin: AdminClient, endpoint: str, tmp_path: Path) -> Globex:
    """Two versions of one model are shared with globex; Champion is the first."""
    await admin.register(write_model(tmp_path / "one"), str(NAME), "Champion")
    await admin.register(write_model(tmp_path / "two", {"model.pkl": b"better"}), str(NAME))
    return Globex(admin, await admin.activate(await admin.share("acme", "globex", str(NAME)), endpoint))


@pytest.mark.parametrize("path", [CHAMPION, MODEL + "/versions/1"])
async def test_what_still_holds_is_not_said_again_and_what_changed_is(globex: Globex, path: str) -> None:
    admin, provider = globex.admin, globex.admin.provider
    first = await globex.ask(path)
    assert msgspec.json.decode(first.body, type=ModelVersion).state is not None
    for held in (first.tag, first.tag.removeprefix("W/"), f'"other", {first.tag}', "*"):
        assert await globex.ask(path, held) == Answer(304, b"", first.tag)
    tag = first.tag
    await provider.models.set_alias(admin.context, NAME, "Champion", 2)
    tag = await globex.news(path, tag)
    await provider.models.set_alias(admin.context, NAME, "Champion", 1)
    tag = await globex.news(path, tag)
    await provider.versions.tag(admin.context, NAME, 1, TagChange(add={"stage": "good"}))
    tag = await globex.news(path, tag)
    await provider.shares.add_schema(admin.context, "acme", SchemaName.parse("prod.ml_team"))
    tag = await globex.news(path, tag)
    await provider.signing.rotate(admin.context)
    tag = await globex.news(path, tag)
    assert (await globex.ask(path, tag)).status == 304


async def test_the_tag_outlives_the_signature(globex: Globex, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await globex.ask(CHAMPION)
    monkeypatch.setattr("model_sharing_provider.services.sharing.signing.now_ms", lambda: 2**41)
    later = await globex.ask(CHAMPION)
    assert later.tag == first.tag
    assert later.body != first.body


async def test_a_tag_opens_nothing_and_its_use_is_in_the_audit_log(globex: Globex) -> None:
    admin = globex.admin
    tag = (await globex.ask(CHAMPION)).tag
    assert (await globex.ask(CHAMPION, tag)).status == 304
    await admin.provider.share_permissions.revoke(admin.context, "acme", "globex")
    refused = await globex.ask(CHAMPION, tag)
    assert (refused.status, refused.tag) == (404, "")
    events = await admin.provider.audit.latest(
        admin.context, 10, recipient="globex", action=AuditAction.DELTA_SHARING_GET_MODEL_VERSION_BY_ALIAS
    )
    assert [event.outcome for event in events] == ["DENIED", "OK", "OK"]


@pytest.mark.parametrize("asked", ["Champion", 2])
async def test_a_query_says_what_stands_behind_an_alias_and_lists_its_files(
    globex: Globex, asked: int | str
) -> None:
    place = f"/aliases/{asked}" if isinstance(asked, str) else f"/versions/{asked}"
    answer = await globex.ask(f"{MODEL}{place}/query", method="POST")
    lines = msgspec.json.Decoder(VersionQueryLine).decode_lines(answer.body)
    metadata = lines[1].meta_data
    assert metadata is not None
    (key,) = await globex.admin.provider.signing.list_keys(globex.admin.context)
    state = verify_state(metadata.version.state, PublicKey.parse(key.pem), "acme", "ml_team.scorer", asked)
    assert (state.version, state.digest) == (metadata.version.version, metadata.digest)
    assert state.version == (1 if asked == "Champion" else 2)
    assert {line.file.path for line in lines if line.file} == {"MLmodel", "model.pkl"}
    (event,) = await globex.admin.provider.audit.latest(
        globex.admin.context, 2, action=AuditAction.DELTA_SHARING_QUERY_MODEL_VERSION
    )
    assert event.target.name == f"acme.ml_team.scorer{'@champion' if asked == 'Champion' else '/2'}"


async def test_no_alias_no_query(globex: Globex) -> None:
    for path in (MODEL + "/aliases/nobody", MODEL.replace("acme", "other") + "/aliases/champion"):
        assert (await globex.ask(path + "/query", method="POST")).status == 404
