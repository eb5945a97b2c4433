"""Limits of recipients hold at all servers of a metastore together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import uuid4

import pytest

from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.principals import Principal, PrincipalType
from model_sharing_provider.domain.recipient_limits import LimitPeriod, RecipientLimits
from model_sharing_provider.metastore.database import open_database
from model_sharing_provider.services.recipient_budgets import FREE_SHARE, LimitReached, RecipientBudgets

pytestmark = pytest.mark.each_database

NOON = 1_700_000_000_000 // 86_400_000 * 86_400_000 + 43_200_000
NO_LIMITS = RecipientLimits(0, 0, 0)
PROCESSES = 4


class Clock:
    """Clock of all servers, in epoch ms."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def processes(settings: Settings, clock: Clock) -> AsyncIterator[list[RecipientBudgets]]:
    """Budgets of several processes over one database; the settings have no limits."""
    settings.home.mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(PROCESSES):
            database = await open_database(settings.database_url)
            stack.push_async_callback(database.close)
            found.append(RecipientBudgets(NO_LIMITS, database, clock))
        yield found


def globex(**limits: int) -> Principal:
    own = RecipientLimits(**limits)
    return Principal(PrincipalType.RECIPIENT, str(uuid4()), "globex", limits=own)


async def requests(budgets: RecipientBudgets, holder: Principal, tries: int) -> int:
    """Number of requests that are answered, of so many that come at once."""

    async def answered() -> bool:
        try:
            await budgets.spend_request(holder)
        except LimitReached:
            return False
        return True

    return sum(await asyncio.gather(*(answered() for _ in range(tries))))


