"""A share gives what its owner may read: what the owner loses leaves the share, and comes back by itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from model_sharing_protocol.errors import NotFound, PermissionDenied
from model_sharing_protocol.names import FullName, SchemaName, SharedName
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Outcome
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import ShareObjectStatus
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.network.slow_download import SlowDownload
from support.patience import PATIENCE
from support.principals import (
    SecurablePrivilege,
    User,
    change_owner,
    create_group,
    create_user,
    grant_privileges,
    on_catalog,
    on_model,
    on_schema,
    privileges_to_load,
)

pytestmark = pytest.mark.each_database

SCORER, CAT = "prod.ml_team.scorer", "prod.vision.cat"
SHOWN = "/shares/acme/schemas/models/models/scorer"
BOTH, THE_OTHER = ["models.scorer", "vision.cat"], ["vision.cat"]


@dataclass(frozen=True)
class Friend:
    """globex, a recipient of ana's share `acme`."""

    endpoint: str
    token: str

    async def ask(self, method: str, path: str) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.endpoint + path, headers=headers) as answer,
        ):
            return answer.status, await answer.read()

    async def models(self, schema_name: str = "") -> list[str]:
        path = f"/schemas/{schema_name}/models" if schema_name else "/all-models"
        status, body = await self.ask("GET", "/shares/acme" + path)
        assert status == 200
        return [f"{item['schema']}.{item['name']}" for item in json.loads(body).get("items", [])]

    async def urls(self) -> dict[str, str]:
        status, body = await self.ask("POST", f"{SHOWN}/versions/1/query")
        assert status == 200
        files = [json.loads(line)["file"] for line in body.splitlines() if b'"file"' in line]
        return {file["path"]: file["url"] for file in files}

    async def reaches_the_scorer(self) -> bool:
        """True if every way leads to it; some of them alone would be a fault."""
        statuses = [
            (await self.ask(method, SHOWN + path))[0]
            for method, path in (
                ("GET", ""),
                ("GET", "/versions"),
                ("GET", "/versions/1"),
                ("GET", "/aliases"),
                ("GET", "/aliases/champion"),
                ("POST", "/versions/1/query"),
            )
        ]
        listed = "models.scorer" in await self.models()
        assert ("models.scorer" in await self.models("models")) == listed
        assert statuses == [200 if listed else 404] * len(statuses)
        return listed


async def fetch(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


async def statuses(admin: AdminClient, who: User | None = None) -> dict[str, ShareObjectStatus]:
    """The objects of the share as its owner sees them, or the administrator."""
    context = await who.context() if who else admin.context
    _, objects, _ = await admin.provider.shares.get(context, "acme")
    return {item.shared_as: item.status for item in objects}


@pytest.fixture
def weights() -> bytes:
    return b"weights"


@pytest.fixture
async def ana(admin: AdminClient, tmp_path: Path, weights: bytes) -> User:
    """A user who owns the share and the recipient, and may read what is in the one."""
    folder = write_model(tmp_path / "m", {"weights": weights})
    await admin.register(folder, SCORER, "Champion")
    await admin.register(write_model(tmp_path / "cat"), CAT)
    ana = await create_user(admin, "ana")
    await grant_privileges(admin, "ana", *privileges_to_load(SCORER), *privileges_to_load(CAT)[1:])
    for privilege in (Privilege.CREATE_SHARE, Privilege.CREATE_RECIPIENT):
        await SecurablePrivilege(privilege, SecurableType.METASTORE).grant(admin, "ana")
    return ana


@pytest.fixture
async def globex(ana: User, endpoint: str) -> Friend:
    hers = AdminClient(ana.admin.provider, await ana.context())
    code = await hers.share("acme", "globex")
    shares = hers.provider.shares
    await shares.add_model(hers.context, "acme", FullName.parse(SCORER), SharedName("models", "scorer"))
    await shares.add_schema(hers.context, "acme", SchemaName.parse("prod.vision"))
    return Friend(endpoint, (await hers.activate(code, endpoint)).bearer_token)


@pytest.mark.parametrize("lost", privileges_to_load(SCORER), ids=str)
async def test_what_the_owner_may_not_read_is_not_shared(
    admin: AdminClient, ana: User, globex: Friend, lost: SecurablePrivilege
) -> None:
    assert await globex.reaches_the_scorer()
    url = (await globex.urls())["MLmodel"]
    assert await fetch(url) == 200
    await lost.revoke(admin, "ana")
    assert not await globex.reaches_the_scorer()
    assert await fetch(url) == 403
    (event,) = await admin.provider.audit.latest(admin.context, 1)
    assert (event.action, event.outcome, event.target.recipient) == (
        AuditAction.GET_FILE,
        Outcome.DENIED,
        "globex",
    )
    everything_is_lost = lost.on is SecurableType.CATALOG
    assert await globex.models() == ([] if everything_is_lost else THE_OTHER)
    for person in (ana, None):
        seen = await statuses(admin, person)
        assert seen["models.scorer"] is ShareObjectStatus.PERMISSION_DENIED
        assert (seen["vision"] is ShareObjectStatus.ACTIVE) == (not everything_is_lost)
    await lost.grant(admin, "ana")
    assert await globex.reaches_the_scorer()
    assert await globex.models() == BOTH
    assert await fetch(url) == 200
    assert set((await statuses(admin)).values()) == {ShareObjectStatus.ACTIVE}


async def test_a_shared_schema_shows_those_of_its_models_that_the_owner_may_read(
    admin: AdminClient, ana: User, globex: Friend, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "dog"), "prod.vision.dog")
    assert await globex.models("vision") == ["vision.cat"]
    path = "/shares/acme/schemas/vision/models/{}/versions/1"
    assert (await globex.ask("GET", path.format("cat")))[0] == 200
    assert (await globex.ask("GET", path.format("dog")))[0] == 404
    await on_model(Privilege.EXECUTE, "prod.vision.dog").grant(admin, "ana")
    assert await globex.models("vision") == ["vision.cat", "vision.dog"]
    assert (await globex.ask("POST", path.format("dog") + "/query"))[0] == 200
    await on_schema(Privilege.USE_SCHEMA, "prod.vision").revoke(admin, "ana")
    assert await globex.models("vision") == []
    assert (await statuses(admin))["vision"] is ShareObjectStatus.PERMISSION_DENIED


