"""Listings show each principal exactly what it may see: what SQL says of all is what is decided of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_sharing_protocol.errors import PermissionDenied
from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.principals import ALL_USERS, Principal, PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance import rules
from model_sharing_provider.governance.decisions import decide
from model_sharing_provider.governance.privileges import GRANTABLE, Privilege
from model_sharing_provider.metastore.authorization.visibility import Viewer
from model_sharing_provider.metastore.paging.model_listing import EVERYWHERE
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import (
    create_group,
    create_user,
    grant_privileges,
    on_catalog,
    on_model,
    on_schema,
    privileges_to_load,
)

pytestmark = pytest.mark.each_database

CATALOGS = ("dev", "prod")
SCHEMAS = tuple(f"{each}.{name}" for each in CATALOGS for name in ("a", "b"))
MODELS = tuple(f"{each}.{name}" for each in SCHEMAS for name in ("x", "y"))
GROUPS = ("red", "blue")
PEOPLE = ("ana", "ben")
WHOLE = PageRequest()


@dataclass(frozen=True)
class Listings:
    """Listings that one principal sees, by full name."""

    catalogs: list[str]
    schemas: list[str]
    models: list[str]
    models_of_a_run: list[str]


async def listings(provider: ProviderServices, context: Context) -> Listings:
    catalogs = await provider.catalogs.page(context, WHOLE)
    schemas = [await provider.catalogs.page_schemas(context, each.name, WHOLE) for each in catalogs.items]
    models = await provider.models.search(context, WHOLE)
    versions = await provider.versions.page_of_run(context, "run-1", WHOLE)
    return Listings(
        [each.name for each in catalogs.items],
        [str(each.full_name) for page in schemas for each in page.items],
        [str(each.full_name) for each in models.items],
        sorted(str(each.full_name) for each in versions.items),
    )


async def register_all(admin: AdminClient, folder: Path) -> None:
    """One version of each model, all of them made of the same run."""
    write_model(folder)
    with (folder / "MLmodel").open("a") as mlmodel:
        mlmodel.write("run_id: run-1\n")
    for name in MODELS:
        await admin.register(folder, name)


async def test_each_sees_what_it_may_use_and_the_administrator_all(
    admin: AdminClient, tmp_path: Path
) -> None:
    await register_all(admin, tmp_path / "m")
    ana, ben = await create_user(admin, "ana"), await create_user(admin, "ben")
    nobody = await create_user(admin, "nobody")
    await create_group(admin, "red", "ben")
    await grant_privileges(admin, "ana", *privileges_to_load("prod.a.x"))
    await grant_privileges(
        admin,
        "red",
        on_catalog(Privilege.ALL_PRIVILEGES, "dev"),
        on_catalog(Privilege.USE_CATALOG, "prod"),
        on_schema(Privilege.OWN, "prod.b"),
        on_model(Privilege.OWN, "prod.b.y"),
        # Of no use without the schema around it.
        on_model(Privilege.EXECUTE, "prod.a.y"),
    )
    provider = admin.provider
    everything = Listings([*CATALOGS], [*SCHEMAS], [*MODELS], [*MODELS])
    assert await listings(provider, admin.context) == everything
    assert await listings(provider, await nobody.context()) == Listings([], [], [], [])
    hers = ["prod.a.x"]
    assert await listings(provider, await ana.context()) == Listings(["prod"], ["prod.a"], hers, hers)
    his = [*MODELS[:4], "prod.b.y"]
    assert await listings(provider, await ben.context()) == Listings(
        [*CATALOGS], ["dev.a", "dev.b", "prod.b"], his, his
    )
    found_in_prod = await provider.models.search_catalog(await ben.context(), WHOLE, "prod")
    assert [str(each.full_name) for each in found_in_prod.items] == ["prod.b.y"]
    in_schema = await provider.models.page(await ben.context(), SchemaName("dev", "a"), WHOLE)
    assert [str(each.full_name) for each in in_schema.items] == ["dev.a.x", "dev.a.y"]


async def test_pages_are_full_of_what_may_be_seen(admin: AdminClient, tmp_path: Path) -> None:
    """Hidden rows are left out before a page is cut."""
    await register_all(admin, tmp_path / "m")
    ana = await create_user(admin, "ana")
    seen = ["dev.a.y", "dev.b.y", "prod.b.x", "prod.b.y"]
    for name in seen:
        await grant_privileges(admin, "ana", *privileges_to_load(name))
    context, page = await ana.context(), PageRequest(2)
    first = await admin.provider.models.search(context, page)
    assert len(first.items) == 2
    second = await admin.provider.models.search(context, PageRequest(2, first.last_key))
    assert second.last_key is None
    assert [str(each.full_name) for each in (*first.items, *second.items)] == seen


async def test_shares_and_recipients_are_listed_for_their_owners(admin: AdminClient) -> None:
    ana, ben = await create_user(admin, "ana"), await create_user(admin, "ben")
    await create_group(admin, "red", "ben")
    await admin.share("acme", "globex")
    await admin.share("second", "initech")
    provider = admin.provider
    await provider.shares.update(admin.context, "acme", (), SecurableUpdate(owner="red"))
    await provider.recipients.update(admin.context, "globex", SecurableUpdate(owner="red"))
    for person, shares, recipients in ((ana, [], []), (ben, ["acme"], ["globex"])):
        context = await person.context()
        assert [share.name for share in (await provider.shares.page(context, WHOLE)).items] == shares
        shown = await provider.recipients.page(context, WHOLE)
        assert [recipient.name for recipient in shown.items] == recipients
        in_full = await provider.shares.overview(context, WHOLE)
        assert [overview.share.name for overview in in_full.items] == shares
        described = await provider.recipients.overview(context, WHOLE)
        assert [overview.recipient.name for overview in described.items] == recipients
    with pytest.raises(PermissionDenied, match="lacks OWNERSHIP on share 'acme'"):
        await provider.shares.get(await ana.context(), "acme")


# --- any owners, grants and groups ---
SECURABLES = [
    *((SecurableType.CATALOG, name) for name in CATALOGS),
    *((SecurableType.SCHEMA, name) for name in SCHEMAS),
    *((SecurableType.MODEL, name) for name in MODELS),
]
DECIDING = {
    Privilege.USE_CATALOG,
    Privilege.USE_SCHEMA,
    Privilege.EXECUTE,
    Privilege.ALL_PRIVILEGES,
    Privilege.MANAGE,
}
HOLDERS = (*PEOPLE, *GROUPS, ALL_USERS)


@dataclass(frozen=True, slots=True)
class Disposition:
    """Owners, grants and members of groups."""

    owners: list[str]
    grants: frozenset[tuple[str, tuple[SecurableType, str], Privilege]]
    members: frozenset[tuple[str, str]]


@st.composite
def dispositions(draw: st.DrawFn) -> Disposition:
    grants = set()
    for _ in range(draw(st.integers(0, 12))):
        securable = draw(st.sampled_from(SECURABLES))
        privilege = draw(st.sampled_from(sorted(DECIDING & GRANTABLE[securable[0]])))
        grants.add((draw(st.sampled_from(HOLDERS)), securable, privilege))
    owner = st.sampled_from(["admin", "admin", *HOLDERS])
    return Disposition(
        draw(st.lists(owner, min_size=len(SECURABLES), max_size=len(SECURABLES))),
        frozenset(grants),
        draw(st.frozensets(st.tuples(st.sampled_from(GROUPS), st.sampled_from(PEOPLE)))),
    )


@pytest.fixture(scope="module")
def registry(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[asyncio.AbstractEventLoop, ProviderServices]]:
    """A provider with all the securables, in which people have no rights yet; and the loop it lives in."""
    folder = tmp_path_factory.mktemp("registry")
    with closing(asyncio.new_event_loop()) as loop:
        stack = AsyncExitStack()
        opened = stack.enter_async_context(open_provider(Settings(folder / "home")))
        provider = loop.run_until_complete(opened)
        admin = AdminClient.of(provider)
        loop.run_until_complete(register_all(admin, folder / "m"))
        for name in PEOPLE:
            loop.run_until_complete(create_user(admin, name))
        for name in GROUPS:
            loop.run_until_complete(create_group(admin, name))
        yield loop, provider
        loop.run_until_complete(stack.aclose())


@settings(deadline=None, max_examples=25)
@given(disposition=dispositions())
def test_listings_agree_with_decisions(
    registry: tuple[asyncio.AbstractEventLoop, ProviderServices], disposition: Disposition
) -> None:
    loop, provider = registry
    loop.run_until_complete(_agree(provider, disposition))


async def _agree(provider: ProviderServices, disposition: Disposition) -> None:
    async with _undone(provider) as rows:
        principals = await _dispose(rows, disposition)
        for name, principal in principals.items():
            decided = (
                [each for each in CATALOGS if await _may(rows, principal, SecurableType.CATALOG, each)],
                [each for each in SCHEMAS if await _may(rows, principal, SecurableType.SCHEMA, each)],
                [each for each in MODELS if await _may(rows, principal, SecurableType.MODEL, each)],
            )
            # As who looks, and as who owns a share.
            assert await _listed(rows, Viewer.of(principal)) == decided
            assert await _listed(rows, Viewer.owner(name)) == decided


_GUARDS: Mapping[SecurableType, rules.Rule] = {
    SecurableType.CATALOG: rules.USE_CATALOG,
    SecurableType.SCHEMA: rules.USE_SCHEMA,
    SecurableType.MODEL: rules.READ_MODEL,
}


async def _may(rows: UnitOfWork, principal: Principal, kind: SecurableType, name: str) -> bool:
    standings = await rows.effective_privileges.list_for(principal, kind, name)
    return decide(principal, _GUARDS[kind], standings).allowed


async def _listed(rows: UnitOfWork, viewer: Viewer) -> tuple[list[str], list[str], list[str]]:
    catalogs = await rows.catalogs.page(WHOLE, viewer, "")
    schemas = [await rows.catalogs.page_schemas(name, WHOLE, viewer, "") for name in CATALOGS]
    models = await rows.models.page(WHOLE, viewer, EVERYWHERE)
    versions = await rows.versions.page_of_run("run-1", WHOLE, viewer)
    names = [str(each.full_name) for each in models.items]
    assert sorted(str(each.full_name) for each in versions.items) == names
    return (
        [each.name for each in catalogs.items],
        [str(each.full_name) for page in schemas for each in page.items],
        names,
    )


async def _dispose(rows: UnitOfWork, disposition: Disposition) -> dict[str, Principal]:
    """Write it down; the principals by name, each with its groups. A group looks as one in it alone would."""
    known = {each.principal.name: each for each in (await rows.principals.page(WHOLE)).items}
    for (kind, name), owner in zip(SECURABLES, disposition.owners, strict=True):
        await _give(rows, kind, name, owner)
    for who, (kind, name), privilege in disposition.grants:
        place = (await rows.effective_privileges.path(kind, name))[-1]
        await rows.privilege_grants.add(place, known[who].principal, [privilege], 0, "admin")
    for group, member in disposition.members:
        await rows.principals.add_member(known[group].principal.id, known[member].principal.id)
    everybody = (known[ALL_USERS].principal,)
    found_again = {
        name: replace(known[name].principal, type=PrincipalType.USER, groups=everybody) for name in GROUPS
    }
    for name in PEOPLE:
        holder = await rows.principals.find_by_token_id(known[name].tokens[0].id, 0)
        assert holder is not None
        found_again[name] = holder
    return found_again


async def _give(rows: UnitOfWork, kind: SecurableType, name: str, owner: str) -> None:
    if kind is SecurableType.CATALOG:
        catalog = await rows.catalogs.find(name)
        assert catalog is not None
        await rows.catalogs.update(replace(catalog, owner=owner))
    elif kind is SecurableType.SCHEMA:
        schema = await rows.catalogs.find_schema(SchemaName.parse(name))
        assert schema is not None
        await rows.catalogs.update_schema(replace(schema, owner=owner))
    else:
        model = await rows.models.find(FullName.parse(name))
        assert model is not None
        await rows.models.update(replace(model, owner=owner))


class _UndoneError(Exception):
    """Ends a transaction that nothing shall be left of."""


@asynccontextmanager
async def _undone(provider: ProviderServices) -> AsyncIterator[UnitOfWork]:
    try:
        async with provider.database.write() as rows:
            yield rows
            raise _UndoneError
    except _UndoneError:
        pass
