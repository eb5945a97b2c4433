"""Lineage of a version: what it was made from and who uses it, as a drawing and as a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from aiohttp import web

from model_sharing_provider.domain.lineage import LineageRecord
from model_sharing_provider.domain.pull_history import VersionPull
from model_sharing_provider.domain.securables import ModelVersion, SecurableType
from model_sharing_provider.faces.explorer.page_routes import page
from model_sharing_provider.faces.explorer.rendering import render
from model_sharing_provider.faces.explorer.versions import version_of
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.services.registry.lineage import UPSTREAM

_DRAWN = 8
_ROW = 56


@dataclass(frozen=True, slots=True)
class Relation:
    """Relation of a version to something: its kind and name, and who told of it when (epoch ms)."""

    kind: str
    name: str
    told_by: str = ""
    told_at: int | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """Box of the drawing, at a height in pixels."""

    kind: str
    name: str
    y: int


async def show_lineage(request: web.Request) -> web.Response:
    """Sources and uses that are known; recipients are shown to the model's owner."""
    provider, context = provider_of(request), context_of(request)
    name, number = version_of(request)
    version = await provider.versions.get(context, name, number)
    records = await provider.lineage.of_version(context, name, number)
    refusals = await provider.permissions.refusals(context, SecurableType.MODEL, str(name))
    pulls: Sequence[VersionPull] = ()
    if not refusals["see_activity"]:
        pulls, _ = await provider.pull_history.who_pulled(context, name, number)
    sources = [*_known_sources(version), *_reported(records, upstream=True)]
    uses = [*_reported(records, upstream=False), *_recipients(pulls)]
    height = max(_ROW, _ROW * min(_DRAWN + 1, max(len(sources), len(uses))))
    return render(
        request,
        "version_lineage.html",
        version=version,
        name=name,
        tab="Lineage",
        sources=sources,
        uses=uses,
        left=_boxes(sources, height),
        right=_boxes(uses, height),
        height=height,
        refusals=refusals,
    )


def _known_sources(version: ModelVersion) -> Iterable[Relation]:
    if version.run_id:
        yield Relation("Run", version.run_id, version.created_by, version.created_at)
    if version.logged_model_id:
        yield Relation("Logged model", version.logged_model_id, version.created_by, version.created_at)
    if version.source:
        kind = "Copied from" if version.source.startswith("models:/") else "Source"
        yield Relation(kind, version.source, version.created_by, version.created_at)
    if (origin := version.origin) is not None:
        yield Relation("Provider", f"{origin.provider}, share {origin.share}", "", version.created_at)


def _reported(records: Iterable[LineageRecord], *, upstream: bool) -> Iterable[Relation]:
    for record in records:
        if (record.direction == UPSTREAM) == upstream:
            for kind, name in _entities(record.payload):
                yield Relation(kind, name, record.recorded_by, record.recorded_at)


def _entities(payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Kind and name of each entity in a record, as MLflow's clients write them; others as they are."""
    sources = chain.from_iterable(
        _objects(each, "source_securables") for each in _objects(payload, "lineages")
    )
    named = [
        (kind.replace("_", " ").capitalize(), _name(fields))
        for entity in chain(_objects(payload, "entities"), sources)
        for kind, fields in entity.items()
    ]
    return named or [("Reported", json.dumps(payload, ensure_ascii=False))]


def _objects(of: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """Objects in a list of JSON; nothing if it is none."""
    found = of.get(key)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _name(fields: object) -> str:
    """Name of an entity, such as a table; without one, all that is known, such as a notebook's id."""
    if not isinstance(fields, Mapping):
        return str(fields)
    return str(fields.get("name") or " ".join(map(str, fields.values())))


def _recipients(pulls: Iterable[VersionPull]) -> Iterable[Relation]:
    for pull in pulls:
        yield Relation("Recipient", pull.recipient, f"{pull.pulls} pulls", pull.last_at)


def _boxes(relations: Sequence[Relation], height: int) -> list[Box]:
    """Boxes for the first relations, and one for the rest, spread over the height."""
    shown = [(each.kind, each.name) for each in relations[:_DRAWN]]
    if len(relations) > _DRAWN:
        shown.append(("And", f"{len(relations) - _DRAWN} more, in the table"))
    top = (height - _ROW * len(shown)) // 2
    return [Box(kind, name, top + _ROW * index) for index, (kind, name) in enumerate(shown)]


ROUTES = (page("/models/{full_name}/versions/{version}/lineage", show_lineage),)
