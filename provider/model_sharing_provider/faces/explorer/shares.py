"""Shares: their list, the page of each with its contents and recipients, and the forms on it."""

from __future__ import annotations

from collections import Counter

from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.names import FullName, SchemaName, SharedName, normalize_name
from model_sharing_protocol.pages import page_of as page_of_list
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.faces.explorer.forms import read_form
from model_sharing_provider.faces.explorer.listings import page_of
from model_sharing_provider.faces.explorer.page_routes import form, page
from model_sharing_provider.faces.explorer.rendering import explorer_url, render, see_other
from model_sharing_provider.faces.explorer.securable_forms import read_update
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.transfers import transfers_in_progress
from model_sharing_provider.services.sharing.shared_locations import AT_LOCATIONS

_LISTING = "explorer shares"
_CONTENTS = "explorer contents of a share"
_RECIPIENTS = "explorer recipients of a share"
_PREVIEW = "explorer preview of a share"
_PARTS_OF_A_MODEL = 3


async def list_shares(request: web.Request) -> web.Response:
    """Shares of the reader."""
    provider, context = provider_of(request), context_of(request)
    found = await provider.shares.overview(context, page_of(request, _LISTING))
    token = found.token(_LISTING)
    return render(
        request,
        "shares.html",
        shares=found.items,
        refusals=await provider.permissions.refusals(context, SecurableType.METASTORE),
        next=explorer_url(request, "shares", page=token) if token else "",
    )


async def create_share(request: web.Request) -> web.Response:
    fields = await read_form(request)
    share = await provider_of(request).shares.create(
        context_of(request),
        fields.text("name"),
        fields.text("comment"),
        resharing=bool(fields.text("resharing")),
    )
    return see_other(request, "shares", share.name, done="created")


async def show_share(request: web.Request) -> web.Response:
    """Contents of a share with their status, and its recipients."""
    provider, context, name = provider_of(request), context_of(request), share_of(request)
    share, objects, grants = await provider.shares.get(context, name)
    contents = page_of_list(objects, page_of(request, _CONTENTS), lambda each: each.shared_as)
    token = contents.token(_CONTENTS)
    return render(
        request,
        "share.html",
        share=share,
        tab="Contents",
        number=len(objects),
        contents=contents.items,
        grants=grants,
        refusals=await provider.permissions.refusals(context, SecurableType.SHARE, name),
        next=explorer_url(request, "shares", name, page=token) if token else "",
    )


async def show_recipients(request: web.Request) -> web.Response:
    """Recipients that the share is granted to, and when each called last."""
    provider, context, name = provider_of(request), context_of(request), share_of(request)
    share, _, grants = await provider.shares.get(context, name)
    shown = page_of_list(grants, page_of(request, _RECIPIENTS), lambda each: each.recipient)
    token = shown.token(_RECIPIENTS)
    names = [each.recipient for each in shown.items]
    return render(
        request,
        "share_recipients.html",
        share=share,
        tab="Recipients",
        grants=shown.items,
        pulled=await provider.pull_history.last_pulls_in_share(context, name, names),
        downloads=Counter(each.reader for each in transfers_in_progress() if each.share == name),
        next=explorer_url(request, "shares", name, "recipients", page=token) if token else "",
        refusals=await provider.permissions.refusals(context, SecurableType.SHARE, name),
    )


async def show_terms(request: web.Request) -> web.Response:
    """Terms of the share, now and before."""
    provider, context, name = provider_of(request), context_of(request), share_of(request)
    share, _, _ = await provider.shares.get(context, name)
    history = await provider.provider_terms.history(context, SecurableType.SHARE, name)
    return render(
        request,
        "share_terms.html",
        share=share,
        tab="Terms",
        history=history,
        refusals=await provider.permissions.refusals(context, SecurableType.SHARE, name),
    )


async def preview(request: web.Request) -> web.Response:
    """What recipients are shown: models that their owner may read; tables, volumes and skills."""
    provider, context, name = provider_of(request), context_of(request), share_of(request)
    share, objects, _ = await provider.shares.get(context, name)
    shown = await provider.share_previews.page(context, name, page_of(request, _PREVIEW))
    token = shown.token(_PREVIEW)
    return render(
        request,
        "share_preview.html",
        share=share,
        tab="Preview as recipient",
        shown=shown.items,
        others=[each for each in objects if each.type in AT_LOCATIONS],
        next=explorer_url(request, "shares", name, "preview", page=token) if token else "",
    )


