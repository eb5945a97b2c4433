"""Rate limits of failures by address and of calls by caller, separate in each server process.

An address that failed too often is refused before anything is looked up. Other callers behind the same
address, as in a company's network, are still served if their tokens were valid within the last hour.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from enum import StrEnum

from cachetools import TTLCache

from model_sharing_protocol.errors import TooManyRequests
from model_sharing_provider.domain.principals import Caller, Principal
from model_sharing_provider.domain.request_rates import RequestRates
from model_sharing_provider.governance.addresses import network_of
from model_sharing_provider.services.rate_limiter import RateLimiter

_GOOD_FOR_SECONDS = 3600
_MOST_GOOD = 20_000


class Limit(StrEnum):
    FAILURES = "failures"
    CALLS = "calls"
    FILE_REQUESTS = "file_requests"


class RateLimits:
    def __init__(self, rates: RequestRates, clock: Callable[[], float] = time.monotonic) -> None:
        self._failures = RateLimiter(rates.failures, clock)
        self._calls = RateLimiter(rates.calls, clock)
        self._file_requests = RateLimiter(rates.file_requests, clock)
        self._good: TTLCache[bytes, None] = TTLCache(_MOST_GOOD, _GOOD_FOR_SECONDS, clock)
        self.observe: Callable[[str, Limit], None] = lambda _face, _limit: None
        """Callback for each refused request, with its face and limit."""

    def check_failures(self, caller: Caller, secret: str = "") -> None:
        """Check the limit of an address, unless `secret` was valid recently. Raises TooManyRequests."""
        wait = self._failures.wait(network_of(caller.address))
        if wait and _digest(secret) not in self._good:
            self._refuse(
                caller,
                Limit.FAILURES,
                wait,
                "There were too many requests with wrong tokens, links or URLs from your address",
            )

    def failed(self, caller: Caller, secret: str = "") -> None:
        """Count an invalid or expired token, activation code or signature."""
        self._failures.take(network_of(caller.address))
        self._good.pop(_digest(secret), None)

    def check_calls(self, caller: Caller, principal: Principal, secret: str) -> None:
        """Count a call with a valid token. Raises TooManyRequests."""
        self._good[_digest(secret)] = None
        if wait := self._calls.take(principal.id):
            most = self._calls.per_minute
            self._refuse(
                caller, Limit.CALLS, wait, f"{principal.name} made more than {most} requests within a minute"
            )

    def try_call(self, caller: Caller, principal: Principal, secret: str) -> bool:
        """Count a call, unless `check_failures` or `check_calls` would refuse it: then false."""
        refused = self._failures.wait(network_of(caller.address)) and _digest(secret) not in self._good
        return not refused and not self._calls.take(principal.id)

    def call_allowed(self, secret: str) -> None:
        """Note that the secret of a call by `try_call` is valid."""
        self._good[_digest(secret)] = None

    def call_not_made(self, principal: Principal) -> None:
        """Take back a call that was counted by `try_call`."""
        self._calls.give_back(principal.id)

    def check_file_requests(self, caller: Caller, token_id: str) -> None:
        """Count a request by a signed URL that was issued under a token. Raises TooManyRequests."""
        if wait := self._file_requests.take(token_id):
            most = self._file_requests.per_minute
            self._refuse(
                caller,
                Limit.FILE_REQUESTS,
                wait,
                f"There were more than {most} requests for files within a minute under one token",
            )

    def _refuse(self, caller: Caller, limit: Limit, wait: float, why: str) -> None:
        self.observe(caller.face, limit)
        seconds = max(1, math.ceil(wait))
        raise TooManyRequests(f"{why}; try again in {seconds} s.", seconds)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()
