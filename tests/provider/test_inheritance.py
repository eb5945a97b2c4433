"""Inherited and shared privileges: inheritance, ownership, groups."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from model_sharing_protocol.errors import (
    AlreadyExists,
    InvalidParameter,
    InvalidState,
    NotFound,
    PermissionDenied,
)
from model_sharing_protocol.names import FullName, SchemaName, SharedName
from model_sharing_provider.domain.principals import ALL_USERS, PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.decisions import SecurablePrivileges, held_privileges
from model_sharing_provider.governance.permissions import PrivilegeChange, parse_privileges
from model_sharing_provider.governance.privileges import GRANTABLE, Privilege
from model_sharing_provider.services.registry.tags import TagChange
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.model_folder import write_model
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
    recipient_context,
)

pytestmark = pytest.mark.each_database

TEAM, SCORER = SchemaName("prod", "ml_team"), FullName("prod", "ml_team", "scorer")
USE = (on_catalog(Privilege.USE_CATALOG, "prod"), on_schema(Privilege.USE_SCHEMA, str(TEAM)))


@pytest.fixture
async def ana(admin: AdminClient, tmp_path: Path) -> User:
    """A new user, where there is the model `prod.ml_team.scorer`."""
    await admin.register(write_model(tmp_path / "m"), str(SCORER))
    return await create_user(admin, "ana")


async def read(person: User, name: FullName = SCORER) -> str:
    """The name of a model, for those who may read it."""
    return str((await person.admin.provider.models.get(await person.context(), name)).full_name)


async def test_grants_reach_present_and_future_children(
    ana: User, admin: AdminClient, tmp_path: Path
) -> None:
    await grant_privileges(
        admin,
        "ana",
        on_catalog(Privilege.USE_CATALOG, "prod"),
        on_catalog(Privilege.USE_SCHEMA, "prod"),
        on_schema(Privilege.EXECUTE, str(TEAM)),
    )
    assert await read(ana) == str(SCORER)
    await admin.register(tmp_path / "m", "prod.ml_team.later")
    assert await read(ana, FullName.parse("prod.ml_team.later")) == "prod.ml_team.later"
    await admin.register(tmp_path / "m", "prod.vision.cat")
    with pytest.raises(PermissionDenied, match=r"lacks EXECUTE on model 'prod\.vision\.cat'"):
        await read(ana, FullName.parse("prod.vision.cat"))
    await on_catalog(Privilege.EXECUTE, "prod").grant(admin, "ana")
    assert await read(ana, FullName.parse("prod.vision.cat")) == "prod.vision.cat"


async def test_parents_must_be_usable_whatever_is_held_below(ana: User, admin: AdminClient) -> None:
    await grant_privileges(
        admin, "ana", on_model(Privilege.OWN, str(SCORER)), on_schema(Privilege.OWN, str(TEAM))
    )
    with pytest.raises(PermissionDenied, match="lacks USE_CATALOG on catalog 'prod'"):
        await read(ana)
    await grant_privileges(admin, "ana", on_schema(Privilege.ALL_PRIVILEGES, str(TEAM)))
    with pytest.raises(PermissionDenied, match="lacks USE_CATALOG on catalog 'prod'"):
        await read(ana)
    await grant_privileges(admin, "ana", USE[0])
    assert await read(ana) == str(SCORER)


async def test_a_rename_keeps_what_was_granted(ana: User, admin: AdminClient) -> None:
    await grant_privileges(admin, "ana", *privileges_to_load(str(SCORER)))
    provider = admin.provider
    await provider.models.update(admin.context, SCORER, SecurableUpdate(new_name="ranker"))
    await provider.catalogs.update_schema(admin.context, TEAM, SecurableUpdate(new_name="team"))
    await provider.catalogs.update(admin.context, "prod", SecurableUpdate(new_name="live"))
    assert await read(ana, FullName("live", "team", "ranker")) == "live.team.ranker"


async def test_what_takes_a_deleted_things_name_inherits_no_grants(
    ana: User, admin: AdminClient, tmp_path: Path
) -> None:
    await grant_privileges(admin, "ana", *privileges_to_load(str(SCORER)))
    await admin.provider.catalogs.delete(admin.context, "prod", force=True)
    await admin.register(tmp_path / "m", str(SCORER))
    with pytest.raises(PermissionDenied, match="lacks USE_CATALOG"):
        await read(ana)
    async with admin.provider.database.read() as rows:
        places = await rows.effective_privileges.path(SecurableType.MODEL, str(SCORER))
        assert await rows.privilege_grants.list_on(places) == []


async def test_grants_on_the_metastore_reach_nothing_below(ana: User, admin: AdminClient) -> None:
    everything = [
        SecurablePrivilege(privilege, SecurableType.METASTORE)
        for privilege in GRANTABLE[SecurableType.METASTORE]
    ]
    await grant_privileges(admin, "ana", *everything)
    with pytest.raises(PermissionDenied, match="lacks USE_CATALOG"):
        await admin.provider.catalogs.get(await ana.context(), "prod")
    grants = admin.provider.permissions
    assert await grants.effective(admin.context, SecurableType.MODEL, str(SCORER), "ana") == []
    on_metastore = await grants.effective(admin.context, SecurableType.METASTORE, "", "ana")
    assert {grant.privilege for grant in on_metastore} == GRANTABLE[SecurableType.METASTORE]
    # Not even what could be granted on both.
    held = held_privileges(
        [
            SecurablePrivileges(SecurableType.METASTORE, "", False, frozenset({Privilege.USE_CATALOG})),
            SecurablePrivileges(SecurableType.CATALOG, "prod", False, frozenset()),
        ]
    )
    assert held[SecurableType.CATALOG] == frozenset()


async def test_privileges_are_granted_where_they_mean_something(admin: AdminClient) -> None:
    assert parse_privileges(SecurableType.CATALOG, ["use catalog", "EXECUTE", "All_Privileges"]) == {
        Privilege.USE_CATALOG,
        Privilege.EXECUTE,
        Privilege.ALL_PRIVILEGES,
    }
    for kind, word in (
        (SecurableType.METASTORE, "EXECUTE"),
        (SecurableType.SCHEMA, "USE_CATALOG"),
        (SecurableType.MODEL, "CREATE_MODEL"),
        (SecurableType.MODEL, "OWNERSHIP"),
        (SecurableType.METASTORE, "METASTORE ADMINISTRATION"),
        (SecurableType.RECIPIENT, "MANAGE"),
    ):
        with pytest.raises(InvalidParameter, match="cannot be granted on a"):
            parse_privileges(kind, [word])


async def test_all_privileges_are_all_but_manage(ana: User, admin: AdminClient, tmp_path: Path) -> None:
    await on_catalog(Privilege.ALL_PRIVILEGES, "prod").grant(admin, "ana")
    provider, context = admin.provider, await ana.context()
    await read(ana)
    await provider.models.tag(context, SCORER, TagChange({"task": "claims"}))
    await provider.catalogs.create_schema(context, SchemaName("prod", "hers"))
    await provider.models.create(context, FullName("prod", "ml_team", "new"))
    change = PrivilegeChange("ana", add=frozenset({Privilege.MANAGE}))
    for kind, name in (
        (SecurableType.CATALOG, "prod"),
        (SecurableType.SCHEMA, str(TEAM)),
        (SecurableType.MODEL, str(SCORER)),
    ):
        with pytest.raises(PermissionDenied, match="lacks OWNERSHIP or MANAGE"):
            await provider.permissions.update(context, kind, name, [change])
        with pytest.raises(PermissionDenied, match="lacks OWNERSHIP or MANAGE"):
            await change_owner(admin, context, kind, name, "ana")
    with pytest.raises(PermissionDenied, match="lacks OWNERSHIP"):
        await provider.registration.register(context, tmp_path / "m", SCORER)


async def test_an_owner_of_a_catalog_manages_what_is_in_it_and_uses_what_it_grants_itself(
    ana: User, admin: AdminClient
) -> None:
    await on_catalog(Privilege.OWN, "prod").grant(admin, "ana")
    provider, context = admin.provider, await ana.context()
    assert (await provider.catalogs.get(context, "prod")).owner == "ana"
    await provider.catalogs.create_schema(context, SchemaName("prod", "hers"))
    with pytest.raises(PermissionDenied, match="lacks USE_SCHEMA"):
        await read(ana)
    with pytest.raises(PermissionDenied, match="lacks USE_SCHEMA"):
        await provider.models.create(context, FullName("prod", "ml_team", "new"))
    with pytest.raises(PermissionDenied, match="lacks OWNERSHIP on schema"):
        await provider.catalogs.delete_schema(context, TEAM)
    for kind, name, privilege in (
        (SecurableType.SCHEMA, str(TEAM), Privilege.USE_SCHEMA),
        (SecurableType.MODEL, str(SCORER), Privilege.EXECUTE),
    ):
        await provider.permissions.update(
            context, kind, name, [PrivilegeChange("ana", add=frozenset({privilege}))]
        )
    assert await read(ana) == str(SCORER)


async def test_an_owner_of_a_schema_does_not_read_its_models(ana: User, admin: AdminClient) -> None:
    await grant_privileges(admin, "ana", USE[0], on_schema(Privilege.OWN, str(TEAM)))
    with pytest.raises(PermissionDenied, match="lacks EXECUTE on model"):
        await read(ana)
    with pytest.raises(PermissionDenied, match="lacks OWNERSHIP on model"):
        await admin.provider.models.delete(await ana.context(), SCORER)
    await change_owner(admin, await ana.context(), SecurableType.MODEL, str(SCORER), "ana")
    assert await read(ana) == str(SCORER)


async def test_who_makes_something_owns_it(ana: User, admin: AdminClient, tmp_path: Path) -> None:
    for privilege in (Privilege.CREATE_CATALOG, Privilege.CREATE_SHARE, Privilege.CREATE_RECIPIENT):
        await SecurablePrivilege(privilege, SecurableType.METASTORE).grant(admin, "ana")
    hers = AdminClient(admin.provider, await ana.context())
    version = await hers.register(tmp_path / "m", "hers.lab.scorer", "Champion")
    await hers.share("mine", "friend", "hers.lab.scorer")
    assert version.created_by == "ana"
    assert (await hers.provider.models.get(hers.context, version.full_name)).owner == "ana"
    friend = await recipient_context(admin, "friend")
    shown = await admin.provider.recipient_view.get_model(friend, "mine", SharedName("lab", "scorer"))
    assert shown.model.owner == "ana"


async def test_a_group_holds_for_its_members_and_for_nobody_else(ana: User, admin: AdminClient) -> None:
    ben = await create_user(admin, "ben")
    await create_group(admin, "scientists", "ana")
    await grant_privileges(admin, "scientists", *privileges_to_load(str(SCORER)))
    assert await read(ana) == str(SCORER)
    with pytest.raises(PermissionDenied):
        await read(ben)
    principals = admin.provider.principals
    await principals.add_member(admin.context, "scientists", "ben")
    assert await read(ben) == str(SCORER)
    await principals.remove_member(admin.context, "scientists", "ana")
    with pytest.raises(PermissionDenied):
        await read(ana)


async def test_those_in_a_group_that_owns_a_model_work_on_it_together(
    ana: User, admin: AdminClient, tmp_path: Path
) -> None:
    ben = await create_user(admin, "ben", PrincipalType.SERVICE_PRINCIPAL)
    await create_group(admin, "scientists", "ana", "ben")
    await grant_privileges(admin, "scientists", *USE, on_model(Privilege.OWN, str(SCORER)))
    register = admin.provider.registration.register
    assert (await register(await ana.context(), tmp_path / "m", SCORER)).version == 2
    assert (await register(await ben.context(), tmp_path / "m", SCORER)).version == 3
    await admin.provider.models.set_alias(await ana.context(), SCORER, "Champion", 3)
    await admin.provider.models.delete(await ben.context(), SCORER)


async def test_account_users_are_all_users_and_programs_but_no_recipients(
    ana: User, admin: AdminClient
) -> None:
    await grant_privileges(admin, ALL_USERS, *privileges_to_load(str(SCORER)))
    nightly = await create_user(admin, "nightly", PrincipalType.SERVICE_PRINCIPAL)
    for person in (ana, nightly):
        assert await read(person) == str(SCORER)
    await admin.share("acme", "globex")
    globex = await recipient_context(admin, "globex")
    with pytest.raises(PermissionDenied, match="not a principal of this metastore"):
        await admin.provider.models.get(globex, SCORER)


async def test_a_recipient_with_a_users_name_has_none_of_its_rights(ana: User, admin: AdminClient) -> None:
    await grant_privileges(admin, "ana", *USE, on_model(Privilege.OWN, str(SCORER)))
    await admin.share("acme", "ana")
    with pytest.raises(PermissionDenied, match="not a principal of this metastore"):
        await admin.provider.models.get(await recipient_context(admin, "ana"), SCORER)


async def test_groups_hold_people_and_programs_only(ana: User, admin: AdminClient) -> None:
    principals = admin.provider.principals
    await create_group(admin, "scientists", "ana")
    await create_group(admin, "managers")
    for group, member in (
        ("scientists", "managers"),
        (ALL_USERS, "ana"),
        ("ana", "ana"),
        ("managers", ALL_USERS),
    ):
        with pytest.raises(InvalidState):
            await principals.add_member(admin.context, group, member)
    with pytest.raises(AlreadyExists, match="already"):
        await principals.add_member(admin.context, "scientists", "ana")
    with pytest.raises(NotFound):
        await principals.add_member(admin.context, "scientists", "nobody")
    with pytest.raises(NotFound, match="not in the group"):
        await principals.remove_member(admin.context, "managers", "ana")


async def test_a_revocation_takes_effect_at_once(ana: User, admin: AdminClient) -> None:
    await grant_privileges(admin, "ana", *privileges_to_load(str(SCORER)))
    context = await ana.context()
    await admin.provider.models.get(context, SCORER)
    await on_model(Privilege.EXECUTE, str(SCORER)).revoke(admin, "ana")
    with pytest.raises(PermissionDenied, match="lacks EXECUTE"):
        await admin.provider.models.get(context, SCORER)


async def test_a_change_of_grants_is_all_or_nothing(ana: User, admin: AdminClient) -> None:
    grants, on_model = admin.provider.permissions, (SecurableType.MODEL, str(SCORER))
    changes = [
        PrivilegeChange("ana", add=frozenset({Privilege.EXECUTE})),
        PrivilegeChange("nobody", add=frozenset({Privilege.EXECUTE})),
    ]
    with pytest.raises(NotFound, match="'nobody' does not exist"):
        await grants.update(admin.context, *on_model, changes)
    assert await grants.get(admin.context, *on_model) == []
    for _ in range(2):
        await grants.update(admin.context, *on_model, changes[:1])
    assert len(await grants.get(admin.context, *on_model)) == 1


async def test_effective_grants_say_where_they_come_from(ana: User, admin: AdminClient) -> None:
    await grant_privileges(
        admin,
        "ana",
        on_catalog(Privilege.EXECUTE, "prod"),
        on_catalog(Privilege.CREATE_SCHEMA, "prod"),
        on_schema(Privilege.APPLY_TAG, str(TEAM)),
        on_model(Privilege.MANAGE, str(SCORER)),
    )
    effective = await admin.provider.permissions.effective(admin.context, SecurableType.MODEL, str(SCORER))
    assert {(grant.privilege, grant.name) for grant in effective} == {
        (Privilege.EXECUTE, "prod"),
        (Privilege.APPLY_TAG, "prod.ml_team"),
        (Privilege.MANAGE, "prod.ml_team.scorer"),
    }
    own = await admin.provider.permissions.get(await ana.context(), SecurableType.SCHEMA, str(TEAM), "ana")
    assert [grant.privilege for grant in own] == [Privilege.APPLY_TAG]


async def test_nobody_learns_what_is_in_a_catalog_that_they_may_not_use(
    ana: User, admin: AdminClient
) -> None:
    """Existing and missing names get the same answer."""
    there = await answers(ana, SCORER)
    assert await answers(ana, FullName.parse("prod.ml_team.none")) == there
    assert await answers(ana, FullName.parse("prod.none.none")) == there


async def answers(person: User, name: FullName) -> list[str]:
    """Answers to each attempt on a model and its schema, with their names left out."""
    provider, context, in_schema = person.admin.provider, await person.context(), name.schema_name
    change = [PrivilegeChange("ana", add=frozenset({Privilege.EXECUTE}))]
    on_model, on_schema = (SecurableType.MODEL, str(name)), (SecurableType.SCHEMA, str(in_schema))
    attempts: list[Coroutine[Any, Any, object]] = [
        provider.models.get(context, name),
        provider.models.update(context, name, SecurableUpdate(owner="ana")),
        provider.models.create(context, name),
        provider.catalogs.get_schema(context, in_schema),
        provider.catalogs.update_schema(context, in_schema, SecurableUpdate(owner="ana")),
        provider.catalogs.create_schema(context, in_schema),
        provider.permissions.get(context, *on_model),
        provider.permissions.get(context, *on_schema),
        provider.permissions.effective(context, *on_schema),
        provider.permissions.update(context, *on_model, change),
    ]
    said = []
    for attempt in attempts:
        with pytest.raises(PermissionDenied) as denied:
            await attempt
        said.append(str(denied.value).replace(str(name), "MODEL").replace(str(in_schema), "SCHEMA"))
    for ask in (provider.permissions.get, provider.permissions.effective):
        assert await ask(context, *on_model, "ana") == await ask(context, *on_schema, "ana") == []
    return said


async def test_those_who_may_look_are_told_what_is_missing(ana: User, admin: AdminClient) -> None:
    await grant_privileges(admin, "ana", *USE)
    none = "prod.ml_team.none"
    with pytest.raises(NotFound, match="does not exist"):
        await admin.provider.models.get(await ana.context(), FullName.parse(none))
    with pytest.raises(NotFound, match="does not exist"):
        await admin.provider.permissions.get(await ana.context(), SecurableType.MODEL, none)
    with pytest.raises(NotFound, match="does not exist"):
        await admin.provider.permissions.get(admin.context, SecurableType.MODEL, none)
    with pytest.raises(NotFound, match="The catalog 'none'"):
        await admin.provider.catalogs.get(await ana.context(), "none")