async def update_share(request: web.Request) -> web.Response:
    """Rename, describe, give to another owner, or allow resharing."""
    fields = await read_form(request)
    resharing = fields.given("resharing")
    share, _ = await provider_of(request).shares.update(
        context_of(request),
        share_of(request),
        changes=read_update(fields),
        resharing=None if resharing is None else resharing == "yes",
    )
    return see_other(request, "shares", share.name, done="saved")


async def add(request: web.Request) -> web.Response:
    """Add a model, or a schema with its present and future models, by its full name."""
    fields, name = await read_form(request), share_of(request)
    source, shared_as = fields.text("source"), fields.text("shared_as")
    shares, context = provider_of(request).shares, context_of(request)
    if source.count(".") == _PARTS_OF_A_MODEL - 1:
        shared = SharedName.parse(shared_as) if shared_as else None
        await shares.add_model(context, name, FullName.parse(source), shared)
    elif source.count(".") == 1:
        await shares.add_schema(context, name, SchemaName.parse(source), shared_as or None)
    else:
        raise InvalidParameter(f"{source!r} is neither catalog.schema.model nor catalog.schema.")
    return see_other(request, "shares", name, done="saved")


async def add_location(request: web.Request) -> web.Response:
    """Add the table, volume or agent skill at an external location."""
    fields, name = await read_form(request), share_of(request)
    shares, kind = provider_of(request).shares, fields.text("kind")
    kinds = {"table": shares.add_table, "volume": shares.add_volume, "skill": shares.add_skill}
    if kind not in kinds:
        raise InvalidParameter(f"{kind!r} is not one of {', '.join(kinds)}.")
    shared_as = SharedName.parse(fields.text("shared_as"), kind)
    await kinds[kind](context_of(request), name, fields.text("location"), shared_as)
    return see_other(request, "shares", name, done="saved")


async def remove(request: web.Request) -> web.Response:
    fields, name = await read_form(request), share_of(request)
    await provider_of(request).shares.remove(context_of(request), name, fields.text("shared_as"))
    return see_other(request, "shares", name, done="removed")


async def grant(request: web.Request) -> web.Response:
    fields, name = await read_form(request), share_of(request)
    await provider_of(request).share_permissions.grant(context_of(request), name, fields.text("recipient"))
    return see_other(request, "shares", name, "recipients", done="granted")


async def revoke(request: web.Request) -> web.Response:
    fields, name = await read_form(request), share_of(request)
    await provider_of(request).share_permissions.revoke(context_of(request), name, fields.text("recipient"))
    return see_other(request, "shares", name, "recipients", done="revoked")


async def set_terms(request: web.Request) -> web.Response:
    fields, name = await read_form(request), share_of(request)
    terms = provider_of(request).provider_terms
    version, text = fields.text("version"), fields.text("text")
    await terms.set(context_of(request), SecurableType.SHARE, name, version=version, text=text)
    return see_other(request, "shares", name, "terms", done="saved")


async def end_terms(request: web.Request) -> web.Response:
    name = share_of(request)
    await provider_of(request).provider_terms.clear(context_of(request), SecurableType.SHARE, name)
    return see_other(request, "shares", name, "terms", done="saved")


async def show_deletion(request: web.Request) -> web.Response:
    """What a deletion of the share ends, and for whom."""
    provider, context, name = provider_of(request), context_of(request), share_of(request)
    share, objects, _ = await provider.shares.get(context, name)
    impact = await provider.pull_history.impact_of_share(context, name)
    return render(request, "share_deletion.html", share=share, number=len(objects), impact=impact)


async def delete_share(request: web.Request) -> web.Response:
    fields, name = await read_form(request), share_of(request)
    fields.confirm(name)
    await provider_of(request).shares.delete(context_of(request), name)
    return see_other(request, "shares", done="deleted")


def share_of(request: web.Request) -> str:
    """Name of the share that a page is about. Raises InvalidParameter."""
    return normalize_name("share", request.match_info["share"])


_PATH = "/shares/{share}"

ROUTES = (
    page("/shares", list_shares),
    form("/shares", create_share),
    page(_PATH, show_share),
    form(_PATH, update_share),
    page(f"{_PATH}/recipients", show_recipients),
    page(f"{_PATH}/terms", show_terms),
    page(f"{_PATH}/preview", preview),
    form(f"{_PATH}/contents", add),
    form(f"{_PATH}/contents/locations", add_location),
    form(f"{_PATH}/contents/remove", remove),
    form(f"{_PATH}/recipients", grant),
    form(f"{_PATH}/recipients/revoke", revoke),
    form(f"{_PATH}/terms", set_terms),
    form(f"{_PATH}/terms/end", end_terms),
    page(f"{_PATH}/delete", show_deletion),
    form(f"{_PATH}/delete", delete_share),
)
