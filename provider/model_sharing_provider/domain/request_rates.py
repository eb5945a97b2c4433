"""Rate limits: requests that a server process takes in a minute; 0 is no limit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRates:
    """`failures` of one address to authenticate; `calls` of one caller; `file_requests` under one token.

    A client that fetches thousands of small files one by one stays below what is set here.
    """

    failures: int = 600
    calls: int = 12_000
    file_requests: int = 60_000
