"""With exactly the privileges that an operation needs it succeeds; without any one of them it is refused.

The operations are read off the services: one that is added without a row in the matrix fails a test.
"""

from __future__ import annotations

import asyncio
import inspect
import shutil
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from model_sharing_protocol.errors import InvalidParameter, PermissionDenied
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.events import Outcome
from model_sharing_provider.domain.locations import parse_location
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.services.registry.tags import TagChange
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import (
    SecurablePrivilege,
    create_user,
    on_model,
    privileges_to_load,
    recipient_context,
)
from support.privilege_matrix.arguments import PROFILE, waiting
from support.privilege_matrix.requirements import ADMINISTRATION, SCORER, STAGED
from support.privilege_matrix.rows import Actor, Row
from support.privilege_matrix.table import ELSEWHERE, TABLE


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A provider's home, which every row starts from a copy of."""
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
        await admin.share("acme", "initech", str(STAGED))
        await provider.recipients.create(admin.context, "globex")
        await provider.recipients.create_federated(admin.context, "hooli")
        await provider.providers.create(admin.context, "umbrella", PROFILE)
        for name, kind in (("other", PrincipalType.USER), ("team", PrincipalType.GROUP)):
            await provider.principals.create(admin.context, name, kind)
        await provider.principals.add_member(admin.context, "team", "other")


@pytest.fixture
def provider_home(tmp_path: Path, world: Path) -> Path:
    return shutil.copytree(world, tmp_path / "provider-home")


@pytest.fixture
async def provider(provider_home: Path, tmp_path: Path) -> AsyncIterator[ProviderServices]:
    """One that may also register models in place."""
    allowed = (parse_location(tmp_path.as_uri()),)
    near = ("127.0.0.0/8",)
    set_up = Settings(provider_home, external_locations=allowed, allowed_provider_networks=near)
    async with open_provider(set_up) as opened:
        yield opened


@pytest.fixture
def administrator(admin: AdminClient, tmp_path: Path) -> Actor:
    return Actor(admin.provider, admin.context, write_model(tmp_path / "m"))


@pytest.mark.parametrize("row", TABLE, ids=str)
async def test_exactly_these_privileges(
    row: Row, admin: AdminClient, administrator: Actor, provider_home: Path
) -> None:
    ana = replace(administrator, context=await (await create_user(admin, "ana")).context())
    privileges = () if row.needs == ADMINISTRATION else row.needs
    allowed = ana if privileges == row.needs else administrator
    for privilege in privileges:
        await privilege.grant(admin, "ana")
    prepared = await row.prepare(allowed) if row.prepare else {}
    for privilege in privileges:
        await privilege.revoke(admin, "ana")
        await _is_denied(admin, provider_home, row, ana, prepared, missing=privilege.privilege)
        await privilege.grant(admin, "ana")
    if allowed is administrator:
        await _is_denied(admin, provider_home, row, ana, prepared, missing="METASTORE ADMINISTRATION")
    await row.call(allowed, prepared)


async def test_recipients_may_do_none_of_it(
    admin: AdminClient, administrator: Actor, provider_home: Path
) -> None:
    initech = replace(administrator, context=await recipient_context(admin, "initech"))
    for row in TABLE:
        if not row.prepare:
            await _is_denied(
                admin, provider_home, row, initech, {}, missing="not a principal of this metastore"
            )


async def test_what_is_being_uploaded_is_the_owners_alone(admin: AdminClient, administrator: Actor) -> None:
    await waiting(administrator)
    ana = await create_user(admin, "ana")
    for privilege in privileges_to_load(str(SCORER)):
        await privilege.grant(admin, "ana")
    with pytest.raises(PermissionDenied, match="ana lacks OWNERSHIP"):
        await admin.provider.principal_files.folder(await ana.context(), SCORER, 2, "")
    await on_model(Privilege.OWN, str(SCORER)).grant(admin, "ana")
    (mlmodel,) = await admin.provider.principal_files.folder(await ana.context(), SCORER, 2, "")
    assert mlmodel.path == "MLmodel"


async def test_what_a_provider_shares_is_for_the_owner_of_its_profile(
    admin: AdminClient, endpoint: str
) -> None:
    ana = await create_user(admin, "ana")
    code = await admin.provider.recipients.rotate_token(
        admin.context, "initech", existing_expires_in=timedelta(0)
    )
    profile = (await admin.activate(code, endpoint)).to_json().decode()
    providers, own = (
        admin.provider.providers,
        SecurablePrivilege(Privilege.OWN, SecurableType.PROVIDER, "ourselves"),
    )
    await providers.create(admin.context, "ourselves", profile)
    with pytest.raises(PermissionDenied, match="ana lacks OWNERSHIP on provider 'ourselves'"):
        await providers.shares(await ana.context(), "ourselves")
    describe = admin.provider.shared_catalogs.describe
    with pytest.raises(PermissionDenied, match="ana lacks OWNERSHIP on provider 'ourselves'"):
        await describe(await ana.context(), "ourselves", "acme")
    await own.grant(admin, "ana")
    assert list(await providers.shares(await ana.context(), "ourselves")) == ["acme"]
    with pytest.raises(InvalidParameter, match="is this metastore itself"):
        await describe(await ana.context(), "ourselves", "acme")


async def _is_denied(
    admin: AdminClient, home: Path, row: Row, who: Actor, prepared: Mapping[str, Any], *, missing: str
) -> None:
    """The error and the audit log name what is missing, and nothing else has changed."""
    name = who.context.caller.principal.name
    before = _everything(home)
    with pytest.raises(PermissionDenied, match=rf"^{name} lacks .*\b{missing}"):
        await row.call(who, prepared)
    (event,) = await admin.provider.audit.latest(admin.context, 1)
    assert (event.outcome, event.caller.principal.name) == (Outcome.DENIED, name)
    assert missing in event.reason
    assert _everything(home) == before


def _everything(home: Path) -> dict[str, list[str]]:
    """All rows but the audit log's, and all files of models."""
    with closing(sqlite3.connect(home / "metastore.db")) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        found = {
            table: sorted(map(repr, database.execute(f"SELECT * FROM {table}")))
            for (table,) in tables
            if table != "audit_log" and not table.startswith("sqlite_")
        }
    files = (home / "artifacts").rglob("*")
    return found | {"files": sorted(str(path) for path in files if path.is_file())}


async def test_no_operation_is_forgotten(provider: ProviderServices) -> None:
    """Whatever takes a context is done for somebody, and so needs to be allowed."""
    operations = {
        f"{service}.{name}"
        for service, _ in inspect.getmembers(ProviderServices, lambda member: isinstance(member, property))
        for name, method in inspect.getmembers(type(getattr(provider, service)), inspect.iscoroutinefunction)
        if not name.startswith("_") and "context" in inspect.signature(method).parameters
    }
    assert {row.operation for row in TABLE} | ELSEWHERE.keys() == operations
