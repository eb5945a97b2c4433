"""Rate limits of a server process, in requests per minute; 0 means no limit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRates:
    """Rate limits: failed authentications of one address, calls of one caller, file requests of one token.

    A client that fetches thousands of small files one by one stays below the defaults.
    """

    failures: int = 600
    calls: int = 12_000
    file_requests: int = 60_000
