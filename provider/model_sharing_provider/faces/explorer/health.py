"""Health of the server: readiness, transfers, jobs, the age of keys, and what was checked last."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.faces.explorer.page_routes import page
from model_sharing_provider.faces.explorer.rendering import render
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.transfers import transfers_in_progress

_MOST_JOBS = 50
_CHECKS = {
    AuditAction.CHECK_STORAGE: "fsck",
    AuditAction.COLLECT_GARBAGE: "gc",
    AuditAction.BACK_UP_METASTORE: "backup",
}


async def show(request: web.Request) -> web.Response:
    """Readiness for everybody; the rest for administrators."""
    provider, context = provider_of(request), context_of(request)
    refusals = await provider.permissions.refusals(context, SecurableType.METASTORE)
    failing = await provider.readiness.failing()
    values: dict[str, Any] = {"failing": failing, "refusals": refusals}
    if refusals["administer"]:
        return render(request, "health.html", **values)
    keys = await provider.signing.list_keys(context)
    return render(
        request,
        "health.html",
        **values,
        transfers=transfers_in_progress()[:50],
        keys=[(PublicKey.parse(key.pem).fingerprint, key.created_at) for key in keys],
        secrets=await provider.secrets.describe(context),
        expiring=await provider.inventory.expiring(),
        mirrors=await provider.inventory.shared_catalogs(),
        jobs=await provider.jobs.list(context, limit=_MOST_JOBS),
        checks={word: await _last(request, action) for action, word in _CHECKS.items()},
    )


async def _last(request: web.Request, action: AuditAction) -> AuditEvent | None:
    """Last event of an action, in the newest part of the log."""
    found = await provider_of(request).audit.page(context_of(request), PageRequest(1), action=action)
    return found.items[0] if found.items else None


ROUTES = (page("/health", show),)
