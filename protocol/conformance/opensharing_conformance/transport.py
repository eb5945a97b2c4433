"""HTTP messages of the suite, and the transport that carries them: a network, or a server in this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """Request as it is sent."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """Response as received; names of headers are in lower case, `truncated` if the body was too large."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    truncated: bool = False


class NoAnswer(Exception):
    """No HTTP response came: refused, out of time, or not HTTP."""


class Transport(Protocol):
    """Carrier of one request at a time."""

    def send(self, request: Request) -> Response:
        """Response of the server; raises NoAnswer within a bounded time if there is none."""
