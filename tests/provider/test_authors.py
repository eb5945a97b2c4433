"""Who created a securable, and who changed it last, is kept with it, and survives who changes it next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.unity_catalog import PREFIX
from model_sharing_provider.domain.principals import PrincipalType
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import create_user

pytestmark = pytest.mark.each_database

PROFILE = '{"shareCredentialsVersion": 1, "endpoint": "https://acme.example", "bearerToken": "t"}'
CREATED: dict[str, tuple[str, dict[str, Any]]] = {
    "/catalogs/shop": ("/catalogs", {"name": "shop"}),
    "/schemas/shop.ml": ("/schemas", {"name": "ml", "catalog_name": "shop"}),
    "/models/shop.ml.scorer": ("/models", {"name": "scorer", "catalog_name": "shop", "schema_name": "ml"}),
    "/shares/acme": ("/shares", {"name": "acme"}),
    "/recipients/globex": ("/recipients", {"name": "globex", "authentication_type": "TOKEN"}),
    "/providers/umbrella": (
        "/providers",
        {"name": "umbrella", "authentication_type": "TOKEN", "recipient_profile_str": PROFILE},
    ),
}
ADDED = {"action": "ADD", "data_object": {"name": "shop.ml.scorer", "data_object_type": "MODEL"}}


async def test_authors_of_every_securable(
    admin: AdminClient, server: TestServer, provider_home: Path, tmp_path: Path
) -> None:
    ana = await create_user(admin, "ana", PrincipalType.ADMIN)

    async def call(token: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, server.make_url(PREFIX + path), json=body) as answer,
        ):
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    administrator = (provider_home / "admin.token").read_text()
    for path, (listing, body) in CREATED.items():
        made = await call(administrator, "POST", listing, body)
        assert (made["created_by"], made["updated_by"]) == ("admin", "admin"), path
    await admin.register(write_model(tmp_path / "m"), "shop.ml.scorer")
    for path in (*CREATED, "/models/shop.ml.scorer/versions/1"):
        changed = await call(ana.token, "PATCH", path, {"comment": "described"})
        assert (changed.get("created_by"), changed.get("updated_by")) == ("admin", "ana"), path
        read = await call(administrator, "GET", path)
        assert (read["created_by"], read["updated_by"]) == ("admin", "ana"), path
    await call(administrator, "PATCH", "/shares/acme", {"updates": [ADDED]})
    assert (await call(administrator, "GET", "/shares/acme"))["updated_by"] == "admin"