@pytest.mark.parametrize("most", [1, 7, 100, 1000])
async def test_requests_at_all_servers_stay_within_the_limit_and_what_is_free(
    processes: list[RecipientBudgets], clock: Clock, most: int
) -> None:
    holder = globex(requests_per_minute=most)
    for _ in range(2):  # and again in the next minute
        found = await asyncio.gather(*(requests(each, holder, most) for each in processes))
        free = PROCESSES * max(1, most // FREE_SHARE)
        assert sum(found) <= most + free
        assert sum(found) >= most * 0.4
        assert await requests(processes[0], holder, 10) == 0
        clock.now += 60_000


async def test_one_server_gives_all_of_it(processes: list[RecipientBudgets]) -> None:
    holder = globex(requests_per_minute=1000)
    assert await requests(processes[0], holder, 2000) == 1000


async def test_bytes_never_exceed_the_limit(processes: list[RecipientBudgets], clock: Clock) -> None:
    holder = globex(bytes_per_day=1_000_000, bytes_per_month=1_500_000)

    async def download(budgets: RecipientBudgets, size: int) -> int:
        sent = 0
        for _ in range(200):
            try:
                await budgets.spend_bytes(holder, size)
            except LimitReached:
                continue
            sent += size
        return sent

    def sizes() -> list[int]:
        return [4_000 + 3_001 * index for index in range(PROCESSES)]

    first = sum(await asyncio.gather(*map(download, processes, sizes())))
    assert 500_000 <= first <= 1_000_000
    clock.now += 86_400_000
    second = sum(await asyncio.gather(*map(download, processes, sizes())))
    assert first + second <= 1_500_000
    assert second > 0


async def test_a_refusal_says_when_the_budget_returns(
    processes: list[RecipientBudgets], clock: Clock
) -> None:
    clock.now = NOON + 15_000
    holder = globex(requests_per_minute=1)
    assert await requests(processes[0], holder, 1) == 1
    with pytest.raises(LimitReached, match="the 1 requests of this minute") as refusal:
        await processes[0].spend_request(holder)
    assert refusal.value.retry_after == 45
    holder = globex(bytes_per_day=100)
    await processes[0].spend_bytes(holder, 60)
    with pytest.raises(LimitReached, match=r"again at 20..-..-..T00:00:00Z") as refusal:
        await processes[0].spend_bytes(holder, 60)
    assert refusal.value.retry_after == 43_200 - 15
    await processes[0].spend_bytes(holder, 40)
    with pytest.raises(LimitReached, match="max-bytes-per-day"):
        await processes[0].spend_bytes(holder, 101)


async def test_the_first_refusal_of_all_servers_is_told_apart_in_each_period(
    processes: list[RecipientBudgets], clock: Clock
) -> None:
    holder = globex(bytes_per_day=10)

    async def refusals() -> list[bool]:
        found = []
        for budgets in processes * 2:
            with pytest.raises(LimitReached) as refusal:
                await budgets.spend_bytes(holder, 11)
            found.append(refusal.value.first)
        return found

    assert await refusals() == [True] + [False] * (2 * PROCESSES - 1)
    clock.now += 86_400_000
    await processes[1].spend_bytes(holder, 5)
    assert await refusals() == [True] + [False] * (2 * PROCESSES - 1)


async def test_unused_bytes_come_back(processes: list[RecipientBudgets]) -> None:
    holder = globex(bytes_per_day=100)
    await processes[0].spend_bytes(holder, 100)
    processes[0].refund_bytes(holder, 30)
    await processes[0].spend_bytes(holder, 30)
    with pytest.raises(LimitReached):
        await processes[0].spend_bytes(holder, 1)


async def test_what_a_month_refuses_costs_nothing_of_the_day(processes: list[RecipientBudgets]) -> None:
    holder = globex(bytes_per_day=100, bytes_per_month=50)
    with pytest.raises(LimitReached):
        await processes[0].spend_bytes(holder, 60)
    with pytest.raises(LimitReached):
        await processes[0].spend_issue(holder, "version", 60)
    await processes[0].spend_bytes(replace(holder, limits=RecipientLimits(bytes_per_day=100)), 100)


async def test_urls_of_a_version_count_once_a_day_at_whichever_server(
    processes: list[RecipientBudgets], clock: Clock
) -> None:
    holder = globex(bytes_per_day=100)
    for budgets in processes * 2:
        await budgets.spend_issue(holder, "version 1", 60)
    for budgets in processes:
        found = await asyncio.gather(
            *(budgets.spend_issue(holder, "version 2", 60) for _ in range(5)), return_exceptions=True
        )
        assert [type(each) for each in found] == [LimitReached] * 5, "not even those that come at once"
    await processes[0].spend_issue(holder, "version 3", 40)
    clock.now += 86_400_000
    await processes[0].spend_issue(holder, "version 2", 60)
    with pytest.raises(LimitReached):
        await processes[1].spend_issue(holder, "version 1", 60)


async def test_another_limit_holds_at_once(processes: list[RecipientBudgets]) -> None:
    holder = globex(bytes_per_day=100)
    await processes[0].spend_bytes(holder, 90)
    with pytest.raises(LimitReached):
        await processes[0].spend_bytes(holder, 20)
    more = replace(holder, limits=RecipientLimits(bytes_per_day=200))
    await processes[0].spend_bytes(more, 20)
    less = replace(holder, limits=RecipientLimits(bytes_per_day=50))
    with pytest.raises(LimitReached):
        await processes[0].spend_bytes(less, 1)


async def test_a_recipient_that_asks_now_and_then_costs_no_statement(
    processes: list[RecipientBudgets], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = globex(requests_per_minute=600)
    with monkeypatch.context() as without_database:
        without_database.setattr(processes[0]._database, "take_from_limits", None)
        for _ in range(5):
            assert await requests(processes[0], holder, 12) == 12
            clock.now += 60_000
    assert (await processes[0].used(holder.id)) == {}


async def test_the_defaults_hold_for_those_without_a_limit_of_their_own(
    settings: Settings, processes: list[RecipientBudgets], clock: Clock
) -> None:
    defaults = RecipientLimits(requests_per_minute=1, bytes_per_day=10, bytes_per_month=0)
    budgets = RecipientBudgets(defaults, processes[0]._database, clock)
    with pytest.raises(LimitReached):
        await budgets.spend_bytes(globex(), 11)
    await budgets.spend_bytes(globex(bytes_per_day=0), 10**12)
    await budgets.spend_bytes(globex(bytes_per_day=11), 11)


async def test_a_replica_has_each_limit_for_itself_and_writes_nothing(
    processes: list[RecipientBudgets], clock: Clock
) -> None:
    database = processes[0]._database
    replica = RecipientBudgets(NO_LIMITS, database, clock, alone=True)
    holder = globex(requests_per_minute=3, bytes_per_day=100)
    assert await requests(replica, holder, 10) == 3
    for _ in range(3):
        await replica.spend_issue(holder, "version 1", 60)
    with pytest.raises(LimitReached) as refusal:
        await replica.spend_bytes(holder, 41)
    assert refusal.value.first
    await replica.spend_bytes(holder, 40)
    assert await database.used_of_limits(holder.id, clock.now) == {}


@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [
        (LimitPeriod.MINUTE, 1_709_164_740_000, 1_709_164_800_000),
        (LimitPeriod.DAY, 1_709_078_400_000, 1_709_164_800_000),
        (LimitPeriod.MONTH, 1_706_745_600_000, 1_709_251_200_000),
    ],
)
def test_periods_of_the_last_moment_of_28_february_of_a_leap_year(
    settings: Settings, kind: LimitPeriod, start: int, end: int
) -> None:
    period = kind.at(1_709_164_799_999)
    assert (period.start, period.end) == (start, end)
