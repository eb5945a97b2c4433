"""`prompts/…` and `prompt-versions/…`: MLflow's prompt registry, which is not served.

A path that is not there would tell MLflow that there is no such prompt: its `load_prompt` gives None then.
"""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.errors import UnsupportedOperation


async def refuse(_request: web.Request) -> web.Response:
    raise UnsupportedOperation(
        "This server keeps models, not prompts: keep prompts in a tracking server, "
        "with mlflow.set_registry_uri and its http(s) address."
    )


ROUTES = [
    web.route("*", "/prompts{rest:(/.*)?}", refuse),
    web.route("*", "/prompt-versions{rest:(/.*)?}", refuse),
]
