"""An unmodified `databricks-sdk` administers the provider; each effect is looked at through another door."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import pytest
from aiohttp.test_utils import TestServer
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound, ResourceConflict, Unauthenticated
from databricks.sdk.service.catalog import Privilege as CatalogPrivilege
from databricks.sdk.service.sharing import (
    AuthenticationType,
    PermissionsChange,
    Privilege,
    SharedDataObject,
    SharedDataObjectDataObjectType,
    SharedDataObjectUpdate,
    SharedDataObjectUpdateAction,
)

from model_sharing_protocol.names import FullName
from support.admin_client import AdminClient
from support.databricks_sdk import ask, workspace_client
from support.model_folder import write_model

T = TypeVar("T")
NAME = "prod.ml_team.scorer"


@pytest.fixture
async def workspace(server: TestServer, provider_home: Path) -> WorkspaceClient:
    """The SDK as an administrator sets it up: host and token, nothing else."""
    return await workspace_client(server, (provider_home / "admin.token").read_text())


def data_object(name: str, kind: SharedDataObjectDataObjectType, shown: str) -> SharedDataObject:
    return SharedDataObject(name=name, data_object_type=kind, string_shared_as=shown)


async def test_it_knows_who_it_is(workspace: WorkspaceClient) -> None:
    assert (await ask(workspace.current_user.me)).user_name == "admin"


async def test_a_wrong_token_is_told_so(server: TestServer) -> None:
    with pytest.raises(Unauthenticated, match=r"admin\.token"):
        await ask((await workspace_client(server, "msh_wrong")).current_user.me)


async def test_a_recipients_token_opens_nothing_here(server: TestServer, admin: AdminClient) -> None:
    profile = await admin.activate(await admin.share("acme", "globex"), "http://here")
    recipient = await workspace_client(server, profile.bearer_token)
    with pytest.raises(Unauthenticated):
        await ask(lambda: list(recipient.catalogs.list()))


async def test_catalogs_and_schemas(workspace: WorkspaceClient, admin: AdminClient) -> None:
    created = await ask(lambda: workspace.catalogs.create("Prod", comment="what serves"))
    assert (created.name, created.comment, created.owner) == ("prod", "what serves", "admin")
    await ask(lambda: workspace.schemas.create("ml_team", "prod"))
    assert [catalog.name for catalog in await ask(lambda: list(workspace.catalogs.list()))] == ["prod"]
    assert [schema.full_name for schema in await ask(lambda: list(workspace.schemas.list("prod")))] == [
        "prod.ml_team"
    ]
    assert (await ask(lambda: workspace.schemas.get("prod.ml_team"))).catalog_name == "prod"
    with pytest.raises(ResourceConflict, match="exists already"):
        await ask(lambda: workspace.catalogs.create("prod"))
    with pytest.raises(BadRequest, match="not empty"):
        await ask(lambda: workspace.catalogs.delete("prod"))
    await ask(lambda: workspace.schemas.delete("prod.ml_team"))
    await ask(lambda: workspace.catalogs.delete("prod"))
    with pytest.raises(NotFound):
        await ask(lambda: workspace.catalogs.get("prod"))
    with pytest.raises(Exception, match="does not exist"):
        await admin.provider.catalogs.get(admin.context, "prod")


async def test_models_versions_and_aliases(
    workspace: WorkspaceClient, admin: AdminClient, provider_home: Path, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "m")
    for _ in range(2):
        version = await admin.register(folder, NAME)
    models, versions = workspace.registered_models, workspace.model_versions
    await ask(lambda: models.set_alias(NAME, "Champion", 2))
    assert (await admin.provider.models.get(admin.context, FullName.parse(NAME))).aliases == {"Champion": 2}
    assert (await ask(lambda: versions.get_by_alias(NAME, "champion"))).version == 2
    assert [found.version for found in await ask(lambda: list(versions.list(NAME)))] == [1, 2]
    found = await ask(lambda: models.get(NAME, include_aliases=True))
    assert found.aliases is not None
    assert (found.full_name, found.aliases[0].alias_name) == (NAME, "Champion")
    assert (await ask(lambda: models.update(NAME, comment="scores claims"))).comment == "scores claims"
    assert (await ask(lambda: versions.update(NAME, 1, comment="first"))).comment == "first"
    await ask(lambda: models.delete_alias(NAME, "Champion"))
    await ask(lambda: versions.delete(NAME, 2))
    assert not list((provider_home / "artifacts" / version.storage_path).glob("*"))
    with pytest.raises(NotFound, match="no version 2"):
        await ask(lambda: versions.get(NAME, 2))
    assert (await admin.register(folder, NAME)).version == 3
    await ask(lambda: models.delete(NAME))
    listed = await ask(lambda: list(models.list(catalog_name="prod", schema_name="ml_team")))
    assert listed == []
    assert not [path for path in (provider_home / "artifacts").rglob("*") if path.is_file()]


async def test_shares_recipients_and_permissions(
    workspace: WorkspaceClient, admin: AdminClient, endpoint: str, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), NAME)
    kinds, actions = SharedDataObjectDataObjectType, SharedDataObjectUpdateAction
    await ask(lambda: workspace.shares.create("acme", comment="for partners"))
    updates = [
        SharedDataObjectUpdate(actions.ADD, data_object(NAME, kinds.MODEL, "models.scorer")),
        SharedDataObjectUpdate(actions.ADD, data_object("prod.ml_team", kinds.SCHEMA, "everything")),
    ]
    updated = await ask(lambda: workspace.shares.update("acme", updates=updates))
    assert [item.string_shared_as for item in updated.objects or []] == ["everything", "models.scorer"]
    created = await ask(lambda: workspace.recipients.create("globex", AuthenticationType.TOKEN))
    assert created.activation_url is not None
    assert created.tokens is not None
    assert created.tokens[0].activation_url == created.activation_url
    profile = await admin.activate(created.activation_url.rpartition("/")[2], endpoint)
    permissions = [PermissionsChange(principal="globex", add=["SELECT"])]
    await ask(lambda: workspace.shares.update_permissions("acme", changes=permissions))
    seen = await ask(lambda: workspace.shares.share_permissions("acme"))
    assert [(grant.principal, grant.privileges) for grant in seen.privilege_assignments or []] == [
        ("globex", [Privilege.SELECT])
    ]
    effective = await ask(lambda: workspace.grants.get_effective("SHARE", "acme"))
    assert [
        (grant.principal, [each.privilege for each in grant.privileges or []])
        for grant in effective.privilege_assignments or []
    ] == [("globex", [CatalogPrivilege.SELECT])]
    nothing = [PermissionsChange(principal="globex")]
    unchanged = await ask(lambda: workspace.shares.update_permissions("acme", changes=nothing))
    assert [grant.principal for grant in unchanged.privilege_assignments or []] == ["globex"]
    held = await ask(lambda: workspace.recipients.share_permissions("globex"))
    assert [permission.share_name for permission in held.permissions_out or []] == ["acme"]
    assert (
        await admin.provider.recipients.authenticate(admin.context, profile.bearer_token)
    ).name == "globex"
    found = await ask(lambda: workspace.recipients.get("globex"))
    assert (found.activated, found.activation_url) == (True, None)
    rotated = await ask(lambda: workspace.recipients.rotate_token("globex", 3600))
    assert rotated.activation_url
    assert rotated.activation_url != created.activation_url
    await admin.activate(rotated.activation_url.rpartition("/")[2], endpoint)
    with pytest.raises(BadRequest, match="two active tokens"):
        await ask(lambda: workspace.recipients.rotate_token("globex", 3600))
    removal = [
        SharedDataObjectUpdate(actions.REMOVE, data_object("prod.ml_team", kinds.SCHEMA, "everything"))
    ]
    left = await ask(lambda: workspace.shares.update("acme", updates=removal))
    assert [item.name for item in left.objects or []] == [NAME]
    await ask(lambda: workspace.recipients.delete("globex"))
    await ask(lambda: workspace.shares.delete("acme"))
    assert list(await ask(lambda: list(workspace.shares.list_shares()))) == []


async def test_share_updates_are_all_or_none(
    workspace: WorkspaceClient, admin: AdminClient, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), NAME)
    await admin.share("acme", "globex")
    kinds, actions = SharedDataObjectDataObjectType, SharedDataObjectUpdateAction
    updates = [
        SharedDataObjectUpdate(actions.ADD, data_object(NAME, kinds.MODEL, "ml_team.scorer")),
        SharedDataObjectUpdate(actions.ADD, data_object("prod.ml_team.none", kinds.MODEL, "ml_team.none")),
    ]
    with pytest.raises(NotFound, match="none"):
        await ask(lambda: workspace.shares.update("acme", updates=updates))
    _, objects, _ = await admin.provider.shares.get(admin.context, "acme")
    assert objects == []


async def test_a_deleted_source_stays_visible_to_the_admin_only(
    workspace: WorkspaceClient, admin: AdminClient, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), NAME)
    await admin.share("acme", "globex", NAME)
    await ask(lambda: workspace.registered_models.delete(NAME))
    _, (gone,), _ = await admin.provider.shares.get(admin.context, "acme")
    assert (gone.name, gone.status.value) == (NAME, "SOURCE_DELETED")


async def test_listings_are_paged_to_the_end(workspace: WorkspaceClient, admin: AdminClient) -> None:
    names = [f"share_{number:03}" for number in range(25)]
    for name in names:
        await admin.provider.shares.create(admin.context, name)
    listed = await ask(lambda: [share.name for share in workspace.shares.list_shares(max_results=4)])
    assert listed == names


async def test_a_recipient_uses_the_link_itself_or_its_code(workspace: WorkspaceClient) -> None:
    """It opens a page for people, which the SDK does not need."""
    created = await ask(lambda: workspace.recipients.create("globex", AuthenticationType.TOKEN))
    link = str(created.activation_url)
    await ask(lambda: workspace.recipient_activation.get_activation_url_info(link))
    profile = await ask(lambda: workspace.recipient_activation.retrieve_token(link))
    assert (profile.share_credentials_version, str(profile.bearer_token)[:4]) == (1, "msh_")
    rotated = await ask(lambda: workspace.recipients.rotate_token("globex", 0))
    code = str(rotated.activation_url).rpartition("/")[2]
    assert (await ask(lambda: workspace.recipient_activation.retrieve_token(code))).bearer_token


async def test_the_activation_link_is_shown_to_who_manages_the_recipient_until_it_is_used(
    workspace: WorkspaceClient, admin: AdminClient, endpoint: str
) -> None:
    created = await ask(lambda: workspace.recipients.create("globex", AuthenticationType.TOKEN))
    assert created.activation_url is not None
    code = created.activation_url.rpartition("/")[2]
    for _ in range(2):
        found = await ask(lambda: workspace.recipients.get("globex"))
        assert (found.activated, found.activation_url) == (False, created.activation_url)
        assert (found.tokens or [])[-1].activation_url == created.activation_url
    rotated = await ask(lambda: workspace.recipients.rotate_token("globex", 0))
    assert (await ask(lambda: workspace.recipients.get("globex"))).activation_url == rotated.activation_url
    async with admin.provider.database.read() as rows:
        kept = await rows.recipients.find("globex")
    assert kept is not None and all(token.sealed_code for token in kept.tokens)
    assert code not in repr(kept) and not any(code in token.sealed_code for token in kept.tokens)
    assert rotated.activation_url is not None
    await admin.activate(rotated.activation_url.rpartition("/")[2], endpoint)
    assert (await ask(lambda: workspace.recipients.get("globex"))).activation_url is None
    async with admin.provider.database.read() as rows:
        kept = await rows.recipients.find("globex")
    assert kept is not None and kept.tokens[-1].sealed_code == ""
