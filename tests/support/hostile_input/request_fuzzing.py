"""Hypothesis strategies for hostile requests, made from the descriptions of routes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from support.seeded_provider import known

Schema = dict[str, Any]
LONGEST_URL = 8000

TEXTS = st.sampled_from(
    [
        *["", " ", ".", "..", "../../etc/passwd", "a.b", "a.b.c", "a.b.c.d", "a/b", "/", "\\", "a b", "a@b"],
        *["\x00", "a\x00b", "\r\nX: y", "\u202e", "\ud800", "\udfff\ud800", "\U0001f600", "İ", "ß", "日本"],
        *["x" * 255, "x" * 256, "x" * 5000, "é" * 256, "%", "%00", "%2f", "'", '"', "' OR 1=1 --", "_", "*"],
        *["-1", "0", "1e9", "0x1", "NaN", "9" * 30, "9" * 5000, "latest", "V1", "null", "true", "٣"],
        *[
            "models:/a.b.c/1",
            "models:/a.b.c/" + "9" * 10,
            "models:/..@x",
            "s3://bucket",
            "file:///etc/passwd",
        ],
        *["0.0.0.0/0", "::/0", "1.2.3.4/99", "name=''", "name='a' and name='b'", 'run_id = "x"'],
    ]
) | st.text(max_size=20)
NUMBERS = st.sampled_from(
    [0, -1, 1, 2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63) - 1, 10**40, 10**400, 0.5, 1e308, -0.0]
)
STRANGE: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, [], {}, [[]], [None], {"": ""}, {"key": {}}]
)
ANYTHING = TEXTS | NUMBERS | STRANGE


def bodies(path: str, schema: Schema, schemas: dict[str, Schema]) -> st.SearchStrategy[bytes]:
    """JSON that has the fields of the message, each with what is there or with what is hostile."""

    def values(name: str, of: Schema) -> st.SearchStrategy[Any]:
        if "$ref" in of:
            return objects(schemas[of["$ref"].rpartition("/")[2]])
        if "anyOf" in of:
            return st.one_of([values(name, choice) for choice in of["anyOf"]])
        if of.get("type") == "array":
            return st.lists(values(name, of["items"]), max_size=3) | STRANGE
        if of.get("type") == "object":
            return st.dictionaries(TEXTS, ANYTHING, max_size=3) | STRANGE
        if "enum" in of:
            return st.sampled_from(of["enum"]) | ANYTHING
        return _known_or(name, path, ANYTHING)

    def objects(of: Schema) -> st.SearchStrategy[Any]:
        fields = {name: values(name, field) for name, field in of["properties"].items()}
        required = {name: fields.pop(name) for name in of["required"]}
        return st.fixed_dictionaries(required, optional=fields)

    return values("", schema).map(lambda value: json.dumps(value).encode())


def urls(path: str, operation: Schema) -> st.SearchStrategy[str]:
    """The path with places and query filled in, quoted as clients do; a parameter may come more than once."""
    by_place: dict[str, list[str]] = {"path": [], "query": []}
    for parameter in operation["parameters"]:
        by_place[parameter["in"]].append(parameter["name"])
    places = st.fixed_dictionaries({name: _known_or(name, path, TEXTS) for name in by_place["path"]})
    terms = [st.tuples(st.just(name), _known_or(name, path, TEXTS)) for name in by_place["query"]]
    query = st.lists(st.one_of(terms), max_size=4) if terms else st.just([])
    written = st.builds(lambda filled, asked: _url(path, filled, asked), places, query)
    return written.filter(lambda url: len(url) <= LONGEST_URL)


def _url(path: str, places: dict[str, Any], query: list[tuple[str, Any]]) -> str:
    for name, value in places.items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe="", errors="surrogatepass"))
    return f"{path}?{urlencode(query, errors='surrogatepass')}" if query else path


def _known_or(name: str, path: str, hostile: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what is there, so that hostile values of other fields are looked at."""
    there = known(name, path)
    if not there:
        return hostile
    return st.integers(0, 3).flatmap(lambda chance: st.sampled_from(there) if chance else hostile)
