"""Read cache: what a server keeps never outlives a change, be it made by another server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from model_sharing_protocol.errors import NotFound, PermissionDenied, TokenExpired, Unauthenticated
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_protocol.times import now_ms
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.principals import ANONYMOUS, Caller, Principal
from model_sharing_provider.domain.secrets import new_token
from model_sharing_provider.metastore.hot.executor import SqlExecutor
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import create_group, create_user

pytestmark = pytest.mark.each_database

NAME = FullName.parse("prod.ml_team.scorer")
SHARED = SharedName("ml_team", "scorer")


class Globex:
    """A recipient at one server."""

    def __init__(self, admin: AdminClient, token: str) -> None:
        self.admin = admin
        self._provider = admin.provider
        self._token = token

    async def sign_in(self) -> Principal:
        anonymous = self._provider.context(Caller(ANONYMOUS, "test", "192.0.2.7"))
        return await self._provider.recipients.authenticate(anonymous, self._token)

    async def champion(self) -> int:
        """The version that the alias points at, as a request would learn it."""
        context = self._provider.context(Caller(await self.sign_in(), "test", "192.0.2.7"))
        found = await self._provider.recipient_view.resolve_alias(context, "acme", SHARED, "champion")
        return found.version.version


@pytest.fixture
async def globex(admin: AdminClient, tmp_path: Path) -> Globex:
    """Two versions of one model are shared with globex; Champion is the first, and known to the server."""
    await admin.register(write_model(tmp_path / "one"), str(NAME), "Champion")
    await admin.register(write_model(tmp_path / "two", {"model.pkl": b"better"}), str(NAME))
    profile = await admin.activate(await admin.share("acme", "globex", str(NAME)), "http://127.0.0.1")
    globex = Globex(admin, profile.bearer_token)
    assert await globex.champion() == 1
    return globex


@pytest.fixture
async def elsewhere(globex: Globex, settings: Settings) -> AsyncIterator[AdminClient]:
    """The administrator at another server over the same rows."""
    async with open_provider(settings) as opened:
        yield AdminClient.of(opened)


async def test_an_alias_that_was_moved_elsewhere_is_followed(globex: Globex, elsewhere: AdminClient) -> None:
    for version in (2, 1, 2):
        await elsewhere.provider.models.set_alias(elsewhere.context, NAME, "Champion", version)
        assert await globex.champion() == version


Change = Callable[[AdminClient], Any]
ENDINGS: dict[str, tuple[Change, type[Exception]]] = {
    "revoked": (lambda to: to.provider.share_permissions.revoke(to.context, "acme", "globex"), NotFound),
    "taken out": (lambda to: to.provider.shares.remove(to.context, "acme", str(SHARED)), NotFound),
    "deleted": (lambda to: to.provider.recipients.delete(to.context, "globex"), Unauthenticated),
    "address": (
        lambda to: to.provider.recipients.update(
            to.context, "globex", SecurableUpdate(), ["198.51.100.0/24"]
        ),
        PermissionDenied,
    ),
    "rotated": (
        lambda to: to.provider.recipients.rotate_token(
            to.context, "globex", existing_expires_in=timedelta(0)
        ),
        TokenExpired,
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_what_was_ended_elsewhere_has_ended_for_the_next_call(
    globex: Globex, elsewhere: AdminClient, ending: str
) -> None:
    change, error = ENDINGS[ending]
    await change(elsewhere)
    with pytest.raises(error):
        await globex.champion()


async def test_a_colleague_leaves_a_group_and_the_house_elsewhere(
    globex: Globex, elsewhere: AdminClient
) -> None:
    admin = globex.admin
    ann = await create_user(admin, "ann@example.com")
    await create_group(admin, "team", ann.name)
    assert "team" in [group.name for group in (await ann.context()).caller.principal.groups]
    await elsewhere.provider.principals.remove_member(elsewhere.context, "team", ann.name)
    assert "team" not in [group.name for group in (await ann.context()).caller.principal.groups]
    await elsewhere.provider.principals.delete(elsewhere.context, ann.name)
    with pytest.raises(Unauthenticated):
        await ann.context()


async def test_a_token_that_was_kept_expires_by_itself(
    globex: Globex, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = now_ms() + 91 * 86_400_000
    monkeypatch.setattr("model_sharing_provider.services.sharing.recipient_sign_in.now_ms", lambda: later)
    with pytest.raises(TokenExpired):
        await globex.champion()


async def test_a_look_that_began_before_a_change_is_none_for_who_asks_after_it(
    globex: Globex, elsewhere: AdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, looked, answered = SqlExecutor.read_one, asyncio.Event(), asyncio.Event()

    async def slow_at_first(sql: SqlExecutor, text: str) -> Any:
        seen, first = await look(sql, text), not looked.is_set()
        if first:
            looked.set()
            await answered.wait()
        return seen

    monkeypatch.setattr(SqlExecutor, "read_one", slow_at_first)
    early = asyncio.create_task(globex.sign_in())
    await looked.wait()
    await elsewhere.provider.recipients.delete(elsewhere.context, "globex")
    late = asyncio.create_task(globex.sign_in())
    await asyncio.wait([late], timeout=0.1)
    answered.set()
    assert (await early).name == "globex"
    with pytest.raises(Unauthenticated):
        await late


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One for each time that rows were read by plain SQL."""
    seen: list[object] = []
    run = SqlExecutor.run

    async def noted(sql: SqlExecutor, work: Any, *, writes: bool = False) -> Any:
        if not writes:
            seen.append(work)
        return await run(sql, work, writes=writes)

    monkeypatch.setattr(SqlExecutor, "run", noted)
    return seen


async def test_while_nothing_changes_rows_are_read_once(
    globex: Globex, admin: AdminClient, reads: list[object]
) -> None:
    """Events of the audit log are no changes; a denial that is recorded is none either."""
    reads.clear()
    stranger: Context = admin.provider.context(Caller(ANONYMOUS, "test", "192.0.2.7"))
    (event,) = await admin.provider.audit.latest(admin.context, 1)
    await stranger.record_denial(AuditAction.AUTHENTICATE, event.target, "no")
    for _ in range(3):
        assert await globex.champion() == 1
    assert not reads
    await admin.provider.models.set_alias(admin.context, NAME, "Champion", 2)
    reads.clear()
    assert await globex.champion() == 2
    assert len(reads) == 2


async def test_that_there_is_no_such_token_is_not_kept(
    globex: Globex, admin: AdminClient, reads: list[object]
) -> None:
    """Else strangers could push out what recipients need."""
    stranger = Globex(admin, new_token())
    reads.clear()
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await stranger.champion()
    assert len(reads) == 2
