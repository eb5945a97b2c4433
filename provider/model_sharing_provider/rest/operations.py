"""For those who run the server: is it alive, and should it be sent requests?"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from model_sharing_provider.rest.requests import provider_of


@dataclass(slots=True)
class Shutdown:
    """Whether this process has been told to stop."""

    stopping: bool = False


SHUTDOWN: web.AppKey[Shutdown] = web.AppKey("shutdown", Shutdown)


async def health(_request: web.Request) -> web.Response:
    """The process answers. That what it needs is there is said by `ready`."""
    return web.json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """200 if requests can be served here, 503 if they had better go elsewhere, with what is amiss.

    What is amiss everywhere, and leaves much to serve, is no reason to go elsewhere: there is nowhere to go.
    """
    readiness = provider_of(request).readiness
    amiss = await readiness.amiss()
    if request.config_dict[SHUTDOWN].stopping:
        amiss["server"] = "is stopping"
    if readiness.degrades(amiss):
        return web.json_response({"status": "degraded", "amiss": amiss})
    body = {"status": "not ready" if amiss else "ready", "amiss": amiss}
    return web.json_response(body, status=503 if amiss else 200)
