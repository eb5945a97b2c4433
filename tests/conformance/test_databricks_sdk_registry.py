"""An unmodified `databricks-sdk` governs the registry: grants, owners, names, tags, IP access lists.

Each effect is looked at through another door: the services, a recipient's eyes, or somebody else's client.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied
from databricks.sdk.service.catalog import (
    EntityTagAssignment,
    EntityTagAssignmentsAPI,
    PermissionsChange,
    Privilege,
    RegisteredModelAlias,
    SecurableType,
)
from databricks.sdk.service.sharing import (
    AuthenticationType,
    IpAccessList,
    SecurablePropertiesKvPairs,
    SharedDataObject,
    SharedDataObjectDataObjectType,
    SharedDataObjectStatus,
    SharedDataObjectUpdate,
    SharedDataObjectUpdateAction,
)

from model_sharing_protocol.names import FullName, SharedName
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Outcome
from support.admin_client import AdminClient
from support.databricks_sdk import ask, workspace_client
from support.model_folder import write_model
from support.principals import (
    User,
    create_group,
    create_user,
    grant_privileges,
    privileges_to_load,
    recipient_context,
)

P = ParamSpec("P")
T = TypeVar("T")
SCORER = "prod.ml_team.scorer"
KINDS = {SecurableType.CATALOG: "prod", SecurableType.SCHEMA: "prod.ml_team", SecurableType.FUNCTION: SCORER}


@dataclass(frozen=True)
class Office:
    """The administrator's client, ana's client, and an admin client to look at what they did."""

    admin_workspace: WorkspaceClient
    ana: WorkspaceClient
    person: User
    admin: AdminClient

    async def grant(self, kind: SecurableType, name: str, *privileges: Privilege) -> None:
        changes = [PermissionsChange(principal="ana", add=list(privileges))]
        await ask(lambda: self.admin_workspace.grants.update(kind.value, name, changes=changes))


@pytest.fixture
async def office(admin: AdminClient, server: TestServer, provider_home: Path, tmp_path: Path) -> Office:
    await admin.register(write_model(tmp_path / "m"), SCORER, "Champion")
    admin_workspace = await workspace_client(server, (provider_home / "admin.token").read_text())
    ana = await create_user(admin, "ana")
    return Office(admin_workspace, await workspace_client(server, ana.token), ana, admin)


async def test_grants_on_catalogs_schemas_and_models(office: Office) -> None:
    granted = {
        SecurableType.CATALOG: Privilege.USE_CATALOG,
        SecurableType.SCHEMA: Privilege.USE_SCHEMA,
        SecurableType.FUNCTION: Privilege.EXECUTE,
    }
    for kind, privilege in granted.items():
        with pytest.raises(PermissionDenied, match=privilege.value):
            await ask(lambda: office.ana.registered_models.get(SCORER))
        await office.grant(kind, KINDS[kind], privilege)
        shown = await ask(office.admin_workspace.grants.get, kind.value, KINDS[kind])
        assert [(each.principal, each.privileges) for each in shown.privilege_assignments or []] == [
            ("ana", [privilege])
        ]
    assert (await ask(lambda: office.ana.registered_models.get(SCORER))).full_name == SCORER
    assert await office.admin.provider.models.get(await office.person.context(), FullName.parse(SCORER))
    revoked = [PermissionsChange(principal="ana", remove=[Privilege.EXECUTE])]
    left = await ask(lambda: office.admin_workspace.grants.update("FUNCTION", SCORER, changes=revoked))
    assert left.privilege_assignments in (None, [])
    with pytest.raises(PermissionDenied, match="EXECUTE"):
        await ask(lambda: office.ana.registered_models.get(SCORER))


async def test_effective_grants_name_their_origin(office: Office) -> None:
    await office.grant(SecurableType.CATALOG, "prod", Privilege.USE_CATALOG, Privilege.EXECUTE)
    await office.grant(SecurableType.SCHEMA, "prod.ml_team", Privilege.APPLY_TAG)
    await office.grant(SecurableType.FUNCTION, SCORER, Privilege.MANAGE)
    for who in (office.admin_workspace, office.ana):
        effective = await ask(who.grants.get_effective, "FUNCTION", SCORER, principal="ana")
        (assignment,) = effective.privilege_assignments or []
        assert {
            (each.privilege, each.inherited_from_type, each.inherited_from_name)
            for each in assignment.privileges or []
        } == {
            (Privilege.EXECUTE, SecurableType.CATALOG, "prod"),
            (Privilege.APPLY_TAG, SecurableType.SCHEMA, "prod.ml_team"),
            (Privilege.MANAGE, None, None),
        }


async def test_what_cannot_be_granted_is_refused_with_what_can(office: Office) -> None:
    for kind, name, privilege in (
        ("FUNCTION", SCORER, Privilege.CREATE_TABLE),
        ("SCHEMA", "prod.ml_team", Privilege.USE_CATALOG),
    ):
        changes = [PermissionsChange(principal="ana", add=[privilege])]
        with pytest.raises(BadRequest, match=r"cannot be granted on a .*; these can: .*EXECUTE"):
            await ask(office.admin_workspace.grants.update, kind, name, changes=changes)
    nobody = [PermissionsChange(principal="nobody", add=[Privilege.EXECUTE])]
    with pytest.raises(NotFound, match="'nobody' does not exist"):
        await ask(lambda: office.admin_workspace.grants.update("FUNCTION", SCORER, changes=nobody))


async def test_managers_grant_and_others_are_denied_by_name(office: Office) -> None:
    herself = [PermissionsChange(principal="ana", add=[Privilege.EXECUTE])]
    with pytest.raises(PermissionDenied, match="ana lacks OWNERSHIP or MANAGE on model"):
        await ask(lambda: office.ana.grants.update("FUNCTION", SCORER, changes=herself))
    (event,) = await office.admin.provider.audit.latest(office.admin.context, 1)
    assert (event.action, event.outcome, event.caller.principal.name) == (
        AuditAction.UPDATE_PERMISSIONS,
        Outcome.DENIED,
        "ana",
    )
    await office.grant(SecurableType.SCHEMA, "prod.ml_team", Privilege.MANAGE)
    await ask(lambda: office.ana.grants.update("FUNCTION", SCORER, changes=herself))
    shown = await ask(lambda: office.admin_workspace.grants.get("FUNCTION", SCORER))
    assert [each.principal for each in shown.privilege_assignments or []] == ["ana"]


async def test_a_user_sees_what_it_may_and_nothing_else(office: Office) -> None:
    ana, admin_workspace = office.ana, office.admin_workspace
    await office.admin.provider.catalogs.create(office.admin.context, "secret")
    assert (await ask(ana.current_user.me)).user_name == "ana"
    assert await ask(lambda: list(ana.catalogs.list())) == []
    assert await ask(lambda: list(ana.registered_models.list())) == []
    with pytest.raises(PermissionDenied, match="ana lacks USE_CATALOG on catalog 'prod'"):
        await ask(lambda: list(ana.schemas.list("prod")))
    await grant_privileges(office.admin, "ana", *privileges_to_load(SCORER))
    assert [each.name for each in await ask(lambda: list(ana.catalogs.list()))] == ["prod"]
    assert [each.full_name for each in await ask(lambda: list(ana.schemas.list("prod")))] == ["prod.ml_team"]
    assert [each.full_name for each in await ask(lambda: list(ana.registered_models.list()))] == [SCORER]
    assert (await ask(lambda: ana.model_versions.get_by_alias(SCORER, "champion"))).version == 1
    assert len(await ask(lambda: list(admin_workspace.catalogs.list()))) == 2
    for attempt, missing in (
        (lambda: ana.catalogs.create("mine"), "CREATE_CATALOG on the metastore"),
        (lambda: ana.schemas.create("mine", "prod"), "CREATE_SCHEMA on catalog 'prod'"),
        (lambda: ana.registered_models.set_alias(SCORER, "Mine", 1), "OWNERSHIP on model"),
        (lambda: ana.model_versions.delete(SCORER, 1), "OWNERSHIP on model"),
        (lambda: ana.registered_models.delete(SCORER), "OWNERSHIP on model"),
        (lambda: ana.shares.create("mine"), "CREATE_SHARE on the metastore"),
        (lambda: ana.recipients.create("mine", AuthenticationType.TOKEN), "CREATE_RECIPIENT"),
    ):
        with pytest.raises(PermissionDenied, match=f"ana lacks {missing}"):
            await ask(attempt)


async def test_a_group_gives_its_members_what_it_holds(office: Office) -> None:
    await create_group(office.admin, "scientists", "ana")
    for kind, name in KINDS.items():
        changes = [PermissionsChange(principal="scientists", add=[Privilege.ALL_PRIVILEGES])]
        await ask(office.admin_workspace.grants.update, kind.value, name, changes=changes)
    assert (await ask(lambda: office.ana.registered_models.get(SCORER))).full_name == SCORER
    await office.admin.provider.principals.remove_member(office.admin.context, "scientists", "ana")
    with pytest.raises(PermissionDenied):
        await ask(lambda: office.ana.registered_models.get(SCORER))


async def test_names_owners_and_descriptions_change(office: Office) -> None:
    admin_workspace, ana, admin = office.admin_workspace, office.ana, office.admin
    catalog = await ask(lambda: admin_workspace.catalogs.update("prod", new_name="Live", comment="serves"))
    assert (catalog.name, catalog.comment) == ("live", "serves")
    schema = await ask(
        lambda: admin_workspace.schemas.update("live.ml_team", new_name="team", properties={"a": "b"})
    )
    assert (schema.full_name, schema.properties) == ("live.team", {"a": "b"})
    model = await ask(lambda: admin_workspace.registered_models.update("live.team.scorer", new_name="ranker"))
    assert model.full_name == "live.team.ranker"
    name = "live.team.ranker"
    assert (await ask(lambda: admin_workspace.catalogs.update("live", owner="ana"))).owner == "ana"
    assert (await ask(lambda: admin_workspace.schemas.update("live.team", owner="ana"))).owner == "ana"
    assert (await ask(lambda: admin_workspace.registered_models.update(name, owner="ana"))).owner == "ana"
    described = await ask(lambda: ana.registered_models.update(name, comment="ranks claims"))
    assert (described.comment, described.owner) == ("ranks claims", "ana")
    assert (await ask(lambda: ana.model_versions.update(name, 1, comment="first"))).comment == "first"
    seen = await admin.provider.models.get(admin.context, FullName.parse(name))
    assert (seen.comment, seen.owner, seen.aliases) == ("ranks claims", "ana", {"Champion": 1})
    with pytest.raises(NotFound):
        await ask(lambda: admin_workspace.registered_models.get(SCORER))
    with pytest.raises(NotFound, match="'nobody' does not exist"):
        await ask(lambda: admin_workspace.schemas.update("live.team", owner="nobody"))
    await ask(lambda: ana.schemas.delete("live.team", force=True))
    await ask(lambda: ana.catalogs.delete("live", force=True))
    assert (await admin.provider.catalogs.page(admin.context, PageRequest())).items == []


async def test_deleting_by_force_takes_the_files_along(office: Office, provider_home: Path) -> None:
    with pytest.raises(BadRequest, match="not empty"):
        await ask(lambda: office.admin_workspace.schemas.delete("prod.ml_team"))
    with pytest.raises(BadRequest, match="not empty"):
        await ask(lambda: office.admin_workspace.catalogs.delete("prod"))
    await ask(lambda: office.admin_workspace.catalogs.delete("prod", force=True))
    assert not [path for path in (provider_home / "artifacts").rglob("*") if path.is_file()]


def _assignments(tags: EntityTagAssignmentsAPI, kind: str, entity: str) -> list[EntityTagAssignment]:
    return list(tags.list(kind, entity))


async def test_tags_as_assignments(office: Office) -> None:
    tags, provider, name = office.ana.entity_tag_assignments, office.admin.provider, FullName.parse(SCORER)
    await grant_privileges(office.admin, "ana", *privileges_to_load(SCORER))
    places = {"functions": SCORER, "modelversions": f"{SCORER}/1"}
    for kind, entity in places.items():
        task = EntityTagAssignment(entity_name=entity, tag_key="task", entity_type=kind, tag_value="claims")
        with pytest.raises(PermissionDenied, match="ana lacks OWNERSHIP or APPLY_TAG"):
            await ask(tags.create, task)
    await office.grant(SecurableType.FUNCTION, SCORER, Privilege.APPLY_TAG)
    for kind, entity in places.items():
        task = EntityTagAssignment(entity_name=entity, tag_key="task", entity_type=kind, tag_value="claims")
        assert (await ask(tags.create, task)).tag_value == "claims"
        fraud = EntityTagAssignment(entity_name=entity, tag_key="task", entity_type=kind, tag_value="fraud")
        await ask(tags.update, kind, entity, "task", fraud, "tag_value")
        assert (await ask(tags.get, kind, entity, "task")).tag_value == "fraud"
        listed = await ask(_assignments, tags, kind, entity)
        assert [(each.tag_key, each.tag_value) for each in listed] == [("task", "fraud")]
    assert (await provider.models.get(office.admin.context, name)).tags == {"task": "fraud"}
    assert (await provider.versions.get(office.admin.context, name, 1)).tags == {"task": "fraud"}
    for kind, entity in places.items():
        await ask(tags.delete, kind, entity, "task")
        with pytest.raises(NotFound, match="tag 'task' does not exist"):
            await ask(tags.get, kind, entity, "task")
    assert (await provider.models.get(office.admin.context, name)).tags == {}


async def test_recipients_with_ip_access_lists(office: Office, endpoint: str) -> None:
    recipients = office.admin_workspace.recipients
    created = await ask(
        lambda: recipients.create(
            "globex",
            AuthenticationType.TOKEN,
            comment="a partner",
            ip_access_list=IpAccessList(["127.0.0.1", "10.0.0.0/8"]),
            properties_kvpairs=SecurablePropertiesKvPairs({"region": "eu"}),
        )
    )
    assert created.ip_access_list is not None
    assert created.ip_access_list.allowed_ip_addresses == ["127.0.0.1/32", "10.0.0.0/8"]
    assert created.activation_url is not None
    token = await _activate(created.activation_url)

    async def status() -> int:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{endpoint}/shares") as answer,
        ):
            return answer.status

    assert await status() == 200
    await ask(lambda: recipients.update("globex", ip_access_list=IpAccessList(["10.0.0.0/8"])))
    assert await status() == 403
    with pytest.raises(BadRequest, match="IP access list"):
        await ask(lambda: recipients.update("globex", ip_access_list=IpAccessList(["everywhere"])))
    await ask(lambda: recipients.update("globex", ip_access_list=IpAccessList([])))
    assert await status() == 200
    await ask(lambda: recipients.update("globex", new_name="globex_eu", comment="renamed", owner="ana"))
    assert await status() == 200
    seen = await ask(lambda: office.ana.recipients.get("globex_eu"))
    assert (seen.comment, seen.owner) == ("renamed", "ana")
    assert seen.properties_kvpairs is not None
    assert seen.properties_kvpairs.properties == {"region": "eu"}
    assert [each.name for each in await ask(lambda: list(office.ana.recipients.list()))] == ["globex_eu"]
    await ask(lambda: office.ana.recipients.delete("globex_eu"))
    assert await status() == 401


async def _activate(link: str) -> str:
    async with aiohttp.ClientSession() as session, session.post(link) as answer:
        return str((await answer.json())["bearerToken"])


async def test_shares_change_their_name_owner_and_the_names_in_them(office: Office) -> None:
    admin_workspace, ana, admin = office.admin_workspace, office.ana, office.admin
    await admin.share("acme", "globex", SCORER)
    globex = await recipient_context(admin, "globex")
    again = SharedDataObject(
        name=SCORER,
        data_object_type=SharedDataObjectDataObjectType.MODEL,
        string_shared_as="risk.claims",
    )
    update = [SharedDataObjectUpdate(SharedDataObjectUpdateAction.UPDATE, again)]
    updated = await ask(
        lambda: admin_workspace.shares.update("acme", new_name="partners", comment="x", updates=update)
    )
    assert (updated.name, updated.comment) == ("partners", "x")
    shown = await admin.provider.recipient_view.list_models(globex, "partners", None, PageRequest())
    assert [item.shared_name for item in shown.items] == [SharedName("risk", "claims")]
    assert (await ask(lambda: admin_workspace.shares.update("partners", owner="ana"))).owner == "ana"
    seen = await ask(lambda: ana.shares.get("partners", include_shared_data=True))
    assert [item.status for item in seen.objects or []] == [SharedDataObjectStatus.PERMISSION_DENIED]
    assert (
        await admin.provider.recipient_view.list_models(globex, "partners", None, PageRequest())
    ).items == []
    await grant_privileges(admin, "ana", *privileges_to_load(SCORER))
    seen = await ask(lambda: ana.shares.get("partners", include_shared_data=True))
    assert [item.status for item in seen.objects or []] == [SharedDataObjectStatus.ACTIVE]
    assert (
        len((await admin.provider.recipient_view.list_models(globex, "partners", None, PageRequest())).items)
        == 1
    )
    assert [each.name for each in await ask(lambda: list(ana.shares.list_shares()))] == ["partners"]
    await ask(lambda: ana.shares.delete("partners"))


async def test_which_metastore_this_is(office: Office) -> None:
    summary = await ask(office.ana.metastores.summary)
    assignment = await ask(office.ana.metastores.current)
    assert summary.metastore_id == assignment.metastore_id
    known = await office.admin.provider.catalogs.metastore(office.admin.context)
    assert (summary.metastore_id, summary.name, summary.owner) == (known.id, known.name, "admin")
    assert summary.created_at == known.created_at


async def test_aliases_given_with_an_update_are_set_beside_the_others(office: Office, tmp_path: Path) -> None:
    await office.admin.register(write_model(tmp_path / "second", {"model.pkl": b"2"}), SCORER)
    models = office.admin_workspace.registered_models

    async def now() -> dict[str | None, int | None]:
        found = await ask(lambda: models.get(SCORER, include_aliases=True))
        return {alias.alias_name: alias.version_num for alias in found.aliases or []}

    given = [RegisteredModelAlias(alias_name="staging", version_num=2)]
    shown = await ask(lambda: models.update(SCORER, comment="new", aliases=given))
    assert {alias.alias_name for alias in shown.aliases or []} == {"Champion", "staging"}
    assert await now() == {"Champion": 1, "staging": 2}
    moved = RegisteredModelAlias(
        alias_name="champion", version_num=2, catalog_name="prod", schema_name="ml_team", model_name="scorer"
    )
    await ask(lambda: models.update(SCORER, aliases=[moved]))
    versions = office.admin_workspace.model_versions
    third = RegisteredModelAlias(alias_name="third", version_num=1)
    await ask(lambda: versions.update(SCORER, 1, aliases=[third]))
    kept = {"champion": 2, "staging": 2, "third": 1}
    assert {str(alias).lower(): version for alias, version in (await now()).items()} == kept
    for wrong in (
        [RegisteredModelAlias(alias_name="a", version_num=9)],
        [RegisteredModelAlias(alias_name="a", version_num=1, model_name="another")],
        [RegisteredModelAlias(alias_name=name, version_num=1) for name in ("a", "A")],
        [
            RegisteredModelAlias(alias_name="a", version_num=1),
            RegisteredModelAlias(alias_name="v1", version_num=1),
        ],
        [RegisteredModelAlias(alias_name=f"a{number}", version_num=1) for number in range(8)],
        [],
    ):
        with pytest.raises((BadRequest, NotFound)):
            await ask(lambda wrong=wrong: models.update(SCORER, comment="half done", aliases=wrong))  # type: ignore[misc]
        assert (await ask(lambda: models.get(SCORER))).comment == "new"
    with pytest.raises(BadRequest, match="another version"):
        await ask(lambda: versions.update(SCORER, 2, aliases=[third]))
    with pytest.raises(BadRequest, match="no version"):
        await ask(
            lambda: models.create(catalog_name="prod", schema_name="ml_team", name="fresh", aliases=[third])
        )
    assert {str(alias).lower(): version for alias, version in (await now()).items()} == kept
