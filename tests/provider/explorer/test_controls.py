"""Controls on pages are refused exactly when the call behind them is denied, and for the same reason.

Users hold the privileges that the lifecycle guide lists for the call, and then all of them but one.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from model_sharing_protocol.errors import PermissionDenied, ReadOnlyCatalog
from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.controls import CONTROLS
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.services.registry.tags import TagChange
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import create_user, grant_privileges
from support.privilege_matrix.requirements import PROD, SCORER, STAGED, TEAM
from support.privilege_matrix.rows import Actor, Row
from support.privilege_matrix.table import TABLE
from support.regions import Regions

_ON = {SecurableType.CATALOG: PROD, SecurableType.SCHEMA: str(TEAM), SecurableType.MODEL: str(SCORER)}
CALLS: Mapping[SecurableType, Mapping[str, tuple[str, ...]]] = {
    SecurableType.CATALOG: {
        "use": ("catalogs.get", "catalogs.page_schemas"),
        "create_schema": ("catalogs.create_schema",),
        "edit": ("catalogs.update: name", "catalogs.update: comment"),
        "give": ("catalogs.update: owner",),
        "delete": ("catalogs.delete",),
        "see_permissions": ("permissions.effective: on a catalog", "permissions.update: on a catalog"),
    },
    SecurableType.SCHEMA: {
        "use": ("catalogs.get_schema", "models.page"),
        "create_model": ("models.create",),
        "edit": ("catalogs.update_schema: name", "catalogs.update_schema: comment"),
        "give": ("catalogs.update_schema: owner",),
        "delete": ("catalogs.delete_schema",),
        "see_permissions": ("permissions.effective: on a schema", "permissions.update: on a schema"),
    },
    SecurableType.MODEL: {
        "read": ("models.get", "versions.page"),
        "edit": ("models.update: comment",),
        "rename": ("models.update: name",),
        "give": ("models.update: owner",),
        "tag": ("models.tag",),
        "set_alias": ("models.set_alias", "models.delete_alias"),
        "register": ("uploads.create", "registration.register: new version"),
        "recall": ("recalls.recall", "recalls.lift"),
        "delete": ("models.delete", "versions.delete"),
        "see_permissions": ("permissions.effective: on a model", "permissions.update: on a model"),
        "see_activity": ("pull_history.who_pulled",),
    },
}
"""Rows of the privilege matrix behind each control."""
_CASES = [
    pytest.param(kind, control, row, id=f"{kind} {control}: {row}")
    for kind, controls in CALLS.items()
    for control, titles in controls.items()
    for title in titles
    for row in TABLE
    if row.title == title
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A provider's home, which every case starts from a copy of."""
    home = tmp_path_factory.mktemp("world") / "home"
    with closing(asyncio.new_event_loop()) as loop:
        loop.run_until_complete(_build(home))
    return home


async def _build(home: Path) -> None:
    folder = write_model(home.parent / "m")
    async with open_provider(Settings(home)) as provider:
        admin = AdminClient.of(provider)
        await admin.register(folder, str(SCORER), "Champion")
        await admin.register(folder, str(STAGED))
        await provider.models.tag(admin.context, SCORER, TagChange({"old": "tag"}))
        await provider.principals.create(admin.context, "other", PrincipalType.USER)


@pytest.fixture
async def provider(tmp_path: Path, world: Path) -> AsyncIterator[ProviderServices]:
    async with open_provider(Settings(shutil.copytree(world, tmp_path / "provider-home"))) as opened:
        yield opened


def test_each_control_has_its_calls() -> None:
    for kind, calls in CALLS.items():
        assert calls.keys() == CONTROLS[kind].keys()
        for title in {title for titles in calls.values() for title in titles}:
            assert any(row.title == title for row in TABLE), title


@pytest.mark.parametrize(("kind", "control", "row"), _CASES)
async def test_a_control_is_refused_exactly_when_its_call_is_denied(
    kind: SecurableType, control: str, row: Row, admin: AdminClient, tmp_path: Path
) -> None:
    administrator = Actor(admin.provider, admin.context, write_model(tmp_path / "m"))
    ana = replace(administrator, context=await (await create_user(admin, "ana")).context())
    await grant_privileges(admin, "ana", *row.needs)
    prepared = await row.prepare(ana) if row.prepare else {}

    async def refusal() -> str:
        found = await admin.provider.permissions.refusals(ana.context, kind, _ON[kind])
        return found[control]

    for privilege in row.needs:
        await privilege.revoke(admin, "ana")
        with pytest.raises(PermissionDenied) as denied:
            await row.call(ana, prepared)
        reason = await refusal()
        assert reason, f"without {privilege}"
        assert denied.value.message.startswith(reason)
        await privilege.grant(admin, "ana")
    assert await refusal() == ""
    await row.call(ana, prepared)


async def test_what_comes_from_a_share_is_read_only_for_everybody(regions: Regions) -> None:
    """Even for the administrator; the catalog itself is this metastore's own."""
    provider, context = regions.here.provider, regions.here.context
    schema, model = SchemaName.parse("vendor.ml_team"), FullName.parse("vendor.ml_team.scorer")
    written = {"edit", "rename", "give", "tag", "set_alias", "register", "recall", "delete"}
    for kind, name, refused in (
        (SecurableType.CATALOG, "vendor", {"create_schema"}),
        (SecurableType.SCHEMA, str(schema), {"create_model", "edit", "give", "delete"}),
        (SecurableType.MODEL, str(model), written),
    ):
        found = await provider.permissions.refusals(context, kind, name)
        assert {control for control, reason in found.items() if reason} == refused
        assert all("comes from share" in found[control] for control in refused)
    owner, comment = SecurableUpdate(owner="admin"), SecurableUpdate(comment="mine")
    for denied in (
        provider.catalogs.create_schema(context, SchemaName("vendor", "new")),
        provider.catalogs.update_schema(context, schema, owner),
        provider.catalogs.update_schema(context, schema, comment),
        provider.models.create(context, FullName("vendor", "ml_team", "new")),
        provider.models.update(context, model, owner),
        provider.models.update(context, model, comment),
        provider.models.set_alias(context, model, "Next", 1),
        provider.models.tag(context, model, TagChange({"a": "b"})),
        provider.models.delete(context, model),
    ):
        with pytest.raises(ReadOnlyCatalog):
            await denied
    await provider.catalogs.update(context, "vendor", comment)
