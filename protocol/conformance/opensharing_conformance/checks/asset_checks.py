"""Checks that every kind of asset has: names, ids, and one asset by its name."""

from __future__ import annotations

from dataclasses import dataclass

from opensharing_conformance import shapes
from opensharing_conformance.checks.listing_checks import MISSING, expected_checks, readable
from opensharing_conformance.client import Answer
from opensharing_conformance.contents import Item
from opensharing_conformance.judgement import NotTested, require
from opensharing_conformance.listings import SHARES, Listing
from opensharing_conformance.registry import Subject, proves


@dataclass(frozen=True, slots=True)
class AssetIds:
    """Ids of what is required of a kind of asset."""

    names: str
    place: str
    types: str
    same_lists: str
    uuids: str
    unique: str
    share_id: str
    expected: str
    one: str
    one_is_json: str
    one_as_listed: str
    any_case: str
    missing: str


@dataclass(frozen=True, slots=True)
class AssetKind:
    """Kind of asset: its two listings, and its optional fields of text."""

    name: str
    all_of_share: Listing
    of_schema: Listing
    optional: tuple[str, ...]


def asset_checks(kind: AssetKind, ids: AssetIds) -> None:
    """Register the checks of a kind of asset."""
    _names(kind, ids)
    _identifiers(kind, ids)
    _one(kind, ids)
    expected_checks(kind.of_schema, ids.expected)


def asset_answer(subject: Subject, kind: str, *below: str) -> Answer:
    """Answer about one asset of a kind, or about what is below it."""
    asset = subject.contents.asset(kind)
    return subject.client.get(*asset.path, *below)


def found(answer: Answer) -> Answer:
    """Answer that is there, for checks of what it says; that it is there has a check of its own."""
    if answer.status != 200:
        raise NotTested(f"the answer is {answer.status}")
    return answer


def _names(kind: AssetKind, ids: AssetIds) -> None:
    @proves(ids.names)
    def names(subject: Subject) -> None:
        for item in _listed(subject, kind):
            shapes.require_name(shapes.text(item, "name"), period=False)
            shapes.require_name(shapes.text(item, "schema"), period=False)

    @proves(ids.place)
    def place(subject: Subject) -> None:
        wanted = subject.contents.place(kind.of_schema)
        for item in shapes.page_items(readable(subject, kind.of_schema)):
            for name in ("share", "schema"):
                said = shapes.text(item, name)
                same = said.lower() == wanted[name].lower()
                require(same, f"{name} is {said!r}, in a listing of {wanted[name]!r}")

    @proves(ids.types)
    def types(subject: Subject) -> None:
        for item in _listed(subject, kind):
            for name in kind.optional:
                shapes.optional_text(item, name)

    @proves(ids.same_lists)
    def same_lists(subject: Subject) -> None:
        place = subject.contents.place(kind.of_schema)
        of_schema = subject.contents.all_items(kind.of_schema, place)
        of_share = subject.contents.all_items(kind.all_of_share, {"share": place["share"]})
        wanted = {
            str(item.get("name"))
            for item in of_share
            if str(item.get("schema")).lower() == place["schema"].lower()
        }
        same = wanted == {str(item.get("name")) for item in of_schema}
        require(same, f"the {kind.name} of {place['schema']} differ from those of all {kind.name}")


def _identifiers(kind: AssetKind, ids: AssetIds) -> None:
    @proves(ids.uuids)
    def uuids(subject: Subject) -> None:
        for item in _with(subject, kind, "id"):
            shapes.require_uuid(shapes.text(item, "id"))

    @proves(ids.unique)
    def unique(subject: Subject) -> None:
        shapes.require_unique([item.get("id") for item in _with(subject, kind, "id")], "the id")

    @proves(ids.share_id)
    def share_id(subject: Subject) -> None:
        share = subject.contents.place(kind.all_of_share)["share"]
        known = [
            item.get("id")
            for item in subject.contents.items(SHARES, {})
            if str(item.get("name")).lower() == share.lower() and item.get("id")
        ]
        if not known:
            raise NotTested("shares have no id to compare with")
        for item in _with(subject, kind, "shareId"):
            said = item.get("shareId")
            require(said == known[0], f"shareId is {said!r}, the share's id is {known[0]!r}")


def _one(kind: AssetKind, ids: AssetIds) -> None:
    @proves(ids.one)
    def one(subject: Subject) -> None:
        answer = asset_answer(subject, kind.name)
        shapes.require_status(answer, 200)
        for name in kind.of_schema.fields:
            shapes.text(shapes.json_object(answer), name)

    @proves(ids.one_is_json)
    def one_is_json(subject: Subject) -> None:
        shapes.require_content_type(found(asset_answer(subject, kind.name)), shapes.JSON)

    @proves(ids.one_as_listed)
    def one_as_listed(subject: Subject) -> None:
        place = subject.contents.place(kind.of_schema)
        for item in subject.contents.items(kind.of_schema, place)[:3]:
            path = kind.of_schema.segments(place)
            answer = shapes.json_object(found(subject.client.get(*path, shapes.text(item, "name"))))
            for name in ("name", "schema", "share", "id"):
                said, wanted = answer.get(name), item.get(name)
                require(said == wanted, f"{name} is {said!r}, listed {wanted!r}")

    @proves(ids.any_case)
    def any_case(subject: Subject) -> None:
        found(asset_answer(subject, kind.name))
        asset = subject.contents.asset(kind.name)
        shapes.require_status(subject.client.get(*asset.in_other_case().path), 200)

    @proves(ids.missing)
    def missing(subject: Subject) -> None:
        found(asset_answer(subject, kind.name))
        asset = subject.contents.asset(kind.name)
        answer = subject.client.get(*asset.named(MISSING).path)
        shapes.require_status(answer, 404)
        shapes.require_error_body(answer)


def _listed(subject: Subject, kind: AssetKind) -> list[Item]:
    items = shapes.page_items(readable(subject, kind.all_of_share))
    if not items:
        raise NotTested(f"there are no {kind.name}")
    return list(items)


def _with(subject: Subject, kind: AssetKind, name: str) -> list[Item]:
    items = [item for item in _listed(subject, kind) if item.get(name) is not None]
    if not items:
        raise NotTested(f"no item has {name}")
    return items
