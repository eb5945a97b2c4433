"""No listing without a viewer: who is to see everything says so; what takes none is narrowed otherwise."""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from sqlalchemy import select

from model_sharing_protocol.pages import PageRequest
from model_sharing_provider import metastore
from model_sharing_provider.domain import sharing
from model_sharing_provider.domain.principals import Principal, PrincipalType
from model_sharing_provider.metastore.authorization.visibility import (
    EVERYTHING,
    Viewer,
    models_by_themselves,
)
from model_sharing_provider.metastore.paging import model_listing
from model_sharing_provider.metastore.paging.model_listing import EVERYWHERE
from model_sharing_provider.metastore.tables import catalogs
from model_sharing_provider.metastore.unit_of_work import UnitOfWork, import_rows
from support.admin_client import AdminClient
from support.model_folder import write_model

NARROWED: Mapping[str, str] = {
    "AuditRows.page": "administrators only",
    "AuditRows.page_of_model": "of one model, which was authorized",
    "PrincipalRows.page": "administrators only",
    "ShareRows.page_granted": "what was granted to one recipient",
    "SharedAssetRows.page": "of one share, to which only administrators add them",
    "SharedModelRows.page": "of one share, as its owner may read",
    "SharedModelRows.page_schemas": "of one share",
    "VersionRows.page": "of one model, which was authorized",
    "VersionRows.page_ready": "administrators only: fsck",
}
"""Listings that take no viewer, and what they show instead."""


def hints_of(method: Callable[..., Any]) -> dict[str, Any]:
    """Types of a method's parameters; some rows import those of shares for their types alone."""
    return get_type_hints(method, localns=vars(sharing))


def row_classes() -> set[type]:
    """Classes of rows, which a unit of work imports when they are first used."""
    import_rows()
    modules = [module for name, module in sys.modules.items() if name.startswith(metastore.__name__)]
    members = [each for module in modules for each in vars(module).items()]
    return {each for name, each in members if inspect.isclass(each) and name.endswith(("Rows", "Reads"))}


def listings() -> dict[str, Callable[..., Any]]:
    """Methods that take a page request, of the rows that a unit of work has."""
    found = {
        f"{each.__name__}.{name}": method
        for each in row_classes()
        for name, method in inspect.getmembers(each, inspect.isfunction)
        if PageRequest in hints_of(method).values() and not name.startswith("_")
    }
    return {**found, "page_of_models": model_listing.page_of_models}


def test_each_listing_takes_a_viewer_that_is_never_none_and_has_no_default() -> None:
    with_viewer = {name for name, method in listings().items() if Viewer in hints_of(method).values()}
    assert set(listings()) - with_viewer == set(NARROWED)
    assert len(with_viewer) >= 8
    for name in with_viewer:
        method = listings()[name]
        assert hints_of(method)["viewer"] is Viewer
        for parameter in inspect.signature(method).parameters.values():
            assert parameter.default is parameter.empty, (name, parameter)


@pytest.fixture
async def rows(admin: AdminClient, tmp_path: Path) -> AsyncIterator[UnitOfWork]:
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    async with admin.provider.database.read() as unit:
        yield unit


async def test_a_listing_without_a_viewer_shows_nothing(rows: UnitOfWork) -> None:
    calls: Mapping[str, Callable[[Any], Any]] = {
        "catalogs": lambda viewer: rows.catalogs.page(PageRequest(), viewer, ""),
        "schemas": lambda viewer: rows.catalogs.page_schemas("prod", PageRequest(), viewer, ""),
        "models": lambda viewer: rows.models.page(PageRequest(), viewer, EVERYWHERE),
        "versions": lambda viewer: rows.versions.page_of_run("", PageRequest(), viewer),
        "shares": lambda viewer: rows.shares.page(PageRequest(), viewer),
        "recipients": lambda viewer: rows.recipients.page(PageRequest(), viewer),
        "providers": lambda viewer: rows.providers.page(PageRequest(), viewer),
    }
    for name, call in calls.items():
        with pytest.raises(AttributeError, match="NoneType"):
            await call(None)
        assert isinstance((await call(EVERYTHING)).items, list), name


async def test_who_may_see_everything_has_no_identity_of_its_own(rows: UnitOfWork) -> None:
    """Code that overlooks it shows too little, not too much."""
    assert Viewer.of(Principal(PrincipalType.ADMIN, "1", "admin")) is EVERYTHING
    assert not Viewer.of(Principal(PrincipalType.USER, "2", "ana")).unrestricted
    assert not Viewer.owner("admin").unrestricted
    owned = select(catalogs.c.id).where(catalogs.c.owner.in_(EVERYTHING.names))
    for query in (models_by_themselves(EVERYTHING), owned):
        assert (await rows.catalogs._connection.execute(query)).all() == []
    assert [each.name for each in (await rows.catalogs.page(PageRequest(), EVERYTHING, "")).items] == ["prod"]
