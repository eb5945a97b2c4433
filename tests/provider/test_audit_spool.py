"""Spool of a replica's audit events: in order, once, whatever is killed, and not beyond the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from model_sharing_protocol.errors import DiskFull, MetastoreUnavailable
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent, Outcome, Target
from model_sharing_provider.domain.principals import ANONYMOUS, Caller
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.metastore.audit_spool import AuditSpool
from support.admin_client import AdminClient
from support.processes.postgresql import PostgresServer

NOBODY = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def home(postgres: PostgresServer, tmp_path: Path) -> Iterator[Settings]:
    with postgres.database() as url:
        yield Settings(tmp_path / "home", postgresql_url=url)


def events(first: int, number: int) -> list[AuditEvent]:
    caller, target = Caller(ANONYMOUS, "test"), Target(SecurableType.METASTORE)
    return [
        AuditEvent(at, caller, AuditAction.AUTHENTICATE, target, Outcome.DENIED, f"ünusual {at}")
        for at in range(first, first + number)
    ]


async def arrived(home: Settings) -> list[int]:
    async with open_provider(home) as provider:
        admin = AdminClient.of(provider)
        found = await provider.audit.latest(admin.context, 5000, action=AuditAction.AUTHENTICATE)
        assert all(event.reason == f"ünusual {event.at}" for event in found)
        return [event.at for event in reversed(found)]


async def test_events_arrive_in_order_when_the_home_can_be_reached(home: Settings, tmp_path: Path) -> None:
    assert not await arrived(home)
    away = AuditSpool(tmp_path / "spool.db", NOBODY)
    for first in range(0, 1200, 100):
        await away.append_events(events(first, 100))
    with pytest.raises(MetastoreUnavailable):
        await away.deliver()
    assert await away.waiting() == 1200
    away.close()
    spool = AuditSpool(tmp_path / "spool.db", home.postgresql_url)
    assert [await spool.deliver() for _ in range(4)] == [500, 500, 200, 0]
    assert await spool.waiting() == 0
    assert await arrived(home) == list(range(1200))
    spool.close()


async def test_what_the_home_has_is_not_delivered_again(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill between the home's commit and the deletion here, or when the answer was lost."""
    assert not await arrived(home)
    spool = AuditSpool(tmp_path / "spool.db", home.postgresql_url)
    await spool.append_events(events(0, 10))

    def die(_last: int) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(spool, "_forget", die)
        await spool.deliver()
    spool.close()
    again = AuditSpool(tmp_path / "spool.db", home.postgresql_url)
    await again.append_events(events(10, 10))
    assert await again.deliver() == 20
    await again.append_events(events(20, 1))
    assert await again.deliver() == 1
    assert await arrived(home) == list(range(21))
    again.close()


async def test_no_event_is_written_that_depends_on_rows(home: Settings, tmp_path: Path) -> None:
    """There is no change token here to compare its own with, so its call is not answered by it."""
    spool = AuditSpool(tmp_path / "spool.db", home.postgresql_url)
    assert await spool.append_events(events(0, 3), under=["token", None, ""]) == [False, True, False]
    assert await spool.append_events(events(3, 2)) == [True, True]
    assert await spool.waiting() == 3
    spool.close()


async def test_two_processes_of_a_server_share_a_spool(home: Settings, tmp_path: Path) -> None:
    assert not await arrived(home)
    one, other = (AuditSpool(tmp_path / "spool.db", home.postgresql_url) for _ in range(2))
    for at in range(0, 10, 2):
        await one.append_events(events(at, 1))
        await other.append_events(events(at + 1, 1))
    with one._delivering.acquire():
        assert await other.deliver() == 0
    assert await other.deliver() == 10
    assert await one.deliver() == 0
    assert await arrived(home) == list(range(10))
    one.close()
    other.close()


async def test_a_full_disk_is_an_error_and_loses_nothing(home: Settings, tmp_path: Path) -> None:
    spool = AuditSpool(tmp_path / "spool.db", home.postgresql_url)
    await spool.check_writable()
    await spool.append_events(events(0, 5))
    pages = spool._connection.execute("PRAGMA page_count").fetchone()[0]
    spool._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull, match="answers nothing"):
        await spool.append_events(events(5, 1000))
    assert await spool.waiting() == 5
    spool.close()
