"""Databricks' SDK sets up principals from nothing: users, service principals, groups and tokens."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    InvalidParameterValue,
    InvalidState,
    PermissionDenied,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
    Unauthenticated,
)
from databricks.sdk.service.catalog import PermissionsChange, Privilege
from databricks.sdk.service.iam import ComplexValue, Patch, PatchOp

from support.databricks_sdk import ask, workspace_client


@pytest.fixture
async def workspace(server: TestServer, provider_home: Path) -> WorkspaceClient:
    return await workspace_client(server, (provider_home / "admin.token").read_text())


def named(workspace: WorkspaceClient, filter_: str) -> list[str]:
    return [each.user_name or "" for each in workspace.users.list(filter=filter_)]


async def test_a_script_sets_up_a_metastore(workspace: WorkspaceClient, server: TestServer) -> None:
    def set_up() -> str:
        ann = workspace.users.create(user_name="ann@example.com", display_name="Ann")
        ci = workspace.service_principals.create(display_name="ci")
        team = workspace.groups.create(display_name="scientists", members=[ComplexValue(value=ann.id)])
        assert (ann.user_name, ann.active, ci.application_id) == ("ann@example.com", True, "ci")
        workspace.catalogs.create("shop")
        for principal in (team.display_name, ci.application_id):
            change = PermissionsChange(principal=principal, add=[Privilege.USE_CATALOG])
            workspace.grants.update("CATALOG", "shop", changes=[change])
        created = workspace.token_management.create_obo_token(
            ci.application_id or "", lifetime_seconds=3600, comment="for the pipeline"
        )
        assert created.token_info is not None and created.token_info.comment == "for the pipeline"
        assert created.token_value is not None
        return created.token_value

    token = await ask(set_up)
    pipeline = await workspace_client(server, token)
    assert [each.name for each in await ask(lambda: list(pipeline.catalogs.list()))] == ["shop"]
    me = await ask(pipeline.current_user.me)
    assert (me.user_name, me.active) == ("ci", True)
    with pytest.raises(PermissionDenied):
        await ask(lambda: list(pipeline.users.list()))


async def test_members_come_and_go(workspace: WorkspaceClient) -> None:
    def change_members() -> None:
        people = [workspace.users.create(user_name=f"person{each}@example.com") for each in range(4)]
        ids = [person.id or "" for person in people]
        group = workspace.groups.create(display_name="team")
        assert group.id is not None
        one, two, three, four = ids

        def members() -> set[str]:
            found = workspace.groups.get(group.id or "")
            return {member.value or "" for member in found.members or ()}

        def patch(*operations: Patch) -> None:
            workspace.groups.patch(group.id or "", operations=list(operations))

        patch(Patch(op=PatchOp.ADD, value={"members": [{"value": one}, {"value": two}]}))
        assert members() == {one, two}
        patch(Patch(op=PatchOp.ADD, path="members", value=[{"value": two}, {"value": three}]))
        assert members() == {one, two, three}
        patch(
            Patch(op=PatchOp.REMOVE, path=f'members[value eq "{one}"]'),
            Patch(op=PatchOp.REMOVE, path="members", value=[{"value": two}]),
        )
        assert members() == {three}
        patch(Patch(op=PatchOp.REPLACE, path="members", value=[{"value": four}]))
        assert members() == {four}
        assert [each.value for each in workspace.users.get(four).groups or ()] == [group.id]
        workspace.groups.update(group.id, display_name="team", members=[ComplexValue(value=one)])
        assert members() == {one}
        with pytest.raises(ResourceDoesNotExist):  # all or none
            patch(Patch(op=PatchOp.ADD, path="members", value=[{"value": two}, {"value": "nobody"}]))
        assert members() == {one}
        for wrong in ("x", [1], [{"display": "x"}], None):
            with pytest.raises(InvalidParameterValue):
                patch(Patch(op=PatchOp.ADD, path="members", value=wrong))
        patch(Patch(op=PatchOp.REMOVE, path="members"))
        assert members() == set()
        other = workspace.groups.create(display_name="other")
        with pytest.raises(InvalidState):
            patch(Patch(op=PatchOp.ADD, path="members", value=[{"value": other.id}]))
        workspace.groups.delete(group.id)
        with pytest.raises(ResourceDoesNotExist):
            workspace.groups.get(group.id)

    await ask(change_members)


async def test_two_who_add_members_at_once_lose_none(workspace: WorkspaceClient) -> None:
    group = await ask(lambda: workspace.groups.create(display_name="team"))
    people = [await ask(workspace.users.create, user_name=f"person{each}@example.com") for each in range(3)]

    # Few, since they wait in threads that the server in this process needs, too.
    async def add(person: str) -> None:
        joins = Patch(op=PatchOp.ADD, path="members", value=[{"value": person}])
        await ask(workspace.groups.patch, group.id or "", operations=[joins])

    await asyncio.gather(*(add(person.id or "") for person in people))
    found = await ask(workspace.groups.get, group.id or "")
    assert {member.value for member in found.members or ()} == {person.id for person in people}


async def test_users_are_found_by_name_and_page_by_page(workspace: WorkspaceClient) -> None:
    def find() -> None:
        for each in range(7):
            workspace.users.create(user_name=f"Person{each}@example.com")
        workspace.users.create(user_name="100%_sure@example.com")
        assert named(workspace, 'userName eq "person3@EXAMPLE.com"') == ["Person3@example.com"]
        assert named(workspace, "userName eq Person3@example.com") == ["Person3@example.com"]
        assert named(workspace, 'displayName co "%_"') == ["100%_sure@example.com"]
        assert len(named(workspace, 'userName sw "person"')) == 7
        assert "admin" in named(workspace, 'userName ne "Person3@example.com"')
        assert named(workspace, 'userName eq "nobody"') == []
        assert len(list(workspace.users.list(count=3))) == 9
        listed = workspace.api_client.do("GET", "/api/2.0/preview/scim/v2/Users", query={"count": 0})
        assert isinstance(listed, dict)
        assert (listed["totalResults"], listed["Resources"]) == (9, [])
        for wrong in ('emails eq "x"', "userName", 'userName gt "a"', 'userName eq "a" or userName eq "b"'):
            with pytest.raises(InvalidParameterValue):
                named(workspace, wrong)
        with pytest.raises(ResourceAlreadyExists):
            workspace.users.create(user_name="Person3@example.com")
        # Each kind is found among its own alone.
        with pytest.raises(ResourceDoesNotExist):
            workspace.groups.get(next(iter(workspace.users.list())).id or "")

    await ask(find)


async def test_one_that_is_deactivated_is_out_until_it_is_activated(
    workspace: WorkspaceClient, server: TestServer
) -> None:
    ann = await ask(lambda: workspace.users.create(user_name="ann@example.com"))
    made = await ask(lambda: workspace.token_management.create_obo_token("ann@example.com"))
    hers = await workspace_client(server, made.token_value or "")
    assert (await ask(hers.current_user.me)).user_name == "ann@example.com"
    for off, on in (
        (
            Patch(op=PatchOp.REPLACE, path="active", value="False"),
            Patch(op=PatchOp.REPLACE, value={"active": True}),
        ),
        (
            Patch(op=PatchOp.REPLACE, path="active", value=[{"value": "false"}]),
            Patch(op=PatchOp.REPLACE, path="active", value="true"),
        ),
    ):
        await ask(workspace.users.patch, ann.id or "", operations=[off])
        assert (await ask(workspace.users.get, ann.id or "")).active is False
        with pytest.raises(Unauthenticated):
            await ask(hers.current_user.me)
        await ask(workspace.users.patch, ann.id or "", operations=[on])
        assert (await ask(hers.current_user.me)).user_name == "ann@example.com"
    # The SDK leaves out a value that is false, which then is not taken for one.
    with pytest.raises(InvalidParameterValue, match="neither true nor false"):
        unsaid = Patch(op=PatchOp.REPLACE, path="active", value=False)
        await ask(lambda: workspace.users.patch(ann.id or "", operations=[unsaid]))
    me = await ask(workspace.current_user.me)
    with pytest.raises(InvalidState):
        await ask(lambda: workspace.users.update(me.id or "", active=False))
    await ask(lambda: workspace.users.delete(ann.id or ""))
    with pytest.raises(Unauthenticated):
        await ask(hers.current_user.me)


async def test_tokens_are_created_listed_and_revoked(workspace: WorkspaceClient, server: TestServer) -> None:
    await ask(lambda: workspace.users.create(user_name="ann@example.com"))
    first = await ask(
        lambda: workspace.token_management.create_obo_token("ann@example.com", lifetime_seconds=600)
    )
    hers = await workspace_client(server, first.token_value or "")
    second = await ask(lambda: hers.tokens.create(comment="laptop", lifetime_seconds=7 * 24 * 3600))
    info, firsts = second.token_info, first.token_info
    assert info is not None and firsts is not None
    # One that was found cannot be used for longer by way of another.
    assert info.expiry_time == firsts.expiry_time
    assert {each.comment for each in await ask(lambda: list(hers.tokens.list()))} == {None, "laptop"}
    listed = await ask(lambda: list(workspace.token_management.list(created_by_username="ann@example.com")))
    assert {each.token_id for each in listed} == {info.token_id, firsts.token_id}
    assert len(await ask(lambda: list(workspace.token_management.list()))) == 3
    got = await ask(lambda: workspace.token_management.get(info.token_id or ""))
    assert got.token_info is not None and got.token_info.created_by_username == "ann@example.com"
    await ask(lambda: hers.tokens.delete(info.token_id or ""))
    with pytest.raises(ResourceDoesNotExist):
        await ask(lambda: hers.tokens.delete(info.token_id or ""))
    with pytest.raises(PermissionDenied):
        await ask(lambda: hers.token_management.delete(info.token_id or ""))
    await ask(lambda: workspace.token_management.delete(firsts.token_id or ""))
    with pytest.raises(Unauthenticated):
        await ask(lambda: list(hers.tokens.list()))
    for seconds in (0, -5, 10**9, 10**17):
        with pytest.raises(InvalidParameterValue):
            await ask(workspace.tokens.create, lifetime_seconds=seconds)
