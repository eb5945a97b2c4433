"""Registration of new versions: the page with the ways to do it, and those that end with one form."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.model_formats import ModelFormat
from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.faces.explorer.forms import Form, read_form
from model_sharing_provider.faces.explorer.page_routes import form, page
from model_sharing_provider.faces.explorer.rendering import render, see_other
from model_sharing_provider.http.requests import context_of, provider_of

_MAX_NAME = 1024


async def show_ways(request: web.Request) -> web.Response:
    """Ways to register a version, for the model, or the beginning of a name, that `model` gives."""
    provider, context = provider_of(request), context_of(request)
    refusals = await provider.permissions.refusals(context, SecurableType.METASTORE)
    return render(
        request,
        "register.html",
        model=request.query.get("model", "").replace("\0", "")[:_MAX_NAME],
        in_place=refusals["administer"],
        tracking=provider.tracking.uri,
        formats=[each.value for each in ModelFormat],
    )


async def begin_upload(request: web.Request) -> web.Response:
    """Create the version that waits for its files, with its model if there is none yet."""
    fields = await read_form(request)
    name = FullName.parse(fields.text("model"))
    new = NewVersion(comment=fields.text("comment"))
    uploads = provider_of(request).uploads
    version = await uploads.create(context_of(request), name, new, create_model=True)
    return see_other(request, "register", "uploads", name, version.version, done="upload-begun")


async def register_run(request: web.Request) -> web.Response:
    """Register the model that a run logged; it is fetched from the tracking server, which takes a while."""
    fields = await read_form(request)
    version = await provider_of(request).run_registration.register(
        context_of(request),
        fields.text("run"),
        fields.text("path"),
        FullName.parse(fields.text("model")),
        alias=fields.text("alias") or None,
        comment=fields.text("comment"),
    )
    return see_other(request, "models", version.full_name, "versions", version.version, done="registered")


async def register_in_place(request: web.Request) -> web.Response:
    """Register a model where it is, in an external location; its files are read once."""
    fields = await read_form(request)
    version = await provider_of(request).registration.register_in_place(
        context_of(request),
        fields.text("location"),
        FullName.parse(fields.text("model")),
        model_format=_format(fields),
        alias=fields.text("alias") or None,
        comment=fields.text("comment"),
    )
    return see_other(request, "models", version.full_name, "versions", version.version, done="registered")


def _format(fields: Form) -> ModelFormat | None:
    return ModelFormat(fields.text("format")) if fields.text("format") in list(ModelFormat) else None


ROUTES = (
    page("/register", show_ways),
    form("/register/uploads", begin_upload),
    form("/register/runs", register_run),
    form("/register/in-place", register_in_place),
)
