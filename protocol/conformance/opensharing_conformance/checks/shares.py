"""Checks of shares and their schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opensharing_conformance import shapes
from opensharing_conformance.checks.listing_checks import MISSING, ListingIds, listing_checks, readable
from opensharing_conformance.client import Answer
from opensharing_conformance.contents import Item
from opensharing_conformance.expectations import Asset
from opensharing_conformance.judgement import NotTested, require
from opensharing_conformance.listings import ALL_OF, SCHEMAS, SHARES
from opensharing_conformance.registry import Subject, proves

_MAX_COMMENT, _MAX_PROPERTIES, _MAX_PROPERTY = 65536, 50, 1000

listing_checks(
    SHARES,
    ListingIds(
        page="OS-CORE-010",
        content_type="OS-CORE-011",
        fields="OS-CORE-012",
        most="OS-CORE-013",
        walk="OS-CORE-014",
        nothing="OS-CORE-015",
        negative="OS-CORE-016",
    ),
)


@proves("OS-CORE-017")
def names_of_shares(subject: Subject) -> None:
    for name in _each(subject, "name"):
        shapes.require_name(name, period=True)


@proves("OS-CORE-018")
def ids_of_shares_are_unique(subject: Subject) -> None:
    shapes.require_unique(_each(subject, "id"), "the id")


@proves("OS-CORE-019")
def ids_of_shares_are_uuids(subject: Subject) -> None:
    for value in _each(subject, "id"):
        shapes.require_uuid(value)


@proves("OS-CORE-020")
def display_names(subject: Subject) -> None:
    for value in _each(subject, "displayName"):
        require(len(value) <= shapes.MAX_NAME, f"a displayName has {len(value)} characters")


@proves("OS-CORE-021")
def comments(subject: Subject) -> None:
    for value in _each(subject, "comment"):
        require(len(value) <= _MAX_COMMENT, f"a comment has {len(value)} characters")


@proves("OS-CORE-022")
def properties(subject: Subject) -> None:
    for _ in _properties(subject):
        pass


@proves("OS-CORE-023")
def sizes_of_properties(subject: Subject) -> None:
    for found in _properties(subject):
        require(len(found) <= _MAX_PROPERTIES, f"a share has {len(found)} properties")
        for key, value in found.items():
            require(len(key) <= shapes.MAX_NAME, f"the key {key[:40]!r}… has {len(key)} characters")
            require(len(value) <= _MAX_PROPERTY, f"the value of {key!r} has {len(value)} characters")


@proves("OS-CORE-024")
def expected_shares(subject: Subject) -> None:
    if not subject.expected.shares:
        raise NotTested("the expectations name no shares")
    names = {str(item.get("name")).lower() for item in subject.contents.all_items(SHARES, {})}
    for name in subject.expected.shares:
        require(name.lower() in names, f"{name} is not among the shares")


@proves("OS-CORE-025")
def shares_of_others_are_not_listed(subject: Subject) -> None:
    if not subject.expected.not_granted:
        raise NotTested("the expectations name no share that was not granted")
    names = {str(item.get("name")).lower() for item in subject.contents.items(SHARES, {})}
    for name in subject.expected.not_granted:
        require(name.lower() not in names, f"{name} is among the shares, and was not granted")


@proves("OS-CORE-026")
def page_size_that_is_no_number(subject: Subject) -> None:
    readable(subject, SHARES)
    shapes.require_status(subject.client.get("shares", query={"maxResults": "many"}), 400)


@proves("OS-CORE-027")
def malformed_is_an_error(subject: Subject) -> None:
    answer = subject.client.get("shares", query={"maxResults": "-1"})
    if answer.status != 400:
        raise NotTested(f"maxResults=-1 is answered {answer.status}")
    shapes.require_error_body(answer)
    shapes.require_media_type(answer, shapes.JSON)


@proves("OS-CORE-030")
def one_share(subject: Subject) -> None:
    answer = _share(subject)
    shapes.require_status(answer, 200)
    shapes.text(shapes.as_object(shapes.json_object(answer).get("share"), "share"), "name")


@proves("OS-CORE-031")
def one_share_is_json(subject: Subject) -> None:
    shapes.require_content_type(_found(_share(subject)), shapes.JSON)


@proves("OS-CORE-032")
def one_share_is_the_listed_one(subject: Subject) -> None:
    item = _listed(subject)
    share = shapes.as_object(shapes.json_object(_found(_share(subject))).get("share"), "share")
    for name in ("name", "id"):
        require(
            share.get(name) == item.get(name), f"{name} is {share.get(name)!r}, listed {item.get(name)!r}"
        )


@proves("OS-CORE-033")
def share_in_any_case(subject: Subject) -> None:
    _found(_share(subject))
    name = subject.contents.shares()[0]
    shapes.require_status(subject.client.get("shares", shapes.other_case(name)), 200)


@proves("OS-CORE-034")
def missing_share(subject: Subject) -> None:
    shapes.require_status(subject.client.get("shares", MISSING), 404)


@proves("OS-CORE-035")
def not_found_is_an_error(subject: Subject) -> None:
    shapes.require_error_body(_missing(subject))


@proves("OS-CORE-036")
def not_found_is_json(subject: Subject) -> None:
    shapes.require_media_type(_missing(subject), shapes.JSON)


@proves("OS-CORE-037")
def share_of_others(subject: Subject) -> None:
    if not subject.expected.not_granted:
        raise NotTested("the expectations name no share that was not granted")
    for name in subject.expected.not_granted:
        for below in ((), ("schemas",), *((f"all-{kind}",) for kind in ALL_OF)):
            shapes.require_refusal(subject.client.get("shares", name, *below))


listing_checks(
    SCHEMAS,
    ListingIds(
        page="OS-CORE-040",
        content_type="OS-CORE-041",
        fields="OS-CORE-042",
        most="OS-CORE-043",
        walk="OS-CORE-044",
        nothing="OS-CORE-045",
        negative="OS-CORE-046",
        missing="OS-CORE-047",
        any_case="OS-CORE-048",
    ),
)


@proves("OS-CORE-049")
def names_of_schemas(subject: Subject) -> None:
    for item in shapes.page_items(readable(subject, SCHEMAS)):
        shapes.require_name(shapes.text(item, "name"), period=False)


@proves("OS-CORE-050")
def schemas_name_their_share(subject: Subject) -> None:
    share = subject.contents.place(SCHEMAS)["share"]
    for item in shapes.page_items(readable(subject, SCHEMAS)):
        said = shapes.text(item, "share")
        require(said.lower() == share.lower(), f"share is {said!r}, in a listing of {share!r}")


@proves("OS-CORE-051")
def expected_schemas(subject: Subject) -> None:
    if not subject.expected.schemas:
        raise NotTested("the expectations name no schemas")
    for share, schema in subject.expected.schemas:
        require(schema.lower() in _schemas(subject, share), f"{schema} is not among the schemas of {share}")


@proves("OS-CORE-052")
def schemas_of_assets(subject: Subject) -> None:
    named = {(asset.share, asset.schema, kind) for kind in ALL_OF for asset in _assets(subject, kind)}
    if not named:
        raise NotTested("the server shows no assets to this recipient")
    for share, schema, kind in sorted(named):
        known = schema.lower() in _schemas(subject, share)
        require(known, f"{schema} has {kind}, and is not among the schemas of {share}")


def _assets(subject: Subject, kind: str) -> list[Asset]:
    try:
        return subject.contents.assets(kind)
    except NotTested:
        return []


def _schemas(subject: Subject, share: str) -> set[str]:
    return {str(item.get("name")).lower() for item in subject.contents.all_items(SCHEMAS, {"share": share})}


def _share(subject: Subject) -> Answer:
    return subject.client.get("shares", subject.contents.shares()[0])


def _found(answer: Answer) -> Answer:
    if answer.status != 200:
        raise NotTested(f"the share is answered {answer.status}")
    return answer


def _listed(subject: Subject) -> Item:
    name = subject.contents.shares()[0]
    for item in subject.contents.items(SHARES, {}):
        if str(item.get("name")).lower() == name.lower():
            return item
    raise NotTested(f"{name} is not listed")


def _missing(subject: Subject) -> Answer:
    answer = subject.client.get("shares", MISSING)
    if answer.status != 404:
        raise NotTested(f"a share that does not exist is answered {answer.status}")
    return answer


def _each(subject: Subject, name: str) -> list[str]:
    found = [
        value
        for item in shapes.page_items(readable(subject, SHARES))
        if (value := shapes.optional_text(item, name))
    ]
    if not found:
        raise NotTested(f"no share has {name}")
    return found


def _properties(subject: Subject) -> Iterator[dict[str, Any]]:
    items = [item for item in shapes.page_items(readable(subject, SHARES)) if item.get("properties")]
    if not items:
        raise NotTested("no share has properties")
    for item in items:
        yield dict(shapes.text_map(item, "properties"))
