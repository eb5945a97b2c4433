"""A listing over many schemas is the same in pages of any size, for whoever may see which part of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from model_sharing_protocol.names import FullName, SchemaName, SharedName
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.privileges import Privilege
from support.admin_client import AdminClient
from support.bulk_insert import bulk_insert, model_name
from support.model_folder import write_model
from support.principals import (
    change_owner,
    create_user,
    grant_privileges,
    on_catalog,
    on_model,
    on_schema,
    recipient_context,
)

pytestmark = pytest.mark.each_database

SCHEMAS = [f"s{number:02}" for number in range(24)]
PER_SCHEMA = 3
SIZES = (1, 2, 5, 40)


@pytest.fixture
async def desk_with_schemas(admin: AdminClient, settings: Settings) -> AdminClient:
    """Two catalogs, one with many small schemas, of which every fifth is empty."""
    for name in ("other", "prod"):
        await admin.provider.catalogs.create(admin.context, name)
    for name in (*(f"prod.{each}" for each in SCHEMAS), "other.s99"):
        full = SchemaName.parse(name)
        await admin.provider.catalogs.create_schema(admin.context, full)
        async with admin.provider.database.read() as rows:
            found = await rows.catalogs.find_schema(full)
        assert found is not None
        if name[-1] not in "49" or name == "other.s99":
            bulk_insert(settings.database_url, found.id, PER_SCHEMA, 1, 0)
    return admin


def models_of(*names: str) -> list[str]:
    return [f"{name}.{model_name(each)}" for name in names for each in range(PER_SCHEMA)]


FILLED = [f"prod.{name}" for name in SCHEMAS if name[-1] not in "49"]


async def listed(ask: Callable[[PageRequest], Awaitable[Page[str]]]) -> list[str]:
    """All pages of each size; only the last one is not full. They say the same."""
    listings: list[list[str]] = []
    for size in SIZES:
        items: list[str] = []
        page = await ask(PageRequest(size))
        while page.last_key is not None:
            assert len(page.items) == size
            items += page.items
            page = await ask(PageRequest(size, page.last_key))
        listings.append([*items, *page.items])
    assert all(listing == listings[0] for listing in listings)
    return listings[0]


async def test_everybody_sees_theirs_in_pages_of_any_size(desk_with_schemas: AdminClient) -> None:
    admin = desk_with_schemas
    ann = await create_user(admin, "ann")
    await grant_privileges(
        admin,
        ann.name,
        on_catalog(Privilege.USE_CATALOG, "prod"),
        *(on_schema(Privilege.USE_SCHEMA, f"prod.{name}") for name in SCHEMAS if name != "s20"),
        on_schema(Privilege.EXECUTE, "prod.s02"),
        on_schema(Privilege.EXECUTE, "prod.s10"),
        on_schema(Privilege.EXECUTE, "prod.s20"),
        on_model(Privilege.EXECUTE, f"prod.s01.{model_name(1)}"),
        on_model(Privilege.EXECUTE, f"prod.s02.{model_name(1)}"),
        on_model(Privilege.OWN, f"prod.s12.{model_name(2)}"),
        on_model(Privilege.OWN, f"prod.s20.{model_name(2)}"),
        on_model(Privilege.EXECUTE, f"other.s99.{model_name(2)}"),
    )
    context = await ann.context()

    async def seen_by_ann(page: PageRequest) -> Page[str]:
        found = await admin.provider.models.search(context, page)
        return Page([str(each.full_name) for each in found.items], found.last_key)

    async def seen_by_all(page: PageRequest) -> Page[str]:
        found = await admin.provider.models.search(admin.context, page)
        return Page([str(each.full_name) for each in found.items], found.last_key)

    assert await listed(seen_by_all) == models_of("other.s99", *FILLED)
    assert await listed(seen_by_ann) == [
        f"prod.s01.{model_name(1)}",
        *models_of("prod.s02", "prod.s10"),
        f"prod.s12.{model_name(2)}",
    ]
    await on_catalog(Privilege.EXECUTE, "prod").grant(admin, ann.name)
    assert await listed(seen_by_ann) == models_of(*(name for name in FILLED if name != "prod.s20"))


async def test_a_share_shows_what_its_owner_may_read_in_pages_of_any_size(
    desk_with_schemas: AdminClient, tmp_path: Path
) -> None:
    admin = desk_with_schemas
    registered = f"prod.s21.{model_name(0)}a"
    await admin.register(write_model(tmp_path / "m"), registered)
    await admin.share("acme", "globex")
    for name in FILLED[:6]:
        await admin.add_schema("acme", name)
    # Alone in its schema, and in the place of one that comes with its schema.
    for shared in (SharedName("zoo", "ape"), SharedName("s01", model_name(1))):
        await admin.provider.shares.add_model(admin.context, "acme", FullName.parse(registered), shared)
        registered = f"prod.s22.{model_name(0)}"
    globex = await recipient_context(admin, "globex")

    async def seen(page: PageRequest) -> Page[str]:
        found = await admin.provider.recipient_view.list_models(globex, "acme", None, page)
        return Page([str(each.shared_name) for each in found.items], found.last_key)

    shared_as = [name.partition(".")[2] for name in models_of(*FILLED[:6])]
    assert await listed(seen) == [*shared_as, "zoo.ape"]
    ann = await create_user(admin, "ann")
    await grant_privileges(
        admin,
        ann.name,
        on_catalog(Privilege.USE_CATALOG, "prod"),
        *(on_schema(Privilege.USE_SCHEMA, name) for name in (*FILLED[:4], "prod.s21")),
        on_schema(Privilege.EXECUTE, "prod.s02"),
        on_schema(Privilege.EXECUTE, "prod.s05"),
        on_model(Privilege.EXECUTE, f"prod.s01.{model_name(0)}"),
        on_model(Privilege.EXECUTE, f"prod.s01.{model_name(1)}"),
        on_model(Privilege.OWN, f"prod.s03.{model_name(2)}"),
        on_schema(Privilege.EXECUTE, "prod.s21"),
    )
    await change_owner(admin, admin.context, SecurableType.SHARE, "acme", ann.name)
    # What stands in the place of prod.s01's second model may not be read by ann; so the place is empty.
    assert await listed(seen) == [
        f"s01.{model_name(0)}",
        *(f"s02.{model_name(each)}" for each in range(PER_SCHEMA)),
        f"s03.{model_name(2)}",
        "zoo.ape",
    ]
