"""Schema of a version: inputs, outputs and parameters, and what it was made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from model_sharing_protocol.errors import SharingError
from model_sharing_protocol.names import FullName
from model_sharing_protocol.revisions import Revision
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.faces.explorer.page_routes import page
from model_sharing_provider.faces.explorer.rendering import render
from model_sharing_provider.faces.explorer.version_texts import read_card, read_text
from model_sharing_provider.faces.explorer.versions import version_of
from model_sharing_provider.http.requests import context_of, provider_of

_EXAMPLES = ("serving_input_example.json", "input_example.json")


@dataclass(frozen=True, slots=True)
class Column:
    """Input, output or parameter of a model, in words."""

    name: str
    type: str
    required: bool
    default: str = ""


async def show_schema(request: web.Request) -> web.Response:
    """What goes into the model and comes out of it, and what it was made with."""
    provider, context = provider_of(request), context_of(request)
    name, number = version_of(request)
    version = await provider.versions.get(context, name, number)
    ready = version.status is VersionStatus.READY
    paths = []
    if ready:
        content = await provider.principal_revisions.content(context, name, Revision(number=number))
        paths = [file.path for file in content.files]
    example = next((path for path in _EXAMPLES if path in paths), "")
    return render(
        request,
        "version_schema.html",
        version=version,
        name=name,
        tab="Schema",
        sides=sides_of(version),
        flavors=await provider.flavors.of_version(context, name, number) if "MLmodel" in paths else [],
        example=await _example(request, name, number, example),
        card=await read_card(request, name, number) if "README.md" in paths else "",
    )


def sides_of(version: ModelVersion) -> dict[str, list[Column]]:
    """Inputs, outputs and parameters by their headings; sides that are not known are left out."""
    signature = version.signature or {}
    sides = {
        "Inputs": _columns(signature.get("inputs")) or _tensors(version.summary.inputs),
        "Outputs": _columns(signature.get("outputs")) or _tensors(version.summary.outputs),
        "Parameters": _columns(signature.get("params")),
    }
    return {heading: columns for heading, columns in sides.items() if columns}


def _columns(part: Any) -> list[Column]:
    if not isinstance(part, list):
        return [] if part is None else [Column("", str(part), True)]
    return [_column(each) if isinstance(each, Mapping) else Column("", str(each), True) for each in part]


def _column(fields: Mapping[str, Any]) -> Column:
    tensor = fields.get("tensor-spec")
    kind = fields.get("type", fields.get("dtype", ""))
    if isinstance(tensor, Mapping):
        kind = f"{tensor.get('dtype')} {tensor.get('shape')}"
    if fields.get("items") or fields.get("properties"):
        kind = f"{kind} {fields.get('items') or fields.get('properties')}"
    default = fields.get("default")
    return Column(
        str(fields.get("name") or ""),
        str(kind),
        fields.get("required", default is None) is True,
        "" if default is None else str(default),
    )


def _tensors(tensors: Any) -> list[Column]:
    return [Column(each.name, f"{each.dtype} {list(each.shape)}", True) for each in tensors]


async def _example(request: web.Request, name: FullName, number: int, path: str) -> str:
    """Input example that was saved with the model; empty if there is none that can be shown."""
    if not path:
        return ""
    try:
        return (await read_text(request, name, number, path)).text
    except SharingError:
        return ""


ROUTES = (page("/models/{full_name}/versions/{version}/schema", show_schema),)
