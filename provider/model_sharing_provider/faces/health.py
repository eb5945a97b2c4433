"""Health face, for orchestrators and load balancers: liveness at `/health`, readiness at `/ready`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec
from aiohttp import web

from model_sharing_provider.http.application_values import application_of
from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.requests import provider_of
from model_sharing_provider.http.routes import Face, Route
from model_sharing_provider.http.shutdown import SHUTDOWN


class Health(msgspec.Struct):
    status: str


class Replica(msgspec.Struct):
    """State of a replica: the age of its rows, if it is known, and audit events that its home lacks yet."""

    staleness_seconds: float | None
    audit_events_waiting: int


class Readiness(msgspec.Struct, omit_defaults=True):
    """Readiness of a server; `failing` maps each part that fails to a description."""

    status: str
    failing: dict[str, str]
    replica: Replica | None = None


async def health(_request: web.Request) -> web.Response:
    """Liveness: the process answers. `ready` reports whether it can serve requests."""
    return web.json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """Readiness: 200 if requests can be served here, else 503; the body names what is failing.

    With an unreachable bucket the response is 200 and "degraded": it is unreachable for all servers alike,
    and much can be served without it.
    """
    provider = provider_of(request)
    failing = await provider.readiness.failing()
    if application_of(request)[SHUTDOWN].stopping:
        failing["server"] = "is stopping"
    degraded = provider.readiness.degrades(failing)
    body: dict[str, Any] = {"status": "degraded" if degraded else "not ready" if failing else "ready"}
    body["failing"] = failing
    if status := await provider.replication.status():
        body["replica"] = asdict(status)
    return web.json_response(body, status=503 if failing and not degraded else 200)


FACE = Face(
    name="health",
    prefix="",
    authentication=None,
    errors=UNITY_CATALOG_ERRORS,
    documented_in="unity-catalog",
    probes=True,
    routes=(
        Route("GET", "/health", health, "Liveness of the server", Health),
        Route("GET", "/ready", ready, "Readiness of the server; 503 names what is failing", Readiness),
    ),
)
