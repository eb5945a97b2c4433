"""Responses to a recipient over HTTP, call by call."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from support.admin_client import AdminClient
from support.model_folder import write_model


async def test_a_granted_share_shows_its_models_and_versions(
    admin: AdminClient, endpoint: str, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer", "Champion")
    profile = await admin.activate(await admin.share("acme", "globex", "prod.ml_team.scorer"), endpoint)
    headers = {"Authorization": f"Bearer {profile.bearer_token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(f"{endpoint}/shares/acme/all-models") as answer:
            (model,) = (await answer.json())["items"]
        async with session.get(
            f"{endpoint}/shares/acme/schemas/ml_team/models/scorer/aliases/champion"
        ) as answer:
            version = await answer.json()
    assert (model["schema"], model["name"], model["aliases"]) == ("ml_team", "scorer", {"Champion": 1})
    assert (version["version"], version["status"]) == (1, "READY")
