"""Responses to recipients: pages of items, and NDJSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec
from aiohttp import web

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol.pages import Page
from model_sharing_provider.http.responses import json_response

T = TypeVar("T")


def page_response(page: Page[T], listing: str, items: Iterable[msgspec.Struct]) -> web.Response:
    """Page of a listing, with the token of the next one."""
    body = wire.Items(items=tuple(items), next_page_token=page.token(listing))
    return json_response(body, wire.JSON)


def ndjson_response(lines: Iterable[msgspec.Struct], headers: dict[str, str] | None = None) -> web.Response:
    """NDJSON response: one message on each line."""
    body = msgspec.json.Encoder().encode_lines(lines)
    return web.Response(body=body, headers={"Content-Type": wire.NDJSON, **(headers or {})})
