"""Changes at several servers over PostgreSQL: of different models at the same time, all others in turn.

Nothing here measures time: a change is held open, and PostgreSQL says who waits for what.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import ProgrammingError

from model_sharing_protocol.errors import NotFound, PermissionDenied
from model_sharing_protocol.names import FullName
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.governance import rules
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.metastore.engine.writer_locks import model_key
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.publishing.multipart import PartSeen
from model_sharing_provider.services.registry.models import find_model, model_target, point_alias
from model_sharing_provider.services.registry.tags import TagChange
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.model_folder import MLMODEL, write_model
from support.patience import PATIENCE
from support.principals import create_user, grant_privileges, on_catalog, on_model, on_schema
from support.processes.admin_process import start
from support.processes.postgresql import PostgresServer
from support.uploads import chunks
from support.writer_scopes import check_scopes

A, B, C = (FullName("prod", "ml", name) for name in ("a", "b", "c"))
_WAITING = "SELECT classid, objid, mode FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
_WAITING_FOR_ROWS = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND wait_event <> 'advisory' AND datname = current_database()
"""
METASTORE = "the metastore's lock"


@pytest.fixture
def settings(postgres: PostgresServer, provider_home: Path) -> Iterator[Settings]:
    with postgres.database() as url:
        yield Settings(provider_home, postgresql_url=url)


@pytest.fixture
async def servers(settings: Settings, tmp_path: Path) -> AsyncIterator[tuple[AdminClient, AdminClient]]:
    """Two services over one metastore with the models a, b and c, each with two versions."""
    async with open_provider(settings) as one, open_provider(settings) as other:
        admin = AdminClient.of(one)
        folder = write_model(tmp_path / "m")
        for name in (A, B, C):
            for _ in range(2):
                await admin.register(folder, str(name))
        yield admin, AdminClient.of(other)


@asynccontextmanager
async def held(admin: AdminClient, name: FullName, alias: str = "Champion") -> AsyncIterator[Operation]:
    """Change of one model's alias as `Models.set_alias` makes it, that is not committed in the block."""
    action, target = AuditAction.SET_REGISTERED_MODEL_ALIAS, model_target(name)
    async with admin.context.change(action, target, model=name) as operation:
        await operation.authorize(rules.OWN_MODEL)
        await point_alias(operation, name, alias, 1)
        yield operation


def move(
    admin: AdminClient, name: FullName, version: int = 2, context: Context | None = None
) -> Awaitable[None]:
    return admin.provider.models.set_alias(context or admin.context, name, "Champion", version)


def waiting(settings: Settings) -> list[str]:
    """Names of the locks that somebody waits for, and how."""
    names = {model_key(str(name)) % 2**32: str(name) for name in (A, B, C)}
    with psycopg.connect(settings.postgresql_url) as connection:
        rows = connection.execute(_WAITING).fetchall()
    return sorted(f"{METASTORE} {mode}" if not kind else names[number] for kind, number, mode in rows)


