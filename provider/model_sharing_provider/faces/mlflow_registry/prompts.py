"""Prompt registry of MLflow (`prompts/…` and `prompt-versions/…`), which is not supported.

Without these routes MLflow would conclude that a prompt does not exist: its `load_prompt` returns None then.
"""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.errors import UnsupportedOperation
from model_sharing_provider.http.routes import Route

_UNDOCUMENTED = "Refuses every request, with a message that MLflow shows."


async def refuse(_request: web.Request) -> web.Response:
    """Refusal of every request about prompts. Raises UnsupportedOperation."""
    raise UnsupportedOperation(
        "This server keeps models, not prompts: keep prompts in a tracking server, "
        "with mlflow.set_registry_uri and its http(s) address."
    )


ROUTES = (
    Route("*", "/prompts{rest:(/.*)?}", refuse, undocumented=_UNDOCUMENTED),
    Route("*", "/prompt-versions{rest:(/.*)?}", refuse, undocumented=_UNDOCUMENTED),
)
