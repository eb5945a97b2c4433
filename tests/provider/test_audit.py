"""Every call leaves an event, and every denial; none is answered before its event is kept."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from model_sharing_protocol.errors import InvalidModel, NotFound, PermissionDenied
from model_sharing_protocol.names import SharedName
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent, Outcome, Target
from model_sharing_provider.domain.principals import ANONYMOUS, Caller, Principal, PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import Share
from model_sharing_provider.governance.rules import CREATE_SHARE, OWN_MODEL, READ_MODEL
from model_sharing_provider.http.urls import ACTIVATION_PATH
from model_sharing_provider.metastore import database
from model_sharing_provider.metastore.rows.audit_log import EVENT_COLUMNS, event_values
from model_sharing_provider.metastore.tables import audit_log
from model_sharing_provider.services.registry.versions import version_target
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import create_user, grant_privileges, privileges_to_load

pytestmark = pytest.mark.each_database


async def events(admin: AdminClient) -> list[AuditEvent]:
    """Events of the log, oldest first, without those of reading it."""
    found = await admin.provider.audit.latest(admin.context, 1000)
    return [event for event in reversed(found) if event.action != AuditAction.LIST_AUDIT_LOG]


async def test_a_recipients_calls_and_denials(admin: AdminClient, endpoint: str, tmp_path: Path) -> None:
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer", "Champion")
    profile = await admin.activate(await admin.share("acme", "globex", "prod.ml_team.scorer"), endpoint)
    before = len(await events(admin))
    paths = [
        ("/shares", AuditAction.DELTA_SHARING_LIST_SHARES, "", "", Outcome.OK),
        ("/shares/acme", AuditAction.DELTA_SHARING_GET_SHARE, "acme", "acme", Outcome.OK),
        (
            "/shares/acme/schemas/ml_team/models/scorer/aliases/champion",
            AuditAction.DELTA_SHARING_GET_MODEL_VERSION_BY_ALIAS,
            "acme.ml_team.scorer@champion",
            "acme",
            Outcome.OK,
        ),
        (
            "/shares/acme/schemas/ml_team/models/none",
            AuditAction.DELTA_SHARING_GET_MODEL,
            "acme.ml_team.none",
            "acme",
            Outcome.FAILED,
        ),
        ("/shares/secret", AuditAction.DELTA_SHARING_GET_SHARE, "secret", "secret", Outcome.DENIED),
    ]
    headers = {"Authorization": f"Bearer {profile.bearer_token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for path, *_ in paths:
            async with session.get(endpoint + path) as answer:
                request_id = answer.headers["X-Request-Id"]
    recorded = (await events(admin))[before:]
    assert [(event.action, event.target.name, event.target.share, event.outcome) for event in recorded] == [
        tuple(expected) for _, *expected in paths
    ]
    for event in recorded:
        assert (event.caller.principal.name, event.target.recipient) == ("globex", "globex")
        assert (event.caller.face, event.caller.address) == ("open-sharing", "127.0.0.1")
    assert recorded[-1].caller.request_id == request_id
    assert recorded[-1].reason == "globex lacks SELECT"


async def test_a_stranger_at_the_door(admin: AdminClient, endpoint: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{endpoint}/shares") as answer:
        assert answer.status == 401
    event = (await events(admin))[-1]
    assert (event.action, event.outcome, event.caller.address) == (
        "authenticate",
        Outcome.DENIED,
        "127.0.0.1",
    )


async def test_an_expired_token_is_recorded_with_its_owner(admin: AdminClient, endpoint: str) -> None:
    profile = await admin.activate(await admin.share("acme", "globex"), endpoint)
    await admin.provider.recipients.delete(admin.context, "globex")
    with pytest.raises(Exception, match="bearer token"):
        await admin.provider.recipients.authenticate(admin.context, profile.bearer_token)
    assert (await events(admin))[-1].outcome is Outcome.DENIED


async def test_a_change_that_fails_is_undone_and_recorded(admin: AdminClient) -> None:
    with pytest.raises(RuntimeError, match="halfway"):
        async with admin.context.change(
            AuditAction.CREATE_SHARE, Target(SecurableType.SHARE, "half")
        ) as operation:
            await operation.authorize(CREATE_SHARE)
            now = operation.now
            share = Share(id="1", name="half", owner="admin", created_at=now, updated_at=now)
            await operation.rows.shares.add(share)
            raise RuntimeError("halfway")
    event = (await events(admin))[-1]
    assert (event.action, event.outcome, event.reason) == (
        AuditAction.CREATE_SHARE,
        Outcome.FAILED,
        "RuntimeError",
    )
    with pytest.raises(NotFound):
        await admin.provider.shares.get(admin.context, "half")


async def test_a_folder_that_is_no_model_is_a_failed_registration(admin: AdminClient, tmp_path: Path) -> None:
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    with pytest.raises(InvalidModel):
        await admin.register(tmp_path, "prod.ml_team.scorer")
    event = (await events(admin))[-1]
    assert (event.action, event.outcome) == (AuditAction.CHECK_MODEL_REGISTRATION, Outcome.FAILED)
    assert "no MLmodel file" in event.reason


async def test_a_denial_names_what_was_missing(admin: AdminClient) -> None:
    stranger = admin.provider.context(Caller(ANONYMOUS, "test", "192.0.2.7"))
    with pytest.raises(PermissionDenied, match="anonymous lacks CREATE_SHARE"):
        await admin.provider.shares.create(stranger, "mine")
    event = (await events(admin))[-1]
    assert event.outcome is Outcome.DENIED
    assert event.reason.startswith("anonymous lacks CREATE_SHARE")
    assert (event.caller.address, event.target.name) == ("192.0.2.7", "mine")


async def test_an_operation_that_forgets_to_authorize_does_nothing(admin: AdminClient) -> None:
    with pytest.raises(RuntimeError, match="ended without authorization"):
        async with admin.context.change(
            AuditAction.ROTATE_SECRETS, Target(SecurableType.METASTORE)
        ) as operation:
            share = await operation.rows.shares.find("none")
            assert share is None
    assert (await events(admin))[-1].outcome is Outcome.FAILED


async def test_the_log_can_be_narrowed(admin: AdminClient) -> None:
    await admin.share("acme", "globex")
    await admin.share("other", "initech")
    view = admin.provider.recipient_view
    stranger = admin.provider.context(Caller(ANONYMOUS, "test"))
    with pytest.raises(NotFound):
        await view.get_model(stranger, "acme", SharedName("a", "b"))
    audit = admin.provider.audit
    about_acme = await audit.latest(admin.context, 100, share="acme")
    assert {event.target.share for event in about_acme} == {"acme"}
    (denied,) = await audit.latest(admin.context, 100, outcome="DENIED")
    assert denied.target.share == "acme"
    about_initech = await audit.latest(admin.context, 100, recipient="initech")
    assert {event.action for event in about_initech} == {
        AuditAction.CREATE_RECIPIENT,
        AuditAction.UPDATE_SHARE_PERMISSIONS,
    }


async def test_a_link_that_is_guessed_or_used_again_is_a_denial(admin: AdminClient, endpoint: str) -> None:
    code = await admin.share("acme", "globex")
    link = URL(endpoint).origin() / ACTIVATION_PATH.lstrip("/")
    async with aiohttp.ClientSession() as session:
        for tried, status in ((code, 200), (code, 410), ("guessed", 404)):
            async with session.get(link / tried) as answer:
                assert answer.status == status
    opened, again, guessed = (await events(admin))[-3:]
    for event, outcome, name in (
        (opened, Outcome.OK, "globex"),
        (again, Outcome.DENIED, "globex"),
        (guessed, Outcome.DENIED, ""),
    ):
        assert (event.action, event.outcome) == (AuditAction.RETRIEVE_RECIPIENT_TOKEN, outcome)
        assert (event.target.name, event.target.recipient, event.caller.address) == (name, name, "127.0.0.1")


async def test_a_question_for_a_table_that_is_not_there_is_recorded(
    admin: AdminClient, endpoint: str
) -> None:
    profile = await admin.activate(await admin.share("acme", "globex"), endpoint)
    headers = {"Authorization": f"Bearer {profile.bearer_token}"}
    url = f"{endpoint}/shares/acme/schemas/information_schema/tables/none/metadata"
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        assert answer.status == 404
    event = (await events(admin))[-1]
    assert (event.action, event.outcome) == (AuditAction.DELTA_SHARING_GET_TABLE_METADATA, Outcome.FAILED)


async def test_a_version_is_checked_as_its_model_and_logged_as_itself(
    admin: AdminClient, tmp_path: Path
) -> None:
    version = await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    target = version_target(version.full_name, 1)
    assert (target.securable, target.name) == ("prod.ml_team.scorer", "prod.ml_team.scorer/1")
    ana = await create_user(admin, "ana")
    await grant_privileges(admin, "ana", *privileges_to_load("prod.ml_team.scorer"))
    context = await ana.context()
    async with context.view(AuditAction.GET_MODEL_VERSION, target) as operation:
        await operation.authorize(READ_MODEL)
    with pytest.raises(PermissionDenied, match=r"on model 'prod\.ml_team\.scorer'"):
        async with context.change(AuditAction.UPDATE_MODEL_VERSION, target) as operation:
            await operation.authorize(OWN_MODEL)
    looked, changed = (await events(admin))[-2:]
    assert {looked.target.name, changed.target.name} == {"prod.ml_team.scorer/1"}
    assert (looked.outcome, changed.outcome) == (Outcome.OK, Outcome.DENIED)


async def test_pruning_lets_others_write_between_its_steps(
    admin: AdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it takes what is older, all of that, and no more."""
    monkeypatch.setattr(database, "_FIRST_STEP", 20)
    monkeypatch.setattr(database, "_MOST_AT_ONCE", 20)
    caller, target = Caller(ANONYMOUS, "test"), Target(SecurableType.METASTORE)
    old = [AuditEvent(moment, caller, "old", target, Outcome.OK) for moment in range(1, 300)]
    await admin.provider.database.append_events(old)
    pruning = asyncio.create_task(admin.provider.audit.prune(admin.context, timedelta(days=90)))
    between = 0
    while not pruning.done():
        await admin.provider.catalogs.page(admin.context, PageRequest())
        between += not pruning.done()
    assert await pruning == 299
    assert between >= 3
    left = {event.action for event in await events(admin)}
    assert "old" not in left
    assert {AuditAction.PRUNE_AUDIT_LOG, AuditAction.LIST_CATALOGS} <= left


def test_an_event_has_a_value_for_each_column() -> None:
    """They are written by position, to both databases and to a replica's spool."""
    assert set(EVENT_COLUMNS) == {column.name for column in audit_log.columns} - {"id"}
    caller = Caller(Principal(PrincipalType.RECIPIENT, "id", "globex"), "open-sharing", "::1", "request")
    target = Target(SecurableType.SHARE, "acme", "acme.a.b", "acme", "globex", "version")
    [values] = event_values([AuditEvent(7, caller, AuditAction.GET_SHARE, target, Outcome.OK, "why", 3, 5)])
    assert values == {
        "at": 7,
        "face": "open-sharing",
        "principal_type": "RECIPIENT",
        "principal": "globex",
        "action": AuditAction.GET_SHARE.value,
        "object_type": "SHARE",
        "object_name": "acme.a.b",
        "share": "acme",
        "recipient": "globex",
        "outcome": "OK",
        "reason": "why",
        "address": "::1",
        "request_id": "request",
        "count": 3,
        "first_at": 5,
        "token_groups": None,
        "version_id": "version",
    }
    assert {type(value) for value in values.values()} == {int, str, type(None)}, "none is an enumeration's"