async def until_waiting(settings: Settings, *expected: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while await asyncio.to_thread(waiting, settings) != sorted(expected):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def aliases(admin: AdminClient, name: FullName) -> dict[str, int]:
    return dict((await admin.provider.models.get(admin.context, name)).aliases)


def row(settings: Settings, query: str) -> Any:
    with psycopg.connect(settings.postgresql_url) as connection:
        found = connection.execute(query.encode()).fetchone()
    assert found is not None
    return found


async def test_another_model_does_not_wait_the_same_model_does(
    servers: tuple[AdminClient, AdminClient], settings: Settings
) -> None:
    one, other = servers
    async with asyncio.timeout(PATIENCE):
        async with held(one, A):
            await move(other, B)
            await move(one, C)
            assert await aliases(one, B) == {"Champion": 2}
            same = asyncio.ensure_future(move(other, A))
            await until_waiting(settings, str(A))
            assert await aliases(one, A) == {}
        await same
    assert await aliases(one, A) == {"Champion": 2}


def test_a_model_is_the_same_in_any_spelling() -> None:
    assert model_key("Prod.ML.Scorer") == model_key("prod.ml.scorer")


async def test_a_change_of_more_than_one_model_waits_for_all_and_those_who_come_later_wait_for_it(
    servers: tuple[AdminClient, AdminClient], settings: Settings
) -> None:
    one, other = servers
    exclusive = f"{METASTORE} ExclusiveLock"
    async with asyncio.timeout(PATIENCE):
        async with held(one, A):
            renamed = asyncio.ensure_future(
                other.provider.models.update(other.context, B, SecurableUpdate(new_name="d"))
            )
            await until_waiting(settings, exclusive)
            late = [asyncio.ensure_future(move(each, name)) for each, name in ((one, B), (other, C))]
            await until_waiting(settings, exclusive, *[f"{METASTORE} ShareLock"] * 2)
        await renamed
        # It looked the name up after its turn had come, and so after the rename.
        with pytest.raises(NotFound):
            await late[0]
        await late[1]


async def test_what_a_change_looked_up_holds_until_it_is_committed(
    servers: tuple[AdminClient, AdminClient], settings: Settings
) -> None:
    """Neither a deletion, of the model or of the version, nor a revocation comes between."""
    one, other = servers
    async with asyncio.timeout(PATIENCE):
        async with held(one, A) as operation:
            gone = asyncio.ensure_future(other.provider.versions.delete(other.context, A, 1))
            await until_waiting(settings, str(A))
            model = await find_model(operation, A)
            assert model.aliases == {"Champion": 1}
            found = await operation.rows.versions.find(model.id, 1)
            assert found is not None
        await gone
        assert await aliases(one, A) == {}
        async with held(one, B) as operation:
            gone = asyncio.ensure_future(other.provider.models.delete(other.context, B))
            await until_waiting(settings, f"{METASTORE} ExclusiveLock")
            assert (await find_model(operation, B)).aliases == {"Champion": 1}
        await gone


async def test_a_revoked_grant_is_not_used_after_its_commit(
    servers: tuple[AdminClient, AdminClient], settings: Settings
) -> None:
    """Two servers; ann's change comes to the one while the other waits to revoke her grant."""
    one, other = servers
    ann = await create_user(one, "ann")
    tagging = on_model(Privilege.APPLY_TAG, str(A))
    await grant_privileges(
        one,
        ann.name,
        on_catalog(Privilege.USE_CATALOG, "prod"),
        on_schema(Privilege.USE_SCHEMA, "prod.ml"),
        tagging,
    )
    context = await ann.context()

    async def tag(value: str) -> None:
        await one.provider.models.tag(context, A, TagChange(add={"stage": value}))

    await tag("before")
    async with asyncio.timeout(PATIENCE):
        async with held(one, B):
            revoked = asyncio.ensure_future(tagging.revoke(other, ann.name))
            await until_waiting(settings, f"{METASTORE} ExclusiveLock")
            late = asyncio.ensure_future(tag("after"))
            await until_waiting(settings, f"{METASTORE} ExclusiveLock", f"{METASTORE} ShareLock")
        await revoked
        with pytest.raises(PermissionDenied):
            await late
    assert (await one.provider.models.get(one.context, A)).tags == {"stage": "before"}


async def test_changes_are_numbered_in_the_order_of_their_commits_without_a_gap(
    servers: tuple[AdminClient, AdminClient], settings: Settings
) -> None:
    """While two servers change models, and other things, whoever looks sees 1 to n and no other number."""
    first, before = row(settings, "SELECT min(sequence), max(sequence) FROM changes")
    moves = 25

    async def move_often(admin: AdminClient, name: FullName) -> None:
        for number in range(moves):
            await move(admin, name, 1 + number % 2)

    async def others(admin: AdminClient) -> None:
        for number in range(moves):
            await admin.provider.shares.create(admin.context, f"share_{number}")

    changing = asyncio.gather(
        *(move_often(admin, name) for admin in servers for name in (A, B, C)), others(servers[0])
    )
    seen: dict[int, str] = {}
    async with asyncio.timeout(PATIENCE):
        while not changing.done():
            looked = await asyncio.to_thread(_feed, settings)
            assert sorted(looked) == list(range(first, max(looked) + 1))
            assert seen.items() <= looked.items()
            seen = looked
        await changing
    assert row(settings, "SELECT max(sequence), count(DISTINCT mark) FROM changes") == row(
        settings, "SELECT change_sequence, (SELECT count(DISTINCT mark) FROM changes) FROM metastores"
    )
    # Two servers move an alias in turn: a move to where it is already is no change.
    assert before < row(settings, "SELECT max(sequence) FROM changes")[0] <= before + 6 * moves
    assert row(settings, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == (0,)
    assert row(
        settings, "SELECT count(*) FROM audit_log WHERE action = 'setRegisteredModelAlias' AND outcome = 'OK'"
    ) == (6 * moves,)


def _feed(settings: Settings) -> dict[int, str]:
    with psycopg.connect(settings.postgresql_url) as connection:
        return dict(connection.execute("SELECT sequence, mark FROM changes").fetchall())


async def test_changes_of_one_model_write_no_row_of_another(
    servers: tuple[AdminClient, AdminClient], settings: Settings, tmp_path: Path
) -> None:
    """Each change of one model, while PostgreSQL refuses what the locks of the change do not cover."""
    admin, _ = servers
    new = FullName("prod", "ml", "new")
    await asyncio.to_thread(check_scopes, settings.postgresql_url, [A, B, new])
    with pytest.raises(ProgrammingError, match=r"prod\.ml\.a wrote to model_aliases, of prod\.ml\.b"):
        async with held(admin, A) as operation:
            await point_alias(operation, B, "Champion", 1)
    share = await admin.provider.shares.create(admin.context, "acme")
    with pytest.raises(ProgrammingError, match=r"a change of prod\.ml\.a wrote to shares"):
        async with held(admin, A) as operation:
            await operation.rows.shares.delete(share.id)
    for change in _changes_of(admin, A):
        await change()
    await admin.provider.models.create(admin.context, new, "a comment", {"key": "value"})
    await admin.register(write_model(tmp_path / "another"), "prod.ml.new", "Champion")
    await _upload(admin, new)
    await admin.provider.versions.delete(admin.context, new, 2)


def _changes_of(admin: AdminClient, name: FullName) -> list[Callable[[], Awaitable[object]]]:
    provider, context = admin.provider, admin.context
    described = SecurableUpdate(comment="a comment")
    return [
        lambda: provider.models.set_alias(context, name, "Champion", 1),
        lambda: provider.models.update(context, name, described, {"Challenger": 2}),
        lambda: provider.models.tag(context, name, TagChange(add={"a": "1", "b": "2"})),
        lambda: provider.models.tag(context, name, TagChange(add={"a": "3"}, remove=["b"])),
        lambda: provider.versions.tag(context, name, 1, TagChange(add={"a": "1"})),
        lambda: provider.versions.update(context, name, 1, "a comment", ["Best"]),
        lambda: provider.lineage.emit(context, name, 1, "DOWNSTREAM", {"job": "1"}),
        lambda: provider.recalls.recall(context, name, 1, "wrong", replacement=2),
        lambda: provider.recalls.lift(context, name, 1),
        lambda: provider.models.delete_alias(context, name, "Champion"),
        lambda: provider.versions.delete(context, name, 1),
    ]


async def _upload(admin: AdminClient, name: FullName) -> None:
    """Version of a file that is sent whole, one by a URL that is not used, and one in parts."""
    provider, context = admin.provider, admin.context
    wanted = NewVersion(source="runs:/1/model", tags={"key": "value"}, lineage={"job": "1"})
    version = await provider.uploads.create(context, name, wanted)
    assert await provider.uploads.begin(context, name, version.version)
    await provider.uploads.write(context, version, "MLmodel", chunks(MLMODEL.encode()))
    await provider.uploads.write(context, version, "useless", chunks(b"useless"))
    await provider.uploads.remove(context, name, version.version, "useless")
    await provider.principal_files.sign_file_upload(context, name, version.version, "other", "other")
    by = provider.administrator
    session = await provider.multipart.begin(context, name, version.version, "model.pkl")
    tag = await provider.multipart.write_part(context, version, session, 1, chunks(b"model"), by=by)
    await provider.multipart.complete(
        context, name, version.version, "model.pkl", session=session, seen=[PartSeen(1, tag)]
    )
    await provider.finalization.finalize(context, name, version.version)


async def test_a_change_that_is_given_up_at_its_end_leaves_nothing_behind(
    servers: tuple[AdminClient, AdminClient], settings: Settings
) -> None:
    """Its client goes away while it waits for the number of its change."""
    admin, _ = servers
    await move(admin, A, 1)
    with psycopg.connect(settings.postgresql_url) as holder:
        holder.execute("SELECT change_sequence FROM metastores FOR UPDATE")
        given_up = [asyncio.ensure_future(move(admin, name)) for name in (A, B, C)]
        async with asyncio.timeout(PATIENCE):
            while row(settings, _WAITING_FOR_ROWS)[0] < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        for each in given_up:
            each.cancel()
        assert {type(each) for each in await asyncio.gather(*given_up, return_exceptions=True)} == {
            asyncio.CancelledError
        }
    async with asyncio.timeout(PATIENCE):
        assert [await aliases(admin, name) for name in (A, B, C)] == [{"Champion": 1}, {}, {}]
        for name in (A, B, C) * 8:  # more often than there are connections
            await move(admin, name)
    assert row(settings, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == (0,)


async def test_of_a_killed_server_nothing_stays_locked_and_nothing_half_done(
    servers: tuple[AdminClient, AdminClient], settings: Settings, tmp_path: Path
) -> None:
    """It is killed amid a change of a, with the numbers of changes taken: others wait, and then go on."""
    admin, _ = servers
    script = """
        from model_sharing_provider.domain.audit_actions import AuditAction
        from model_sharing_provider.services.registry.models import *

        async def work(admin):
            name = FullName("prod", "ml", "a")
            action = AuditAction.SET_REGISTERED_MODEL_ALIAS
            async with admin.context.change(action, model_target(name), model=name) as operation:
                operation.authorized_before()
                await point_alias(operation, name, "Killed", 1)
                await operation.rows.changes.name()
                await operation.rows.changes.write()
                print("changed", flush=True)
                await asyncio.sleep(3600)
    """
    process = await start(script, settings, tmp_path)
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        said = await process.stdout.readline()
        assert said == b"changed\n", said + await process.stdout.read()
        same, another = (asyncio.ensure_future(move(admin, name)) for name in (A, B))
        await until_waiting(settings, str(A))
        assert not another.done()
        process.kill()
        await process.wait()
        await asyncio.gather(same, another)
    assert await aliases(admin, A) == {"Champion": 2}
    looked = _feed(settings)
    assert sorted(looked) == list(range(min(looked), max(looked) + 1))
