"""Versions of models: the page of each, and the forms on it."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.names import FullName, parse_version
from model_sharing_provider.domain.securables import SecurableType, VersionStatus
from model_sharing_provider.faces.explorer.forms import read_form
from model_sharing_provider.faces.explorer.models import model_of
from model_sharing_provider.faces.explorer.page_routes import form, page
from model_sharing_provider.faces.explorer.rendering import render, see_other
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.services.registry.tags import TagChange

_PATH = "/models/{full_name}/versions/{version}"


async def show_version(request: web.Request) -> web.Response:
    """A version: what it is, where it came from, and what can be done with it."""
    provider, context = provider_of(request), context_of(request)
    name, number = version_of(request)
    version = await provider.versions.get(context, name, number)
    refusals = await provider.permissions.refusals(context, SecurableType.MODEL, str(name))
    return render(
        request,
        "version.html",
        version=version,
        name=name,
        tab="Overview",
        ready=version.status is VersionStatus.READY,
        refusals=refusals,
    )


async def describe(request: web.Request) -> web.Response:
    fields = await read_form(request)
    name, number = version_of(request)
    await provider_of(request).versions.update(context_of(request), name, number, fields.text("comment"))
    return _back(request, "saved")


async def add_alias(request: web.Request) -> web.Response:
    """Point an alias, new or not, at this version."""
    fields = await read_form(request)
    name, number = version_of(request)
    await provider_of(request).models.set_alias(context_of(request), name, fields.text("alias"), number)
    return _back(request, "saved")


async def delete_alias(request: web.Request) -> web.Response:
    fields = await read_form(request)
    name, _ = version_of(request)
    await provider_of(request).models.delete_alias(context_of(request), name, fields.text("alias"))
    return _back(request, "deleted")


async def set_tag(request: web.Request) -> web.Response:
    fields = await read_form(request)
    return await _tag(request, TagChange(add={fields.text("key"): fields.text("value")}), "saved")


async def delete_tag(request: web.Request) -> web.Response:
    fields = await read_form(request)
    return await _tag(request, TagChange(remove=[fields.text("key")]), "deleted")


async def copy_version(request: web.Request) -> web.Response:
    """Copy to another model, which is created if it does not exist, and show the copy.

    The copy goes on if the browser leaves.
    """
    fields = await read_form(request)
    name, number = version_of(request)
    destination = FullName.parse(fields.text("destination"))
    copied = await provider_of(request).copies.copy(context_of(request), name, number, destination)
    return see_other(request, "models", copied.full_name, "versions", copied.version, done="copied")


async def recall(request: web.Request) -> web.Response:
    fields = await read_form(request)
    name, number = version_of(request)
    replacement = parse_version(fields.text("replacement")) if fields.text("replacement") else None
    recalls = provider_of(request).recalls
    await recalls.recall(context_of(request), name, number, fields.text("reason"), replacement)
    return _back(request, "recalled")


async def lift_recall(request: web.Request) -> web.Response:
    await provider_of(request).recalls.lift(context_of(request), *version_of(request))
    return _back(request, "lifted")


async def show_deletion(request: web.Request) -> web.Response:
    """What goes with a version, and whom that hits."""
    provider, context = provider_of(request), context_of(request)
    name, number = version_of(request)
    version = await provider.versions.get(context, name, number)
    impact = await provider.pull_history.impact_of_model(context, name, number)
    return render(request, "version_deletion.html", version=version, name=name, impact=impact)


async def delete_version(request: web.Request) -> web.Response:
    fields = await read_form(request)
    name, number = version_of(request)
    fields.confirm(f"{name}/{number}")
    await provider_of(request).versions.delete(context_of(request), name, number)
    return see_other(request, "models", name, done="deleted")


def version_of(request: web.Request) -> tuple[FullName, int]:
    """Model and number of the version that a page is about. Raises InvalidParameter."""
    return model_of(request), parse_version(request.match_info["version"])


async def _tag(request: web.Request, change: TagChange, done: str) -> web.Response:
    name, number = version_of(request)
    await provider_of(request).versions.tag(context_of(request), name, number, change)
    return _back(request, done)


def _back(request: web.Request, done: str) -> web.Response:
    name, number = version_of(request)
    return see_other(request, "models", name, "versions", number, done=done)


ROUTES = (
    page(_PATH, show_version),
    form(_PATH, describe),
    form(f"{_PATH}/aliases", add_alias),
    form(f"{_PATH}/aliases/delete", delete_alias),
    form(f"{_PATH}/tags", set_tag),
    form(f"{_PATH}/tags/delete", delete_tag),
    form(f"{_PATH}/copy", copy_version),
    form(f"{_PATH}/recall", recall),
    form(f"{_PATH}/recall/lift", lift_recall),
    page(f"{_PATH}/delete", show_deletion),
    form(f"{_PATH}/delete", delete_version),
)
