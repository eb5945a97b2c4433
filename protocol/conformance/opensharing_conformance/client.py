"""Client of the suite: requests of a recipient, paced, remembered and recorded."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from opensharing_conformance import __version__
from opensharing_conformance.judgement import NotTested, Violation
from opensharing_conformance.transport import NoAnswer, Request, Response, Transport

OWN_TOKEN = "\0own"  # noqa: S105
"""Stands for the token of the profile."""
NO_TOKEN = ""
MOST_FAILURES_IN_A_ROW = 5
MOST_BYTES = 256 * 2**20
"""Bytes of bodies that are received in one run: far more than a server has to say."""
_RECORDED_BYTES = 64 * 2**10
"""Bytes of a body that are kept for reports."""
USER_AGENT = f"opensharing-conformance/{__version__}"


class Stopped(Exception):
    """The run ends here: the server no longer answers, or the time for the run is over."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Response to a request, with what checks read of it."""

    request: Request
    response: Response

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def body(self) -> bytes:
        return self.response.body

    def header(self, name: str) -> str | None:
        return self.response.headers.get(name.lower())

    def json(self) -> Any:
        """Body as JSON; raises Violation if it is not."""
        self._require_whole()
        return _parse(self.body, "The body")

    def lines(self) -> list[Any]:
        """Lines of JSON; raises Violation for a line that is not."""
        self._require_whole()
        rows = [line for line in self.body.split(b"\n") if line.strip()]
        return [_parse(line, f"Line {number}") for number, line in enumerate(rows, start=1)]

    def _require_whole(self) -> None:
        if self.response.truncated:
            raise NotTested(f"the answer has more than the {len(self.body)} bytes that are read")


@dataclass(frozen=True, slots=True)
class Exchange:
    """Request with its response, whose body may be cut, or with the reason that there is none."""

    request: Request
    response: Response | None
    reason: str = ""


class Client:
    """Recipient at an endpoint.

    The same request is sent once and its answer kept, unless `fresh`: checks look at different sides of one
    answer. `exchanges` grows with each request, also with those that were answered from memory.
    """

    def __init__(
        self,
        endpoint: str,
        token: str,
        transport: Transport,
        *,
        requests_per_second: float = 0.0,
        seconds: float = float("inf"),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.exchanges: list[Exchange] = []
        self._token = token
        self._transport = transport
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._clock, self._sleep = clock, sleep
        self._next = 0.0
        self._end = clock() + seconds
        self._failures = self._bytes = 0
        self._known: dict[tuple[str, str, str, bytes | None], Response | NoAnswer] = {}

    def get(
        self,
        *segments: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str = OWN_TOKEN,
        fresh: bool = False,
    ) -> Answer:
        """GET a path below the endpoint; segments are encoded. Raises NoAnswer or Stopped."""
        url = self.url(*segments, query=query)
        return self._answer(Request("GET", url, self._headers(token, headers)), fresh)

    def post(
        self,
        *segments: str,
        body: bytes | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str = OWN_TOKEN,
        fresh: bool = False,
    ) -> Answer:
        """POST to a path below the endpoint; a mapping is sent as JSON. Raises NoAnswer or Stopped."""
        sent = self._headers(token, headers)
        if isinstance(body, Mapping):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json; charset=utf-8")
        return self._answer(Request("POST", self.url(*segments), sent, body or b""), fresh)

    def fetch(self, url: str, headers: Mapping[str, str] | None = None, *, fresh: bool = True) -> Answer:
        """GET an absolute URL, such as that of a file, without the recipient's token."""
        return self._answer(Request("GET", url, {"User-Agent": USER_AGENT, **(headers or {})}), fresh)

    def url(self, *segments: str, query: Mapping[str, str] | None = None) -> str:
        path = "/".join(quote(segment, safe="", errors="replace") for segment in segments)
        return f"{self.endpoint}/{path}" + (f"?{urlencode(query, errors='replace')}" if query else "")

    def _headers(self, token: str, headers: Mapping[str, str] | None) -> dict[str, str]:
        sent = {"User-Agent": USER_AGENT, "Accept": "*/*"}
        if token != NO_TOKEN:
            sent["Authorization"] = f"Bearer {self._token if token == OWN_TOKEN else token}"
        return sent | dict(headers or {})

    def _answer(self, request: Request, fresh: bool) -> Answer:
        key = (request.method, request.url, repr(sorted(request.headers.items())), request.body)
        known = None if fresh else self._known.get(key)
        outcome = self._sent(request) if known is None else known
        self._known[key] = outcome
        self.exchanges.append(_recorded(request, outcome))
        if self._failures >= MOST_FAILURES_IN_A_ROW:
            raise Stopped(f"the server did not answer {self._failures} times in a row: {outcome}")
        if isinstance(outcome, NoAnswer):
            raise outcome
        return Answer(request, outcome)

    def _sent(self, request: Request) -> Response | NoAnswer:
        self._pace()
        try:
            response = self._transport.send(request)
        except NoAnswer as error:
            self._failures += 1
            return error
        self._failures = 0
        self._bytes += len(response.body)
        if self._bytes > MOST_BYTES:
            raise Stopped(f"the server's answers have more than {MOST_BYTES} bytes")
        return response

    def _pace(self) -> None:
        now = self._clock()
        if now > self._end:
            raise Stopped("the time for the run is over")
        if now < self._next:
            self._sleep(self._next - now)
        self._next = max(now, self._next) + self._interval


def _recorded(request: Request, outcome: Response | NoAnswer) -> Exchange:
    if isinstance(outcome, NoAnswer):
        return Exchange(request, None, str(outcome))
    cut = outcome.body[:_RECORDED_BYTES]
    return Exchange(request, Response(outcome.status, outcome.headers, cut, outcome.truncated))


def _parse(text: bytes, place: str) -> Any:
    try:
        return json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Violation(f"{place} is not JSON in UTF-8: {str(error)[:200]}") from None