async def test_the_owner_may_read_through_a_group(admin: AdminClient, ana: User, globex: Friend) -> None:
    await on_model(Privilege.EXECUTE, SCORER).revoke(admin, "ana")
    await create_group(admin, "scientists", "ana")
    assert not await globex.reaches_the_scorer()
    await on_schema(Privilege.EXECUTE, "prod.ml_team").grant(admin, "scientists")
    assert await globex.reaches_the_scorer()
    await admin.provider.principals.remove_member(admin.context, "scientists", "ana")
    assert not await globex.reaches_the_scorer()
    await on_catalog(Privilege.EXECUTE, "prod").grant(admin, "account users")
    assert await globex.reaches_the_scorer()


async def test_a_share_that_a_group_owns_gives_what_the_group_may_read(
    admin: AdminClient, ana: User, globex: Friend
) -> None:
    ben = await create_user(admin, "ben")
    await create_group(admin, "scientists", "ana", "ben")
    await change_owner(admin, await ana.context(), SecurableType.SHARE, "acme", "scientists")
    # What its members may read is theirs, not the group's.
    assert await globex.models() == []
    assert (await statuses(admin, ben))["models.scorer"] is ShareObjectStatus.PERMISSION_DENIED
    await grant_privileges(admin, "scientists", *privileges_to_load(SCORER))
    assert await globex.reaches_the_scorer()
    assert await globex.models() == ["models.scorer"]
    url = (await globex.urls())["MLmodel"]
    await change_owner(admin, await ana.context(), SecurableType.RECIPIENT, "globex", "scientists")
    await admin.provider.principals.delete(admin.context, "ana")
    assert await globex.reaches_the_scorer()
    await on_model(Privilege.EXECUTE, SCORER).revoke(admin, "scientists")
    assert not await globex.reaches_the_scorer()
    assert await fetch(url) == 403
    assert (await statuses(admin, ben))["models.scorer"] is ShareObjectStatus.PERMISSION_DENIED


async def test_a_new_owner_brings_its_own_rights(admin: AdminClient, globex: Friend) -> None:
    ben = await create_user(admin, "ben")
    await change_owner(admin, admin.context, SecurableType.SHARE, "acme", "ben")
    assert await globex.models() == []
    assert set((await statuses(admin, ben)).values()) == {ShareObjectStatus.PERMISSION_DENIED}
    await change_owner(admin, admin.context, SecurableType.SHARE, "acme", "admin")
    assert await globex.models() == BOTH


