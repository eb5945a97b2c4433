"""Prometheus metrics of requests, transfers and decisions.

Shares and recipients are labels, but only a few hundred pairs of them, and a request for an unknown share
adds none: no client can fill a Prometheus server with series.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

from aiohttp import web
from aiohttp.hdrs import METH_ALL
from prometheus_client import Counter, Gauge, Histogram

from model_sharing_provider.domain.events import AuditEvent, Outcome, Target
from model_sharing_provider.http.routes import FACE
from model_sharing_provider.services.rate_limits import Limit

OTHER = "other"
MAX_SHARE_LABELS = 200
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0)
_SUMMED: Final = "livesum"
"""Mode of a gauge that is summed over the live workers."""

NO_FACE = "none"
"""Label of requests to paths that no face has, and of bytes that are not a request."""

REQUESTS = Counter("model_sharing_requests", "Requests answered", ["face", "method", "route", "status"])
DURATIONS = Histogram(
    "model_sharing_request_seconds",
    "Time to the last byte of a response",
    ["face", "route"],
    buckets=_SECONDS,
)
RECEIVED = Counter("model_sharing_received_bytes", "Bytes of request bodies", ["face"])
SENT = Counter(
    "model_sharing_sent_bytes",
    "Bytes of responses, except streamed ones such as large files",
    ["face"],
)
FILES_SENT = Counter(
    "model_sharing_file_sent_bytes", "Bytes of files that this server sent", ["share", "recipient"]
)
TRANSFERS = Gauge(
    "model_sharing_transfers_in_progress", "Files being sent, except small ones", multiprocess_mode=_SUMMED
)
CUT = Counter("model_sharing_transfers_cut", "Transfers that this server ended, such as by a revocation")
OPEN_CONNECTIONS = Gauge("model_sharing_connections", "Open connections", multiprocess_mode=_SUMMED)
CALLS = Counter("model_sharing_calls", "Calls in the audit log", ["action", "outcome"])
CALLS_OF_SHARES = Counter(
    "model_sharing_share_calls",
    "Calls in the audit log that concern a share",
    ["share", "recipient", "outcome"],
)
REFUSED = Counter("model_sharing_requests_over_limit", "Requests answered with 429", ["face", "limit"])
AUDIT_WAITING = Gauge(
    "model_sharing_audit_events_waiting",
    "Audit events waiting to be written; grows when the database is slow",
    multiprocess_mode=_SUMMED,
)


class BoundedLabels:
    """Labels for pairs of share and recipient: the first `most` have their own, all others share one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[tuple[str, str]] = set()

    def labels(self, share: str, recipient: str, *, granted: bool = True) -> tuple[str, str]:
        """Labels of a pair. A share that was not `granted` may not exist, and gets no label of its own."""
        if not granted and (share, recipient) not in self._known:
            share = OTHER
        names = share, recipient
        if names not in self._known:
            if len(self._known) >= self._most:
                return OTHER, OTHER
            self._known.add(names)
        return names

    def reserve(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Reserve labels for pairs, up to the limit, so that every start of a server gives the same ones."""
        for share, recipient in pairs:
            self.labels(share, recipient)


share_labels = BoundedLabels(MAX_SHARE_LABELS)
"""Labels of this process."""


def count_request(
    request: web.Request, response: web.StreamResponse | None, status: int, seconds: float
) -> None:
    """Count a request, with its response, or None if it had none."""
    face, route = face_of(request), route_of(request)
    _requests(face, known_method(request), route, status).inc()
    _durations(face, route).observe(seconds)
    received, sent = _of_face(face)
    if request.content.total_bytes:
        received.inc(request.content.total_bytes)
    if isinstance(response, web.Response) and isinstance(response.body, bytes):
        sent.inc(len(response.body))


def count_malformed() -> None:
    """Count bytes that are not an HTTP request, and so have neither a method nor a route."""
    _requests(NO_FACE, OTHER, "malformed", 400).inc()


def face_of(request: web.Request) -> str:
    """Name of the face that served a request, for labels."""
    return request[FACE].name if FACE in request else NO_FACE


def route_of(request: web.Request) -> str:
    """Path template of a request, for labels and log lines: paths hold names, codes and signatures."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"


def known_method(request: web.Request) -> str:
    """Method of a request, for labels and log lines: any word can be sent as one, even a token."""
    return request.method if request.method in METH_ALL else OTHER


# Looking up a metric by its labels costs more than counting.
@cache
def _requests(face: str, method: str, route: str, status: int) -> Counter:
    return REQUESTS.labels(face, method, route, status)


@cache
def _durations(face: str, route: str) -> Histogram:
    return DURATIONS.labels(face, route)


@cache
def _of_face(face: str) -> tuple[Counter, Counter]:
    return RECEIVED.labels(face), SENT.labels(face)


@cache
def _calls(action: str, outcome: Outcome) -> Counter:
    return CALLS.labels(action, outcome)


@cache
def _calls_of_share(share: str, recipient: str, outcome: Outcome) -> Counter:
    return CALLS_OF_SHARES.labels(share, recipient, outcome)


def count_file_bytes(target: Target, count: int) -> None:
    """Count bytes of a file that were sent."""
    FILES_SENT.labels(*share_labels.labels(target.share, target.recipient)).inc(count)


def count_over_limit(face: str, limit: Limit) -> None:
    """Count a request that was refused by a rate limit."""
    REFUSED.labels(face, limit).inc()


def count_call(event: AuditEvent) -> None:
    """Count an event of the audit log."""
    _calls(event.action, event.outcome).inc()
    if event.target.share:
        granted = event.outcome is Outcome.OK
        labels = share_labels.labels(event.target.share, event.target.recipient, granted=granted)
        _calls_of_share(*labels, event.outcome).inc()
