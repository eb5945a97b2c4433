"""Contents of a server: what it shows to the recipient, found by listing, and what it is expected to hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from opensharing_conformance.client import Client
from opensharing_conformance.expectations import Asset, Expectations
from opensharing_conformance.judgement import NotTested, Violation
from opensharing_conformance.listings import ALL_OF, SCHEMAS, SHARES, VERSIONS, Listing, Place
from opensharing_conformance.transport import NoAnswer

Item = Mapping[str, Any]
MOST_PAGES = 200
MOST_SHARES = 20


class Contents:
    """Finds things to test with; each listing is walked once.

    Methods raise NotTested where there is nothing of the kind, or where the listing itself does not work:
    that is for the checks of the listing to report.
    """

    def __init__(self, client: Client, expected: Expectations) -> None:
        self._client = client
        self._expected = expected
        self._walked: dict[tuple[str, ...], list[Item] | str] = {}
        self._cut: set[tuple[str, ...]] = set()
        self._assets: dict[str, list[Asset]] = {}
        self._places: dict[Listing, dict[str, str]] = {}

    def expects(self, kind: str) -> bool:
        """True if the server is expected to serve this kind."""
        return kind in ("shares", "schemas") or bool(self._expected.of_kind(kind))

    def items(self, listing: Listing, place: Place) -> list[Item]:
        """Items of a listing, over all its pages."""
        segments = listing.segments(place)
        if segments not in self._walked:
            self._walked[segments] = self._walk(segments)
        found = self._walked[segments]
        if isinstance(found, str):
            raise NotTested(found)
        return found

    def all_items(self, listing: Listing, place: Place) -> list[Item]:
        """Items of a listing, for checks of what is not among them; NotTested if they are too many."""
        found = self.items(listing, place)
        if listing.segments(place) in self._cut:
            raise NotTested(f"the {listing.name} have more than {MOST_PAGES} pages")
        return found

    def shares(self) -> list[str]:
        """Names of shares: expected ones first."""
        names = [*self._expected.shares, *_texts(self.items(SHARES, {}), "name")]
        if not names:
            raise NotTested("the server shows no share to this recipient")
        return list(dict.fromkeys(names))[:MOST_SHARES]

    def assets(self, kind: str) -> list[Asset]:
        """Assets of a kind: expected ones first, then those that are listed."""
        if kind not in self._assets:
            self._assets[kind] = self._find_assets(kind)
        return self._assets[kind]

    def asset(self, kind: str) -> Asset:
        """One asset of a kind."""
        return self.assets(kind)[0]

    def place(self, listing: Listing) -> dict[str, str]:
        """Place where a listing has items, two of them if there is such a place nearby."""
        if listing not in self._places:
            self._places[listing] = self._find_place(listing)
        return self._places[listing]

    def versions(self) -> tuple[Asset, list[Item]]:
        """Model that has versions, and these."""
        for model in self.assets("models")[:MOST_SHARES]:
            place = {"share": model.share, "schema": model.schema, "model": model.name}
            try:
                rows = [row for row in self.items(VERSIONS, place) if isinstance(row.get("version"), int)]
            except NotTested:
                continue
            if rows:
                return model, rows
        raise NotTested("no model shows a version to this recipient")

    def _find_assets(self, kind: str) -> list[Asset]:
        found = list(self._expected.of_kind(kind))
        why = ""
        for share in self.shares():
            try:
                rows = self.items(ALL_OF[kind], {"share": share})
            except NotTested as reason:
                why = f"the server shows no {kind}: {reason}"
                continue
            named = (row for row in rows if _are_texts(row, "schema", "name"))
            found.extend(Asset(kind, share, row["schema"], row["name"]) for row in named)
        if not found:
            raise NotTested(why or f"the server shows no {kind} to this recipient")
        return found

    def _find_place(self, listing: Listing) -> dict[str, str]:
        best: dict[str, str] | None = None
        for place in self._places_of(listing):
            try:
                count = len(self.items(listing, place))
            except NotTested:
                count = 0
            if best is None or count > 1:
                best = place
            if count > 1:
                break
        if best is None:
            raise NotTested(f"there is no place with {listing.kind}")
        return best

    def _places_of(self, listing: Listing) -> Iterable[dict[str, str]]:
        if not listing.parents:
            return [{}]
        if listing.parents == ("share",) and listing is SCHEMAS:
            return [{"share": share} for share in self.shares()]
        assets = self.assets(listing.kind)[:MOST_SHARES]
        places = [{"share": a.share, "schema": a.schema, "model": a.name} for a in assets]
        return [{name: place[name] for name in listing.parents} for place in places]

    def _walk(self, segments: tuple[str, ...]) -> list[Item] | str:
        items: list[Item] = []
        seen: set[str] = set()
        token = ""
        for _ in range(MOST_PAGES):
            try:
                answer = self._client.get(*segments, query={"pageToken": token} if token else None)
                if answer.status != 200:
                    return f"/{'/'.join(segments)} answers {answer.status}"
                page = answer.json()
            except (NoAnswer, NotTested, Violation) as error:
                return f"/{'/'.join(segments)} cannot be read: {error}"
            if not isinstance(page, dict):
                return f"/{'/'.join(segments)} is not a JSON object"
            rows = page.get("items") or []
            if isinstance(rows, list):
                items.extend(row for row in rows if isinstance(row, dict))
            token = page.get("nextPageToken") or ""
            if not isinstance(token, str) or not token or token in seen:
                return items
            seen.add(token)
        self._cut.add(segments)
        return items


def _texts(rows: Iterable[Item], name: str) -> list[str]:
    return [row[name] for row in rows if isinstance(row.get(name), str) and row[name]]


def _are_texts(row: Item, *names: str) -> bool:
    return all(isinstance(row.get(name), str) and row[name] for name in names)
