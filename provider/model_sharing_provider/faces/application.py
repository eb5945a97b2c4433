"""One HTTP application: a sub-application for each face."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from model_sharing_protocol.files import PREFIX as PREFIX_OF_FILES
from model_sharing_protocol.mlflow_registry import PREFIX as PREFIX_OF_MLFLOW
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_protocol.unity_catalog import PREFIX as PREFIX_OF_UNITY_CATALOG
from model_sharing_provider.faces import (
    activation,
    health,
    mlflow_registry,
    open_sharing,
    openapi,
    signed_files,
    tracking,
    unity_catalog,
    workspace,
)
from model_sharing_provider.faces.files_api import files as files_api
from model_sharing_provider.faces.tracking.paths import PREFIXES as PREFIXES_OF_TRACKING
from model_sharing_provider.http.activation_links import ACTIVATION_PREFIX
from model_sharing_provider.http.backend_metrics import count_report
from model_sharing_provider.http.file_urls import FILES_PREFIX
from model_sharing_provider.http.forwarded_headers import TRUSTED_PROXIES
from model_sharing_provider.http.idle_connections import CONNECTIONS, IdleConnections
from model_sharing_provider.http.metrics import FACE, NAMES_KEPT, count_call, count_over_limit, names
from model_sharing_provider.http.middlewares import finish_head, log_requests
from model_sharing_provider.http.requests import PROVIDER
from model_sharing_provider.http.shutdown import SHUTDOWN, Shutdown
from model_sharing_provider.http.tracking_server import upstream_session
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.telemetry.reports import listen

_MAX_BODY = 1024 * 1024


def make_app(provider: ProviderServices, trusted_proxies: Sequence[str] = ()) -> web.Application:
    """The whole server over an open provider.

    `trusted_proxies` are the networks of those whose word is believed on who their clients are.
    """
    app = web.Application(middlewares=[log_requests], client_max_size=_MAX_BODY)
    app[PROVIDER] = provider
    app[CONNECTIONS] = IdleConnections()
    app[TRUSTED_PROXIES] = tuple(trusted_proxies)
    app.on_response_prepare.append(finish_head)
    app[SHUTDOWN] = Shutdown()
    provider.audit_recorder.observe = count_call
    provider.rate_limits.observe = count_over_limit
    listen(count_report)
    app.on_startup.append(_keep_labels)
    app.router.add_get("/health", health.health)
    app.router.add_get("/ready", health.ready)
    app.router.add_get("/.well-known/databricks-config", workspace.databricks_config)
    app.cleanup_ctx.append(upstream_session)
    for face, prefix, sub_app in (
        ("open-sharing", PREFIX, open_sharing.make_app()),
        ("activation", ACTIVATION_PREFIX, activation.make_app()),
        ("unity-catalog", PREFIX_OF_UNITY_CATALOG, unity_catalog.make_app()),
        ("mlflow-registry", PREFIX_OF_MLFLOW, mlflow_registry.make_app()),
        *(("tracking", prefix, tracking.make_app()) for prefix in PREFIXES_OF_TRACKING),
        ("files", PREFIX_OF_FILES, files_api.make_app()),
        ("workspace", workspace.SCIM_PREFIX, workspace.make_app()),
        ("signed-files", FILES_PREFIX, signed_files.make_app()),
        ("openapi", openapi.PREFIX, openapi.make_app()),
    ):
        sub_app[FACE] = face
        app.add_subapp(prefix, sub_app)
    return app


async def _keep_labels(app: web.Application) -> None:
    """Give the oldest grants their labels, the same ones at each start and in each process."""
    names.know(await app[PROVIDER].inventory.oldest_grants(NAMES_KEPT))
