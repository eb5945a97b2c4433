"""Terms: what a share or a model asks of its recipients before it gives them a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from model_sharing_protocol.change_kinds import ChangeKind
from model_sharing_protocol.errors import InvalidParameter, NotFound, TermsNotAccepted
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_protocol.pages import PageRequest
from model_sharing_protocol.terms import MAX_TERMS_BYTES, terms_digest
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.services.context import Context
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import recipient_context

pytestmark = pytest.mark.each_database

SCORER = "prod.ml_team.scorer"
SHARED = SharedName("ml_team", "scorer")
TEXT = "Evaluate it.\n\tDo not resell it.\n"
DIGEST = terms_digest("1.0", TEXT)
SHARE, MODEL = SecurableType.SHARE, SecurableType.MODEL


@dataclass(frozen=True)
class Globex:
    """A recipient of the share `acme`, as it calls the service and the face."""

    admin: AdminClient
    context: Context
    endpoint: str
    token: str

    async def ask(self, path: str, body: object = None) -> tuple[int, str]:
        headers, method = {"Authorization": f"Bearer {self.token}"}, "GET" if body is None else "POST"
        url = f"{self.endpoint}/shares/acme{path}"
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, url, json=body) as answer,
        ):
            return answer.status, await answer.text()

    async def query(self, parameters: str = "") -> tuple[int, str]:
        return await self.ask(f"/schemas/ml_team/models/scorer/versions/1/query{parameters}", {})

    async def terms(self) -> list[dict[str, object]]:
        status, body = await self.ask("/terms")
        assert status == 200, body
        items: list[dict[str, object]] = json.loads(body).get("items", [])
        return items

    async def accept(self, digest: str) -> None:
        await self.admin.provider.recipient_terms.accept(self.context, "acme", digest, "ana@globex.example")


@pytest.fixture
async def globex(admin: AdminClient, endpoint: str, tmp_path: Path) -> Globex:
    await admin.register(write_model(tmp_path / "m"), SCORER, "Champion")
    profile = await admin.activate(await admin.share("acme", "globex", SCORER), endpoint)
    return Globex(admin, await recipient_context(admin, "globex"), endpoint, profile.bearer_token)


async def set_terms(admin: AdminClient, text: str = TEXT, version: str = "1.0", of: str = "acme") -> str:
    kind = MODEL if "." in of else SHARE
    terms = await admin.provider.provider_terms.set(admin.context, kind, of, version=version, text=text)
    return terms.digest


async def test_files_are_given_once_the_terms_are_accepted(admin: AdminClient, globex: Globex) -> None:
    assert await globex.terms() == []
    assert (await globex.query())[0] == 200
    await set_terms(admin)
    status, body = await globex.query()
    assert (status, json.loads(body)["errorCode"]) == (403, "TERMS_NOT_ACCEPTED")
    assert f"share 'acme' (version 1.0, {DIGEST})" in body
    # What is only said about the model is told.
    for path in ("", "/schemas/ml_team/models/scorer/versions/1", "/all-models"):
        assert (await globex.ask(path))[0] == 200
    assert (await globex.query("?includeUrls=false"))[0] == 200
    assert await globex.terms() == [{"digest": DIGEST, "version": "1.0", "text": TEXT}]
    status, body = await globex.ask(f"/terms/{DIGEST}/accept", {"acceptedBy": "ana@globex.example"})
    assert (status, json.loads(body)["acceptedBy"]) == (200, "ana@globex.example")
    assert (await globex.query())[0] == 200
    (shown,) = await globex.terms()
    assert shown["acceptedBy"] == "ana@globex.example" and shown["acceptedAt"]


async def test_who_accepted_what_and_when_is_on_record(admin: AdminClient, globex: Globex) -> None:
    await set_terms(admin)
    await globex.accept(DIGEST)
    terms, audit = admin.provider.provider_terms, admin.provider.audit
    (accepted,) = await terms.acceptances(admin.context, "globex")
    assert (accepted.digest, accepted.version, accepted.share) == (DIGEST, "1.0", "acme")
    assert (accepted.recipient, accepted.accepted_by) == ("globex", "ana@globex.example")
    (event,) = await audit.latest(admin.context, 1, action=AuditAction.DELTA_SHARING_ACCEPT_TERMS)
    assert (event.target.recipient, event.target.share) == ("globex", "acme")
    assert event.target.name == f"acme.{DIGEST} by ana@globex.example"
    assert event.at >= accepted.accepted_at
    # The first acceptance of the same text stays.
    await admin.provider.recipient_terms.accept(globex.context, "acme", DIGEST, "bob")
    assert await terms.acceptances(admin.context, "globex") == [accepted]
    # What was agreed to can be shown when the share is gone.
    await admin.provider.shares.delete(admin.context, "acme")
    (shown,) = await terms.acceptances(admin.context, "globex", DIGEST)
    assert shown.text == TEXT


async def test_a_changed_text_is_asked_for_again_and_the_old_one_can_be_shown(
    admin: AdminClient, globex: Globex
) -> None:
    await set_terms(admin)
    await globex.accept(DIGEST)
    changed = await set_terms(admin, TEXT + "Nor lend it.", "1.1")
    assert (await globex.query())[0] == 403
    with pytest.raises(NotFound, match="do not apply in the share 'acme'; read those that do"):
        await globex.accept(DIGEST)
    await globex.accept(changed)
    assert (await globex.query())[0] == 200
    terms = admin.provider.provider_terms
    newest, first = await terms.history(admin.context, SHARE, "acme")
    assert (newest.digest, newest.ended_at) == (changed, None)
    assert (first.digest, first.text, first.ended_at) == (DIGEST, TEXT, newest.set_at)
    # The first text again: it was accepted.
    await set_terms(admin)
    assert (await globex.query())[0] == 200
    await terms.clear(admin.context, SHARE, "acme")
    assert await globex.terms() == []
    assert [each.ended_at is None for each in await terms.history(admin.context, SHARE, "acme")] == [
        False
    ] * 3


async def test_terms_of_a_model_apply_in_every_share_under_its_name_there(
    admin: AdminClient, globex: Globex, tmp_path: Path
) -> None:
    for name in ("other", "third"):
        await admin.register(write_model(tmp_path / name), f"prod.ml_team.{name}")
    await admin.provider.shares.add_model(
        admin.context, "acme", FullName.parse("prod.ml_team.other"), SharedName("extra", "tiny")
    )
    await admin.add_schema("acme", "prod.ml_team")
    await set_terms(admin, of="prod.ml_team.other")
    await set_terms(admin, of="prod.ml_team.third")
    assert (await globex.query())[0] == 200
    (shown,) = await globex.terms()
    assert (shown["appliesTo"], shown["numModels"]) == (["extra.tiny", "ml_team.other", "ml_team.third"], 3)
    files = admin.provider.recipient_files
    with pytest.raises(TermsNotAccepted, match=r"the model 'extra\.tiny'"):
        await files.version_files(globex.context, "acme", SharedName("extra", "tiny"), number=1)
    whole = await set_terms(admin, "The share's.", "7")
    with pytest.raises(TermsNotAccepted, match=r"the share 'acme' .* and the model 'ml_team\.third'"):
        await files.version_files(globex.context, "acme", SharedName("ml_team", "third"), number=1)
    listed = await admin.provider.recipient_terms.list(globex.context, "acme", PageRequest(1))
    assert [terms.digest for terms in listed.items] == [whole]
    following = PageRequest(1, listed.last_key)
    listed = await admin.provider.recipient_terms.list(globex.context, "acme", following)
    assert [terms.digest for terms in listed.items] == [DIGEST] and listed.last_key is None


async def test_credentials_are_not_given_either(admin: AdminClient, globex: Globex) -> None:
    await set_terms(admin, of=SCORER)
    with pytest.raises(TermsNotAccepted):
        await admin.provider.recipient_credentials.read(globex.context, "acme", SHARED, 1)
    (event,) = await admin.provider.audit.latest(admin.context, 1, outcome="DENIED")
    assert event.reason == f"terms not accepted: {DIGEST}"


async def test_one_recipients_acceptance_is_not_anothers(admin: AdminClient, globex: Globex) -> None:
    await admin.provider.recipients.create(admin.context, "initech")
    await admin.provider.share_permissions.grant(admin.context, "acme", "initech")
    initech = await recipient_context(admin, "initech")
    await set_terms(admin)
    await globex.accept(DIGEST)
    with pytest.raises(TermsNotAccepted):
        await admin.provider.recipient_files.version_files(initech, "acme", SHARED, number=1)


async def test_recipients_that_watch_learn_of_new_terms(admin: AdminClient, globex: Globex) -> None:
    changes = admin.provider.changes
    _, _, since = await changes.list(globex.context, "acme", "")
    await set_terms(admin)
    await set_terms(admin, of=SCORER)
    # The same again is no news.
    await set_terms(admin)
    _, page, _ = await changes.list(globex.context, "acme", since)
    assert [(each.kind, each.model) for each in page.changes] == [
        (ChangeKind.SHARE_CHANGED, ""),
        (ChangeKind.MODEL_CHANGED, str(SHARED)),
    ]


@pytest.mark.parametrize(
    ("version", "text", "message"),
    [
        ("", TEXT, "version of the terms has 0 characters"),
        ("1\n2", TEXT, r"version of the terms contains U\+000A"),
        ("1", " \n", "The terms are empty"),
        ("1", "a\x1b[2J", r"The terms contain U\+001B"),
        ("1", "a\x00", r"The terms contain U\+0000"),
        ("1", "é" * (MAX_TERMS_BYTES // 2 + 1), "The terms have 65538 bytes; at most 65536"),
    ],
)
async def test_terms_are_plain_text_of_a_bounded_size(
    admin: AdminClient, version: str, text: str, message: str
) -> None:
    await admin.provider.shares.create(admin.context, "acme")
    with pytest.raises(InvalidParameter, match=message):
        await set_terms(admin, text, version)


async def test_line_ends_of_other_systems_are_the_same_terms(admin: AdminClient) -> None:
    await admin.provider.shares.create(admin.context, "acme")
    assert await set_terms(admin, TEXT.replace("\n", "\r\n")) == DIGEST


async def test_an_acceptance_says_who_and_what(globex: Globex) -> None:
    for digest, by in ((DIGEST, ""), (DIGEST, "a" * 256), (DIGEST, "a\u202eb"), ("sha256:1", "ana")):
        status, body = await globex.ask(f"/terms/{digest}/accept", {"acceptedBy": by})
        assert (status, json.loads(body)["errorCode"]) == (400, "INVALID_PARAMETER_VALUE")
    assert (await globex.ask(f"/terms/{DIGEST}/accept", {"acceptedBy": "ana"}))[0] == 404
