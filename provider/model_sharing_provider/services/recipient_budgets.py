"""Budgets of recipients: their limits, enforced by all servers of a metastore together.

A server takes an eighth of what is left at a time, by one statement, and spends it in memory: most calls cost
a comparison. Of requests, a process gives out the first fiftieth of the limit before it asks the database at
all, so that a recipient that asks now and then costs nothing; what it gave is charged with the next claim. So
each process may exceed the limit of requests by a fiftieth, and that of bytes never. What a server holds and
does not spend is lost to the others until the period ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cachetools import LRUCache

from model_sharing_protocol.errors import TooManyRequests
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.domain.recipient_limits import (
    Claim,
    ClaimRefused,
    LimitPeriod,
    Period,
    RecipientLimits,
)
from model_sharing_provider.metastore.database import Database

FREE_SHARE = 50
"""A process gives out this part of the limit of requests before it asks the database; at least one."""
_MOST_BUDGETS = 50_000
_MOST_ISSUES = 100_000


class LimitReached(TooManyRequests):
    """Recipient that has used up a limit; `first` if no other server refused it in this period before."""

    def __init__(self, message: str, retry_after: int, *, first: bool) -> None:
        super().__init__(message, retry_after)
        self.first = first


@dataclass(slots=True)
class _Budget:
    """What this process holds of a limit: `left` to spend, `free` to give, and `owed`, given and not charged.

    Whoever needs `refused` or more is refused without asking the database.
    """

    period: Period
    most: int
    free: int = 0
    left: int = 0
    owed: int = 0
    refused: int | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def spend(self, need: int) -> bool:
        """Spend what is held here; False if it is not enough."""
        if self.left >= need:
            self.left -= need
            return True
        if self.free >= need and self.refused is None:
            self.free -= need
            self.owed += need
            return True
        return False

    def take_back_one(self) -> None:
        """Take back one that was spent: what was free is owed all the same, and so is held now."""
        self.left += 1


class RecipientBudgets:
    def __init__(
        self,
        defaults: RecipientLimits,
        database: Database,
        clock: Callable[[], int] = now_ms,
        *,
        alone: bool = False,
    ) -> None:
        """A process that is `alone`, as at a replica, which writes nothing, has each limit for itself."""
        self._alone = alone
        self._defaults = defaults
        self._database = database
        self._clock = clock
        self._budgets: LRUCache[tuple[str, LimitPeriod], _Budget] = LRUCache(_MOST_BUDGETS)
        self._issued: LRUCache[tuple[str, str], int] = LRUCache(_MOST_ISSUES)

    @property
    def defaults(self) -> RecipientLimits:
        """Limits of recipients that have none of their own."""
        return self._defaults

    async def used(self, recipient_id: str) -> dict[LimitPeriod, int]:
        """What was taken of a recipient's limits in the present periods, by all servers."""
        return await self._database.used_of_limits(recipient_id, self._clock())

    async def spend_request(self, holder: Principal) -> None:
        """Count a request. Raises LimitReached."""
        if most := self._requests_per_minute(holder):
            await self._spend(holder, LimitPeriod.MINUTE, most, 1)

    def try_spend_request(self, holder: Principal) -> Callable[[], None] | None:
        """Count a request if this process holds enough; return what takes it back, or None if it does not."""
        most = self._requests_per_minute(holder)
        if not most:
            return _nothing_to_take_back
        budget = self._budget(holder.id, LimitPeriod.MINUTE, most, self._clock())
        return budget.take_back_one if budget.spend(1) else None

    async def spend_bytes(self, holder: Principal, size: int) -> None:
        """Count bytes that are about to be sent. Raises LimitReached."""
        spent: list[LimitPeriod] = []
        for kind, most in self._byte_limits(holder):
            try:
                await self._spend(holder, kind, most, size)
            except LimitReached:
                self._give_back(holder.id, spent, size)
                raise
            spent.append(kind)

    def refund_bytes(self, holder: Principal, size: int) -> None:
        """Take back what was counted and not sent."""
        self._give_back(holder.id, [kind for kind, _ in self._byte_limits(holder)], size)

    async def spend_issue(self, holder: Principal, subject: str, size: int) -> None:
        """Count the size of what URLs of a bucket or CDN are issued for, once a day. Raises LimitReached.

        Nobody knows what is fetched by them: a URL can be used often, or not at all, and is issued anew every
        few minutes of a long download.
        """
        limits, now = self._byte_limits(holder), self._clock()
        day = LimitPeriod.DAY.at(now)
        if not limits or self._issued.get((holder.id, subject)) == day.start:
            return
        if self._alone:
            await self.spend_bytes(holder, size)
            self._issued[holder.id, subject] = day.start
            return
        budgets = [self._budget(holder.id, kind, most, now) for kind, most in limits]
        for budget in budgets:
            if budget.refused is not None and size >= budget.refused:
                raise await self._refusal(holder, budget, size, now)
        claims = [Claim(budget.period, size, budget.most) for budget in budgets]
        try:
            granted = await self._database.issue_to_recipient(holder.id, subject, day, claims)
        except ClaimRefused as refusal:
            [budget] = [each for each in budgets if each.period == refusal.claim.period]
            raise await self._refusal(holder, budget, size, now) from None
        for budget, got in zip(budgets, granted, strict=False):
            budget.left += got - size
        self._issued[holder.id, subject] = day.start

    def _requests_per_minute(self, holder: Principal) -> int | None:
        own = holder.limits.requests_per_minute
        return self._defaults.requests_per_minute if own is None else own

    def _byte_limits(self, holder: Principal) -> Sequence[tuple[LimitPeriod, int]]:
        limits = holder.limits.over(self._defaults)
        pairs = ((LimitPeriod.DAY, limits.bytes_per_day), (LimitPeriod.MONTH, limits.bytes_per_month))
        return [(kind, most) for kind, most in pairs if most]

    def _budget(self, recipient_id: str, kind: LimitPeriod, most: int, now: int) -> _Budget:
        """Budget of the present period; a new one if that, or the limit, has changed."""
        key = recipient_id, kind
        budget = self._budgets.get(key)
        if budget is None or now >= budget.period.end or budget.most != most:
            budget = self._budgets[key] = _Budget(kind.at(now), most)
            if self._alone:
                budget.left = most
            elif kind is LimitPeriod.MINUTE:
                budget.free = max(1, most // FREE_SHARE)
        return budget

    async def _spend(self, holder: Principal, kind: LimitPeriod, most: int, need: int) -> None:
        now = self._clock()
        budget = self._budget(holder.id, kind, most, now)
        if budget.spend(need):
            return
        async with budget.lock:  # one claim at a time: it is for all that wait
            if budget.spend(need):
                return
            wanted = need + budget.owed - budget.left
            if not self._alone and (budget.refused is None or wanted < budget.refused):
                try:
                    claim = Claim(budget.period, wanted, most)
                    [granted] = await self._database.take_from_limits(holder.id, [claim])
                except ClaimRefused:
                    pass
                else:
                    budget.left += granted - need - budget.owed
                    budget.owed = 0
                    return
            raise await self._refusal(holder, budget, wanted, now)

    async def _refusal(self, holder: Principal, budget: _Budget, need: int, now: int) -> LimitReached:
        """Error for a budget in which less is left than needed, remembered until the period ends."""
        first = budget.refused is None and (
            self._alone or await self._database.is_first_refusal(holder.id, budget.period)
        )
        budget.refused = need if budget.refused is None else min(need, budget.refused)
        seconds = max(1, -(-(budget.period.end - now) // 1000))
        return LimitReached(_reason(holder.name, budget, need, seconds), seconds, first=first)

    def _give_back(self, recipient_id: str, kinds: Sequence[LimitPeriod], size: int) -> None:
        now = self._clock()
        for kind in kinds:
            budget = self._budgets.get((recipient_id, kind))
            if budget is not None and now < budget.period.end:
                budget.left += size


def _nothing_to_take_back() -> None:
    """For a holder without a limit."""


def _reason(name: str, budget: _Budget, need: int, seconds: int) -> str:
    kind, most = budget.period.kind, budget.most
    if kind is LimitPeriod.MINUTE:
        return f"{name} has made the {most} requests of this minute that it may; try again in {seconds} s."
    if need > most:
        return (
            f"This is {need:,} bytes, and {name} may be given {most:,} a {kind}: ask the provider for a "
            f"higher limit ('recipient update {name} --max-bytes-per-{kind} …')."
        )
    until = datetime.fromtimestamp(budget.period.end / 1000, UTC).isoformat().replace("+00:00", "Z")
    return (
        f"{name} has been given so much of its {most:,} bytes of this {kind} that these {need:,} are too "
        f"many; it has all of them again at {until}. What was downloaded is kept: run the same again then, "
        "or ask the provider for a higher limit."
    )
