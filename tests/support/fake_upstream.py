"""The fake provider as the upstream of a mirror: what happens while it is asked, and what it shows next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from model_sharing_provider.domain.mirrors import CatalogSource, MirrorState
from support.admin_client import AdminClient
from support.fake_provider.models import SHARE, Model
from support.fake_provider.server import FakeProvider, Handler
from support.model_folder import MLMODEL
from support.patience import PATIENCE

CATALOG = "vendor"


async def know(admin: AdminClient, fake: FakeProvider, **fields: object) -> None:
    """Make the fake provider known here as `acme`."""
    await admin.provider.providers.create(admin.context, "acme", fake.profile(**fields).decode())


async def mirror(admin: AdminClient, fake: FakeProvider) -> None:
    """Make the catalog `vendor` of what the fake provider shares."""
    await know(admin, fake)
    await admin.provider.shared_catalogs.create(admin.context, CATALOG, "acme", SHARE)


def files(content: bytes) -> dict[str, bytes]:
    """Files of a version."""
    return {"MLmodel": MLMODEL.encode(), "model.pkl": content}


def change(fake: FakeProvider, model: str = "ml_team.scorer") -> Model:
    """Model that is about to change at the provider, as its sequence says then."""
    share, number = fake.sequence
    fake.sequence = (share, number + 1)
    fake.models[model].updated_at += 1
    return fake.models[model]


async def source_of(admin: AdminClient, catalog: str = CATALOG) -> CatalogSource:
    """State of the mirrored catalog, as its owner sees it."""
    source = (await admin.provider.catalogs.get(admin.context, catalog)).source
    assert source is not None
    return source


async def until(admin: AdminClient, state: MirrorState) -> None:
    """Wait for a state of the catalog."""
    async with asyncio.timeout(PATIENCE):
        while (await source_of(admin)).state is not state:  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(0.05)


def meanwhile(fake: FakeProvider, part: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do something in the test's event loop before the next request with `part` in its path is answered."""
    loop = asyncio.get_running_loop()

    async def done() -> None:
        await work()

    def answer(handler: Handler) -> bool:
        if part in handler.path:
            fake.answer = None
            asyncio.run_coroutine_threadsafe(done(), loop).result(PATIENCE)
        return False

    fake.answer = answer
