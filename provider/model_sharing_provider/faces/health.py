"""Health face, for orchestrators and load balancers: liveness at `/health`, readiness at `/ready`."""

from __future__ import annotations

import msgspec
from aiohttp import web

from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.requests import provider_of
from model_sharing_provider.http.routes import Face, Route
from model_sharing_provider.http.shutdown import SHUTDOWN


class Health(msgspec.Struct):
    status: str


class Readiness(msgspec.Struct):
    """Readiness of a server; `failing` maps each part that fails to a description."""

    status: str
    failing: dict[str, str]


async def health(_request: web.Request) -> web.Response:
    """Liveness: the process answers. `ready` reports whether it can serve requests."""
    return web.json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """Readiness: 200 if requests can be served here, else 503; the body names what is failing.

    With an unreachable bucket the response is 200 and "degraded": it is unreachable for all servers alike,
    and much can be served without it.
    """
    readiness = provider_of(request).readiness
    failing = await readiness.failing()
    if request.config_dict[SHUTDOWN].stopping:
        failing["server"] = "is stopping"
    if readiness.degrades(failing):
        return web.json_response({"status": "degraded", "failing": failing})
    body = {"status": "not ready" if failing else "ready", "failing": failing}
    return web.json_response(body, status=503 if failing else 200)


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
