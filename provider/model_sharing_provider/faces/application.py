"""Application of aiohttp that serves all faces of one provider."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from model_sharing_provider.faces.table import FACES, PAGES
from model_sharing_provider.http.backend_metrics import count_report
from model_sharing_provider.http.forwarded_headers import TRUSTED_PROXIES
from model_sharing_provider.http.idle_connections import CONNECTIONS, IdleConnections
from model_sharing_provider.http.kept_answers import KEPT_ANSWERS, KeptAnswers
from model_sharing_provider.http.metrics import MAX_SHARE_LABELS, count_call, count_over_limit, share_labels
from model_sharing_provider.http.middlewares import finish_head, log_requests
from model_sharing_provider.http.requests import PROVIDER, SERVES_PAGES
from model_sharing_provider.http.router import add_face
from model_sharing_provider.http.shutdown import SHUTDOWN, Shutdown
from model_sharing_provider.http.tracking_server import upstream_session
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.telemetry.reports import listen

_MAX_BODY = 1024 * 1024


def make_app(
    provider: ProviderServices, trusted_proxies: Sequence[str] = (), *, ui: bool = True
) -> web.Application:
    """Application over an open provider.

    `trusted_proxies` are the networks of the proxies whose forwarded headers are trusted. `ui`: with pages
    for people.
    """
    app = web.Application(middlewares=[log_requests], client_max_size=_MAX_BODY)
    app[PROVIDER] = provider
    app[CONNECTIONS] = IdleConnections()
    app[KEPT_ANSWERS] = KeptAnswers()
    app[TRUSTED_PROXIES] = tuple(trusted_proxies)
    app[SHUTDOWN] = Shutdown()
    app.on_response_prepare.append(finish_head)
    app.on_startup.append(_keep_labels)
    app.cleanup_ctx.append(upstream_session)
    provider.audit_recorder.observe = count_call
    provider.rate_limits.observe = count_over_limit
    listen(count_report)
    app[SERVES_PAGES] = ui
    for face in FACES:
        if ui or face not in PAGES:
            add_face(app, face)
    return app


async def _keep_labels(app: web.Application) -> None:
    """Reserve metric labels for the oldest grants, the same ones at each start and in each process."""
    share_labels.reserve(await app[PROVIDER].inventory.oldest_grants(MAX_SHARE_LABELS))
