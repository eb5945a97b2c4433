"""Checks that every listing has: its pages, its parameters, and parents that are not there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opensharing_conformance import shapes
from opensharing_conformance.client import Answer
from opensharing_conformance.judgement import NotTested, require
from opensharing_conformance.listings import Listing
from opensharing_conformance.registry import Subject, proves

MISSING = "conformance-suite-missing"
"""Name that no server has anything of."""
_NOT_SERVED = (400, 403, 404, 405, 501)
_MOST_PAGES = 200


@dataclass(frozen=True, slots=True)
class ListingIds:
    """Ids of what a listing has to do; a listing of shares has no parent that may be missing."""

    page: str
    content_type: str
    fields: str
    most: str
    walk: str
    nothing: str
    negative: str
    missing: str = ""
    any_case: str = ""
    expected: str = ""


def listing_checks(listing: Listing, ids: ListingIds) -> None:
    """Register the checks of a listing."""
    _pages(listing, ids)
    _parameters(listing, ids)
    if ids.missing:
        _parents(listing, ids)


def _pages(listing: Listing, ids: ListingIds) -> None:
    @proves(ids.page)
    def page(subject: Subject) -> None:
        answer = served(subject, listing)
        shapes.page_items(answer)
        shapes.next_page_token(answer)

    @proves(ids.content_type)
    def content_type(subject: Subject) -> None:
        shapes.require_content_type(readable(subject, listing), shapes.JSON)

    @proves(ids.fields)
    def fields(subject: Subject) -> None:
        items = shapes.page_items(readable(subject, listing))
        if not items:
            raise NotTested(f"there are no {listing.name}")
        for item in items:
            for name in listing.fields:
                (shapes.long if name == "version" else shapes.text)(item, name)


def _parameters(listing: Listing, ids: ListingIds) -> None:
    @proves(ids.most)
    def most(subject: Subject) -> None:
        readable(subject, listing)
        items = shapes.page_items(_get(subject, listing, {"maxResults": "1"}))
        require(len(items) <= 1, f"{len(items)} items are there, with maxResults=1")

    @proves(ids.walk)
    def walk(subject: Subject) -> None:
        readable(subject, listing)
        everything = subject.contents.all_items(listing, subject.contents.place(listing))
        if len(everything) < 2:
            raise NotTested(f"it takes two {listing.name} to have two pages")
        found = _walk(subject, listing, (len(everything) + 1) // 2, len(everything))
        wanted = sorted(_key(listing, item) for item in everything)
        require(sorted(found) == wanted, f"the pages have {len(found)} items, one page has {len(wanted)}")

    @proves(ids.nothing)
    def nothing(subject: Subject) -> None:
        readable(subject, listing)
        items = shapes.page_items(_get(subject, listing, {"maxResults": "0"}))
        require(not items, f"{len(items)} items are there, with maxResults=0")

    @proves(ids.negative)
    def negative(subject: Subject) -> None:
        readable(subject, listing)
        shapes.require_status(_get(subject, listing, {"maxResults": "-1"}), 400)


def _parents(listing: Listing, ids: ListingIds) -> None:
    @proves(ids.missing)
    def missing(subject: Subject) -> None:
        readable(subject, listing)
        place = dict(subject.contents.place(listing))
        place[listing.parents[-1]] = MISSING
        answer = subject.client.get(*listing.segments(place))
        shapes.require_status(answer, 404)
        shapes.require_error_body(answer)

    @proves(ids.any_case)
    def any_case(subject: Subject) -> None:
        answer = readable(subject, listing)
        place = subject.contents.place(listing)
        other = {name: shapes.other_case(value) for name, value in place.items()}
        if other == place:
            raise NotTested("no name on the path has a letter")
        again = subject.client.get(*listing.segments(other))
        found, wanted = (_keys(listing, shapes.page_items(each)) for each in (again, answer))
        require(found == wanted, "names in the other case give other items")


def expected_checks(listing: Listing, identifier: str) -> None:
    """Register the check that a listing of assets shows what the server is said to hold."""

    @proves(identifier)
    def expected(subject: Subject) -> None:
        wanted = subject.expected.of_kind(listing.kind)
        if not wanted:
            raise NotTested(f"the expectations name no {listing.kind}")
        for asset in wanted:
            place = {"share": asset.share, "schema": asset.schema}
            items = subject.contents.all_items(listing, place)
            found = {(str(item.get("schema")).lower(), str(item.get("name")).lower()) for item in items}
            shown = (asset.schema.lower(), asset.name.lower()) in found
            require(shown, f"{asset.share}.{asset.schema}.{asset.name} is not among them")


def served(subject: Subject, listing: Listing) -> Answer:
    """First page of a listing, unless the server does not have this kind of asset and need not."""
    kind = listing.kind
    if listing.parents == ("share",):
        place: dict[str, str] = {"share": subject.contents.shares()[0]}
        if subject.contents.expects(kind) and kind not in ("shares", "schemas"):
            place["share"] = subject.expected.of_kind(kind)[0].share
    else:
        place = subject.contents.place(listing)
    answer = subject.client.get(*listing.segments(place))
    if answer.status in _NOT_SERVED and not subject.contents.expects(kind) and listing.kind != "shares":
        raise NotTested(f"the server does not serve {kind} (HTTP {answer.status})")
    return answer


def readable(subject: Subject, listing: Listing) -> Answer:
    """First page where there are items, for checks of what is beyond; NotTested where it cannot be read."""
    answer = _get(subject, listing, None)
    if answer.status != 200:
        raise NotTested(f"the listing answers {answer.status}")
    return answer


def _get(subject: Subject, listing: Listing, query: Mapping[str, str] | None) -> Answer:
    return subject.client.get(*listing.segments(subject.contents.place(listing)), query=query)


def _walk(subject: Subject, listing: Listing, size: int, most: int) -> list[str]:
    """Items over pages of a size, which the server need not fill; no more than `most` of them are there."""
    found: list[str] = []
    seen: set[str] = set()
    query = {"maxResults": str(size)}
    for _ in range(_MOST_PAGES):
        answer = _get(subject, listing, query)
        found += _keys(listing, shapes.page_items(answer))
        token = shapes.next_page_token(answer)
        if not token:
            return found
        require(token not in seen, "the same nextPageToken comes again")
        require(len(found) <= most, f"pages have {len(found)} items already, and go on; one page has {most}")
        seen.add(token)
        query = {"maxResults": str(size), "pageToken": token}
    raise NotTested(f"there are more than {_MOST_PAGES} pages")


def _keys(listing: Listing, items: list[Mapping[str, Any]]) -> list[str]:
    return [_key(listing, item) for item in items]


def _key(listing: Listing, item: Mapping[str, Any]) -> str:
    return ".".join(str(item.get(name)) for name in listing.key)