async def test_renamed_sources_stay_shared_under_the_same_name(
    admin: AdminClient, ana: User, globex: Friend
) -> None:
    provider, context, url = admin.provider, admin.context, (await globex.urls())["MLmodel"]
    await provider.models.update(context, FullName.parse(SCORER), SecurableUpdate(new_name="ranker"))
    await provider.catalogs.update_schema(
        context, SchemaName("prod", "ml_team"), SecurableUpdate(new_name="team")
    )
    await provider.catalogs.update_schema(
        context, SchemaName("prod", "vision"), SecurableUpdate(new_name="eyes")
    )
    await provider.catalogs.update(context, "prod", SecurableUpdate(new_name="live"))
    assert await globex.reaches_the_scorer()
    assert await globex.models() == BOTH
    assert await fetch(url) == 200
    _, objects, _ = await provider.shares.get(await ana.context(), "acme")
    assert {item.shared_as: item.name for item in objects} == {
        "models.scorer": "live.team.ranker",
        "vision": "live.eyes",
    }


async def test_what_moves_away_takes_the_rights_of_its_new_place(
    admin: AdminClient, ana: User, globex: Friend
) -> None:
    await admin.provider.catalogs.create(admin.context, "lab")
    await admin.provider.catalogs.create_schema(admin.context, SchemaName("lab", "closed"))
    moved = "lab.closed.scorer"
    await admin.provider.models.update(admin.context, FullName.parse(SCORER), SecurableUpdate(new_name=moved))
    assert not await globex.reaches_the_scorer()
    await grant_privileges(admin, "ana", *privileges_to_load(moved)[:2])
    assert await globex.reaches_the_scorer()


async def test_the_namesake_of_what_was_shared_by_itself_does_not_slip_in(
    admin: AdminClient, ana: User, globex: Friend, tmp_path: Path
) -> None:
    """A model was put in the place of one of a shared schema; when it goes, its name shows nothing."""
    await admin.register(tmp_path / "cat", "prod.ml_team.special")
    await on_model(Privilege.EXECUTE, "prod.ml_team.special").grant(admin, "ana")
    hers, special = await ana.context(), FullName.parse("prod.ml_team.special")
    await admin.provider.shares.add_model(hers, "acme", special, SharedName("vision", "cat"))
    path = "/shares/acme/schemas/vision/models/cat/versions/1"
    assert (await globex.ask("GET", path))[0] == 200
    await on_model(Privilege.EXECUTE, str(special)).revoke(admin, "ana")
    assert await globex.models("vision") == []
    assert (await globex.ask("GET", path))[0] == 404
    await admin.provider.models.delete(admin.context, special)
    assert await globex.models("vision") == []
    assert (await globex.ask("GET", path))[0] == 404
    await admin.provider.shares.remove(hers, "acme", "vision.cat")
    assert await globex.models("vision") == ["vision.cat"]
    assert (await globex.ask("GET", path))[0] == 200


@pytest.mark.parametrize("weights", [b"w" * 24 * 1024 * 1024], ids=["24 MiB"])
async def test_a_transfer_in_flight_is_cut_when_the_owner_loses_access(
    admin: AdminClient, ana: User, globex: Friend, weights: bytes
) -> None:
    transfer = await SlowDownload.begin((await globex.urls())["weights"])
    await on_model(Privilege.EXECUTE, SCORER).revoke(admin, "ana")
    assert await transfer.ends(within_seconds=PATIENCE) < len(weights)


async def test_a_share_keeps_out_what_its_owner_may_not_read(
    admin: AdminClient, ana: User, globex: Friend
) -> None:
    await on_model(Privilege.EXECUTE, SCORER).revoke(admin, "ana")
    shares, context = admin.provider.shares, await ana.context()
    with pytest.raises(NotFound, match="nothing shared as"):
        await shares.remove(context, "acme", "models.other")
    await shares.remove(context, "acme", "models.scorer")
    with pytest.raises(PermissionDenied, match="lacks EXECUTE"):
        await shares.add_model(context, "acme", FullName.parse(SCORER))


async def test_nobody_lends_a_share_the_eyes_of_somebody_else(
    admin: AdminClient, ana: User, globex: Friend
) -> None:
    """Whoever becomes the owner brings what it may read: only an administrator makes somebody the owner."""
    shares = admin.provider.shares
    await create_user(admin, "bob")
    for stranger in ("admin", "bob"):
        with pytest.raises(PermissionDenied, match="METASTORE ADMINISTRATION"):
            await shares.update(await ana.context(), "acme", (), SecurableUpdate(owner=stranger))
    assert (await shares.get(admin.context, "acme"))[0].owner == "ana"
    await admin.provider.principals.create(admin.context, "team", PrincipalType.GROUP)
    await admin.provider.principals.add_member(admin.context, "team", "ana")
    assert (await shares.update(await ana.context(), "acme", (), SecurableUpdate(owner="team")))[
        0
    ].owner == "team"
