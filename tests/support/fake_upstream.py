"""The fake provider as the upstream of a mirror: what happens while it is asked, and what it shows next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from support.admin_client import AdminClient
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider, Handler

CATALOG = "vendor"


async def know(admin: AdminClient, fake: FakeProvider, **fields: object) -> None:
    """Make the fake provider known here as `acme`."""
    await admin.provider.providers.create(admin.context, "acme", fake.profile(**fields).decode())


async def mirror(admin: AdminClient, fake: FakeProvider) -> None:
    """Make the catalog `vendor` of what the fake provider shares."""
    await know(admin, fake)
    await admin.provider.shared_catalogs.create(admin.context, CATALOG, "acme", SHARE)


def meanwhile(fake: FakeProvider, part: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do something in the test's event loop before the next request with `part` in its path is answered."""
    loop = asyncio.get_running_loop()

    async def done() -> None:
        await work()

    def answer(handler: Handler) -> bool:
        if part in handler.path:
            fake.answer = None
            asyncio.run_coroutine_threadsafe(done(), loop).result(30)
        return False

    fake.answer = answer
