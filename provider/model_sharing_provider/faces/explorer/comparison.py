"""Comparison of two versions of a model, side by side."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from model_sharing_protocol.model_formats import ModelFormat
from model_sharing_protocol.names import parse_version
from model_sharing_protocol.pages import page_of as page_of_list
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.faces.explorer.listings import page_of
from model_sharing_provider.faces.explorer.models import model_of
from model_sharing_provider.faces.explorer.page_routes import page
from model_sharing_provider.faces.explorer.rendering import explorer_url, render
from model_sharing_provider.faces.explorer.version_schema import sides_of
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.services.publishing.comparisons import FileChange

_LISTING = "explorer comparison"


@dataclass(frozen=True, slots=True)
class Difference:
    """Fact about two versions, in words: what each has, empty for nothing."""

    subject: str
    before: str
    after: str


async def compare(request: web.Request) -> web.Response:
    """Versions `a` and `b`: schema, files, tags and formats, and what the way from one to the other costs."""
    name = model_of(request)
    numbers = [parse_version(request.query.get(key, "")) for key in ("a", "b")]
    provider, context = provider_of(request), context_of(request)
    found = await provider.comparisons.compare(context, name, numbers[0], numbers[1])
    flavors = [await _flavors(request, version) for version in (found.before, found.after)]
    changed = [file for file in found.files if file.change is not FileChange.SAME]
    files = page_of_list(changed, page_of(request, _LISTING), lambda file: file.path)
    token = files.token(_LISTING)
    return render(
        request,
        "comparison.html",
        name=name,
        found=found,
        files=files.items,
        same=len(found.files) - len(changed),
        schema=_schema(found.before, found.after),
        facts=_differing(_facts(found.before) | flavors[0], _facts(found.after) | flavors[1]),
        next=explorer_url(request, "models", name, "compare", a=numbers[0], b=numbers[1], page=token)
        if token
        else "",
    )


async def _flavors(request: web.Request, version: ModelVersion) -> dict[str, str]:
    """Flavors of an MLflow model; nothing for other formats."""
    if version.format is not ModelFormat.MLFLOW:
        return {}
    provider, context = provider_of(request), context_of(request)
    found = await provider.flavors.of_version(context, version.full_name, version.version)
    return {"flavors": ", ".join(found)}


def _schema(before: ModelVersion, after: ModelVersion) -> list[Difference]:
    return _differing(_columns(before), _columns(after))


def _columns(version: ModelVersion) -> dict[str, str]:
    """Columns of a version by side and name, with their types."""
    return {
        f"{side}: {column.name or index}": column.type + ("" if column.required else ", optional")
        for side, columns in sides_of(version).items()
        for index, column in enumerate(columns, 1)
    }


def _facts(version: ModelVersion) -> dict[str, str]:
    """Facts about a version by their subjects."""
    known = {key: str(value) for key, value in (version.known_summary or {}).items()}
    facts = {"format": version.format or "", "license": version.license, "description": version.comment}
    return facts | known | {f"tag {key}": value or "set" for key, value in version.tags.items()}


def _differing(before: dict[str, str], after: dict[str, str]) -> list[Difference]:
    subjects = dict.fromkeys([*before, *after])
    pairs = (Difference(each, before.get(each, ""), after.get(each, "")) for each in subjects)
    return [each for each in pairs if each.before != each.after]


ROUTES = (page("/models/{full_name}/compare", compare),)
