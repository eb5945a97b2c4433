"""Activity of a model: the events of the audit log that are about it."""

from __future__ import annotations

from aiohttp import web

from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.faces.explorer.listings import page_of
from model_sharing_provider.faces.explorer.models import model_of
from model_sharing_provider.faces.explorer.page_routes import page
from model_sharing_provider.faces.explorer.rendering import explorer_url, render
from model_sharing_provider.http.requests import context_of, provider_of

_LISTING = "explorer activity of a model"


async def show_activity(request: web.Request) -> web.Response:
    """Events of the model and its versions, newest first, for its owner."""
    provider, context, name = provider_of(request), context_of(request), model_of(request)
    refusals = await provider.permissions.refusals(context, SecurableType.MODEL, str(name))
    refusal = refusals["see_activity"]
    reads = request.query.get("reads") == "yes"
    found = None
    if not refusal:
        found = await provider.audit.of_model(context, name, page_of(request, _LISTING), reads=reads)
    here = ("models", name, "activity")
    token = found.token(_LISTING) if found else None
    return render(
        request,
        "model_activity.html",
        name=name,
        tab="Activity",
        refusal=refusal,
        events=[(event, _meaning(event)) for event in found.items] if found else (),
        reads=reads,
        next=explorer_url(request, *here, reads="yes" if reads else "", page=token) if token else "",
    )


def _meaning(event: AuditEvent) -> str:
    """Meaning of an event's action; empty for an action of another release."""
    return event.action.meaning if isinstance(event.action, AuditAction) else ""


ROUTES = (page("/models/{full_name}/activity", show_activity),)
