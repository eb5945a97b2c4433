"""Recipients: their list, the page of each, and the forms on it."""

from __future__ import annotations

import ipaddress
from datetime import timedelta

from aiohttp import web

from model_sharing_protocol.names import normalize_name
from model_sharing_protocol.times import now_ms
from model_sharing_protocol.units import parse_duration, parse_size
from model_sharing_provider.domain.recipient_limits import RecipientLimits
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import AuthenticationType, Recipient
from model_sharing_provider.faces.explorer.forms import Form, read_form
from model_sharing_provider.faces.explorer.listings import ROWS, page_of
from model_sharing_provider.faces.explorer.page_routes import form, page
from model_sharing_provider.faces.explorer.rendering import explorer_url, render, see_other
from model_sharing_provider.faces.explorer.securable_forms import read_update
from model_sharing_provider.governance.addresses import allows
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.urls import activation_link, base_url
from model_sharing_provider.services.sharing.recipients import AMONG_RECENT

_LISTING = "explorer recipients"
_DAY_MS = timedelta(days=1) // timedelta(milliseconds=1)
_MONTH_MS = 30 * _DAY_MS
_SOON_DAYS = 30


def state_of(recipient: Recipient) -> tuple[str, str]:
    """State of a recipient in words, and the kind of badge for it."""
    if recipient.authentication_type is AuthenticationType.OIDC_FEDERATION:
        return "by identity", "ok"
    now = now_ms()
    live = [token for token in recipient.tokens if token.expires_at > now]
    active = [token.expires_at for token in live if token.activated_at is not None]
    if active:
        days = (max(active) - now) // _DAY_MS
        return f"active, expires in {days} d", "waiting" if days < _SOON_DAYS else "ok"
    return ("link waiting", "waiting") if live else ("expired", "bad")


async def list_recipients(request: web.Request) -> web.Response:
    """Recipients of the reader, with the time of their last call."""
    provider, context = provider_of(request), context_of(request)
    found = await provider.recipients.overview(context, page_of(request, _LISTING), among=AMONG_RECENT)
    token = found.token(_LISTING)
    return render(
        request,
        "recipients.html",
        recipients=found.items,
        state_of=state_of,
        refusals=await provider.permissions.refusals(context, SecurableType.METASTORE),
        next=explorer_url(request, "recipients", page=token) if token else "",
    )


async def create_recipient(request: web.Request) -> web.Response:
    """Create a recipient, and show its activation link, this once."""
    fields = await read_form(request)
    recipient, code = await provider_of(request).recipients.create(
        context_of(request),
        fields.text("name"),
        lifetime=parse_duration(fields.text("expires_in")),
        comment=fields.text("comment"),
        ip_access_list=fields.text("networks").split(),
    )
    return _show_link(request, recipient.name, code)


async def show_recipient(request: web.Request) -> web.Response:
    """A recipient: its tokens, networks, shares and pulls; `?address=` is tested against its networks."""
    provider, context, name = provider_of(request), context_of(request), recipient_of(request)
    overview = await provider.recipients.overview_of(context, name)
    pulls = await provider.pull_history.of_recipient(context, name)
    lately = [pull for pull in pulls if pull.last_at > now_ms() - _MONTH_MS]
    recipient, address = overview.recipient, request.query.get("address", "").strip()
    return render(
        request,
        "recipient.html",
        overview=overview,
        recipient=recipient,
        state=state_of(recipient),
        now=now_ms(),
        pulls=pulls[:ROWS],
        pulled=len(lately),
        pulled_size=sum(pull.size for pull in lately),
        usage=await provider.recipients.usage(context, name),
        acceptances=await provider.provider_terms.acceptances(context, name),
        refusals=await provider.permissions.refusals(context, SecurableType.RECIPIENT, name),
        address=address,
        verdict=_verdict(recipient, address) if address else "",
    )


def _verdict(recipient: Recipient, address: str) -> str:
    """Answer to whether an address may use the recipient's credentials."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return f"{address!r} is not an address."
    allowed = allows(recipient.ip_access_list, address)
    return f"{address} may use its credentials." if allowed else f"{address} is refused."


async def update_recipient(request: web.Request) -> web.Response:
    """Rename, describe, give to another owner, or change the networks or the limits."""
    fields = await read_form(request)
    networks = fields.given("networks")
    recipient = await provider_of(request).recipients.update(
        context_of(request),
        recipient_of(request),
        read_update(fields),
        None if networks is None else networks.split(),
        (lambda _: _read_limits(fields)) if fields.given("bytes_per_day") is not None else None,
    )
    return see_other(request, "recipients", recipient.name, done="saved")


def _read_limits(fields: Form) -> RecipientLimits:
    """Limits in a form; an empty one is that of the settings. Raises InvalidParameter."""
    sizes = [fields.text(name) for name in ("bytes_per_day", "bytes_per_month")]
    return RecipientLimits(
        fields.number("requests_per_minute") if fields.text("requests_per_minute") else None,
        *(parse_size(size) if size else None for size in sizes),
    )


async def rotate(request: web.Request) -> web.Response:
    """Make a new link, and let the present token live on for a while; show the link, this once."""
    fields, name = await read_form(request), recipient_of(request)
    code = await provider_of(request).recipients.rotate_token(
        context_of(request),
        name,
        existing_expires_in=parse_duration(fields.text("existing_expires_in")),
        lifetime=parse_duration(fields.text("expires_in")),
    )
    return _show_link(request, name, code)


async def end_token(request: web.Request) -> web.Response:
    fields, name = await read_form(request), recipient_of(request)
    await provider_of(request).recipients.revoke_token(context_of(request), name, fields.text("token"))
    return see_other(request, "recipients", name, done="ended")


async def delete_recipient(request: web.Request) -> web.Response:
    fields, name = await read_form(request), recipient_of(request)
    fields.confirm(name)
    await provider_of(request).recipients.delete(context_of(request), name)
    return see_other(request, "recipients", done="deleted")


def recipient_of(request: web.Request) -> str:
    """Name of the recipient that a page is about. Raises InvalidParameter."""
    return normalize_name("recipient", request.match_info["recipient"])


def _show_link(request: web.Request, name: str, code: str) -> web.Response:
    link = activation_link(base_url(request), code, pages=True)
    return render(request, "activation_link.html", name=name, link=link)


_PATH = "/recipients/{recipient}"

ROUTES = (
    page("/recipients", list_recipients),
    form("/recipients", create_recipient),
    page(_PATH, show_recipient),
    form(_PATH, update_recipient),
    form(f"{_PATH}/rotate", rotate),
    form(f"{_PATH}/tokens/end", end_token),
    form(f"{_PATH}/delete", delete_recipient),
)
