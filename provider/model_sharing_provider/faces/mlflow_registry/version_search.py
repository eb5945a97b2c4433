"""Search of model versions, by model or by run: `model-versions/search`."""

from __future__ import annotations

import re

from aiohttp import web

from model_sharing_protocol import mlflow_registry as wire
from model_sharing_protocol.errors import InvalidParameter, NotFound
from model_sharing_protocol.names import FullName
from model_sharing_protocol.pages import Page
from model_sharing_provider.faces.mlflow_registry.requests import message_response
from model_sharing_provider.faces.mlflow_registry.version_messages import version_message
from model_sharing_provider.http.parameter_schemas import PAGE, TEXT
from model_sharing_provider.http.requests import context_of, page_request, provider_of
from model_sharing_provider.http.routes import Query, Route

_FILTER = re.compile(r"\s*(name|run_id)\s*=\s*(?:'([^']*)'|\"([^\"]*)\")\s*")


async def search(request: web.Request) -> web.Response:
    """Versions of one model or of one run, by exact equality only, as in Unity Catalog."""
    if request.query.get("order_by"):
        raise InvalidParameter("order_by is not supported when model versions are searched.")
    asked = request.query.get("filter", "")
    key, value = _parse_filter(asked)
    listing = f"versions where {asked}"
    page = page_request(request, listing)
    versions = provider_of(request).versions
    if key == "run_id":
        found = await versions.page_of_run(context_of(request), value, page)
    else:
        try:
            found = await versions.page(context_of(request), FullName.parse(value), page)
        except NotFound:
            # A search returns nothing where a look-up fails.
            found = Page(())
    return message_response(
        wire.ModelVersions(
            tuple(version_message(request, each) for each in found.items), found.token(listing) or ""
        )
    )


ROUTES = (
    Route(
        "GET",
        "/model-versions/search",
        search,
        "The versions of a model or of a run: name='…' or run_id='…'",
        wire.ModelVersions,
        query=(Query("filter", TEXT, required=True), *PAGE),
    ),
)


def _parse_filter(text: str) -> tuple[str, str]:
    if not text.strip():
        raise InvalidParameter("The filter is missing; give one such as name='catalog.schema.model'.")
    found = _FILTER.fullmatch(text)
    if found is None:
        raise InvalidParameter(
            f"The filter {text[:200]!r} is not supported: model versions are found by "
            "name='catalog.schema.model' or run_id='…', by exact equality and one condition at a time."
        )
    return found[1], found[2] if found[2] is not None else found[3]
