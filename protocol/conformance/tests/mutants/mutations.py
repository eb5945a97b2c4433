"""Mutations: ways to break an answer, or a request before the server reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from mutants import contents
from mutants.contents import Row
from opensharing_conformance.transport import Request, Response

Serve = Callable[[Request], Response]
Mutation = Callable[[Request, Serve], Response]
Change = Callable[[Response], Response]


def on(pattern: str, mutation: Mutation, method: str = "GET") -> Mutation:
    """Mutate requests of a method to paths below the endpoint that match; all others are served as ever."""

    def mutated(request: Request, serve: Serve) -> Response:
        path = unquote(urlsplit(request.url).path).removeprefix("/delta-sharing/")
        if request.method == method and re.fullmatch(pattern, path):
            return mutation(request, serve)
        return serve(request)

    return mutated


def answered(change: Change, *statuses: int) -> Mutation:
    """Change answers with one of these statuses; with 200 unless others are given."""

    def mutated(request: Request, serve: Serve) -> Response:
        response = serve(request)
        return change(response) if response.status in (statuses or (200,)) else response

    return mutated


def asked(change: Callable[[Request], Request]) -> Mutation:
    """Serve another request than the one that was made."""
    return lambda request, serve: serve(change(request))


def where(condition: Callable[[Request], bool], mutation: Mutation) -> Mutation:
    """Mutate only requests of which a condition is true."""
    return lambda request, serve: mutation(request, serve) if condition(request) else serve(request)


def both(first: Mutation, second: Mutation) -> Mutation:
    return lambda request, serve: first(request, lambda inner: second(inner, serve))


def status(number: int) -> Change:
    return lambda response: Response(number, response.headers, response.body)


def header(name: str, value: str | None) -> Change:
    def changed(response: Response) -> Response:
        headers = {key: held for key, held in response.headers.items() if key != name}
        return Response(response.status, headers | ({} if value is None else {name: value}), response.body)

    return changed


def raw(body: bytes) -> Change:
    return lambda response: Response(response.status, response.headers, body)


def body(change: Callable[[Row], Any]) -> Change:
    """Change the JSON object of an answer."""
    return lambda response: Response(
        response.status, response.headers, json.dumps(change(json.loads(response.body))).encode()
    )


def items(change: Callable[[Row], Row]) -> Change:
    """Change each item of a page."""
    return body(lambda page: page | {"items": [change(item) for item in page["items"]]})


def lines(change: Callable[[list[Row]], list[Row]]) -> Change:
    """Change the lines of an answer."""

    def changed(response: Response) -> Response:
        rows = [json.loads(line) for line in response.body.splitlines()]
        text = "".join(json.dumps(row) + "\n" for row in change(rows))
        return Response(response.status, response.headers, text.encode())

    return changed


def each_line(kind: str, change: Callable[[Row], Row]) -> Change:
    """Change the lines of a kind."""
    return lines(lambda rows: [{kind: change(row[kind])} if kind in row else row for row in rows])


def put(**fields: Any) -> Callable[[Row], Row]:
    return lambda row: row | fields


def without(*names: str) -> Callable[[Row], Row]:
    return lambda row: {name: value for name, value in row.items() if name not in names}


def query(change: Callable[[dict[str, str]], Mapping[str, str]]) -> Callable[[Request], Request]:
    """Change the query of a request."""

    def changed(request: Request) -> Request:
        address = urlsplit(request.url)
        parameters = change(dict(parse_qsl(address.query, keep_blank_values=True)))
        url = address._replace(query=urlencode(parameters)).geturl()
        return Request(request.method, url, request.headers, request.body)

    return changed


def ignore_parameter(*names: str) -> Mutation:
    """The server does not read these parameters, whatever their value."""
    return asked(query(without(*names)))


def ignore_value(name: str, pattern: str) -> Mutation:
    """The server does as if a parameter were not there, if its value matches."""
    return asked(
        query(
            lambda given: {
                key: value for key, value in given.items() if key != name or not re.fullmatch(pattern, value)
            }
        )
    )


def ignore_fields(*names: str) -> Mutation:
    """The server does not read these fields of a body."""

    def changed(request: Request) -> Request:
        try:
            fields = json.loads(request.body or b"{}")
        except ValueError:
            return request
        kept = json.dumps(without(*names)(fields)).encode()
        return Request(request.method, request.url, request.headers, kept)

    return asked(changed)


def ignore_header(name: str) -> Mutation:
    def changed(request: Request) -> Request:
        headers = {key: value for key, value in request.headers.items() if key.lower() != name}
        return Request(request.method, request.url, headers, request.body)

    return asked(changed)


def set_header(name: str, value: str) -> Mutation:
    def changed(request: Request) -> Request:
        headers = {key: held for key, held in request.headers.items() if key.lower() != name}
        return Request(request.method, request.url, headers | {name: value}, request.body)

    return asked(changed)


def says(response: Response) -> Mutation:
    """The same answer, whatever was asked."""
    return lambda request, serve: response


def refused(number: int, serve_if: Callable[[Request], bool] = lambda _: False) -> Mutation:
    """An error, whatever was asked."""
    error = Response(
        number,
        {"content-type": "application/json; charset=utf-8"},
        b'{"errorCode": "INTERNAL_ERROR", "message": ""}',
    )
    return lambda request, serve: serve(request) if serve_if(request) else error


def names_are_case_sensitive(request: Request, serve: Serve) -> Response:
    """Names in another case than the one they were given in are not found."""
    known = [contents.SHARES, contents.SCHEMAS, *contents.ASSETS.values(), contents.ALIASES]
    canonical = {name.lower(): name for names in known for name in names}
    for part in unquote(urlsplit(request.url).path).split("/"):
        if canonical.get(part.lower(), part) != part:
            return refused(404)(request, serve)
    return serve(request)


def on_first(change: Callable[[Row], Row]) -> Change:
    """Change the first item of a page."""
    return body(
        lambda page: (
            page | {"items": [change(item) if n == 0 else item for n, item in enumerate(page["items"])]}
        )
    )


def same_ids(page: Row) -> Row:
    ids = [item["id"] for item in page["items"]]
    return page | {"items": [item | {"id": ids[0]} for item in page["items"]]}
