"""An unmodified `databricks-sdk` makes a share of a provider a catalog, and governs it."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound, PermissionDenied
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.catalog import CatalogType, EntityTagAssignment
from databricks.sdk.service.sharing import (
    SharedDataObject,
    SharedDataObjectDataObjectType,
    SharedDataObjectUpdate,
    SharedDataObjectUpdateAction,
)

from support.processes.provider import MODEL, SHARE
from support.two_metastores import ABROAD, VENDOR, TwoMetastores

FAST_SECONDS = 60  # the SDK tries again for minutes what it takes for a failure that passes
COMES_FROM = f"comes from share '?{SHARE}'? of provider '?acme'?"


@pytest.fixture(scope="module")
def workspace(metastores: TwoMetastores) -> Iterator[WorkspaceClient]:
    """Globex's administrator, once the catalog is there."""
    metastores.add_provider()
    metastores.create_catalog()
    yield metastores.workspace


def test_a_share_becomes_a_catalog(workspace: WorkspaceClient) -> None:
    shown = workspace.catalogs.get(VENDOR)
    assert (shown.catalog_type, shown.provider_name, shown.share_name) == (
        CatalogType.DELTASHARING_CATALOG,
        "acme",
        SHARE,
    )
    listed = {each.name: each.catalog_type for each in workspace.catalogs.list()}
    assert listed[VENDOR] is CatalogType.DELTASHARING_CATALOG
    assert "ml_team" in [schema.name for schema in workspace.schemas.list(VENDOR)]
    (model,) = workspace.registered_models.list(catalog_name=VENDOR, schema_name="ml_team")
    assert model.full_name == ABROAD
    assert [version.version for version in workspace.model_versions.list(ABROAD)] == [1, 2]
    assert workspace.model_versions.get_by_alias(ABROAD, "Champion").version == 2


def test_every_server_shows_it(metastores: TwoMetastores, workspace: WorkspaceClient) -> None:
    for server in metastores.globex:
        other = WorkspaceClient(host=server.url, token=metastores.settings.admin_token_path.read_text())
        assert other.model_versions.get_by_alias(ABROAD, "Champion").version == 2


def test_an_alias_that_moves_at_home_moves_here(
    metastores: TwoMetastores, workspace: WorkspaceClient
) -> None:
    home = metastores.workspace_at_home
    for version in (1, 2):
        home.registered_models.set_alias(MODEL, "Champion", version)
        moved = time.perf_counter()
        while workspace.model_versions.get_by_alias(ABROAD, "Champion").version != version:
            assert time.perf_counter() - moved < FAST_SECONDS
            time.sleep(0.05)


def test_grants_of_this_metastore_decide(metastores: TwoMetastores, workspace: WorkspaceClient) -> None:
    token = metastores.colleague("ana")
    ana = WorkspaceClient(host=metastores.globex[-1].url, token=token)
    assert ana.registered_models.get(ABROAD).full_name == ABROAD
    workspace.catalogs.update(VENDOR, comment="What Acme shares with us")
    stranger = metastores.stranger("ben")
    ben = WorkspaceClient(host=metastores.globex[-1].url, token=stranger)
    with pytest.raises(PermissionDenied, match="ben lacks USE_CATALOG"):
        ben.registered_models.get(ABROAD)
    assert ABROAD not in [model.full_name for model in ben.registered_models.list()]
    with pytest.raises(PermissionDenied):
        ana.catalogs.create("another", provider_name="acme", share_name=SHARE)


def writes(workspace: WorkspaceClient) -> dict[str, Callable[[], object]]:
    """Each write below a catalog that the SDK knows."""
    models, versions, schemas = workspace.registered_models, workspace.model_versions, workspace.schemas
    tags = workspace.entity_tag_assignments
    tag = EntityTagAssignment(f"{ABROAD}/1", "stage", "modelversions", tag_value="test")
    catalog, schema, name = ABROAD.split(".")
    return {
        "create a schema": lambda: schemas.create("another", catalog),
        "update a schema": lambda: schemas.update(f"{catalog}.{schema}", comment="ours"),
        "rename a schema": lambda: schemas.update(f"{catalog}.{schema}", new_name="ours"),
        "delete a schema": lambda: schemas.delete(f"{catalog}.{schema}", force=True),
        "create a model": lambda: models.create(catalog_name=catalog, schema_name=schema, name="another"),
        "describe a model": lambda: models.update(ABROAD, comment="ours"),
        "rename a model": lambda: models.update(ABROAD, new_name="ours"),
        "delete a model": lambda: models.delete(ABROAD),
        "set an alias": lambda: models.set_alias(ABROAD, "Champion", 1),
        "delete an alias": lambda: models.delete_alias(ABROAD, "Champion"),
        "describe a version": lambda: versions.update(ABROAD, 1, comment="ours"),
        "delete a version": lambda: versions.delete(ABROAD, 1),
        "tag a version": lambda: tags.create(tag),
        "upload a file": lambda: workspace.files.upload(
            f"/Models/{catalog}/{schema}/{name}/1/more", io.BytesIO()
        ),
    }


def test_every_write_is_refused_at_once_and_by_name(workspace: WorkspaceClient) -> None:
    before = [model.as_dict() for model in workspace.registered_models.list(catalog_name=VENDOR)]
    for what, write in writes(workspace).items():
        started = time.perf_counter()
        with pytest.raises(DatabricksError, match=COMES_FROM) as refusal:
            write()
        assert time.perf_counter() - started < FAST_SECONDS, what
        assert "copy" in str(refusal.value), what
    assert before == [model.as_dict() for model in workspace.registered_models.list(catalog_name=VENDOR)]


def test_what_was_shared_is_not_shared_again(workspace: WorkspaceClient) -> None:
    workspace.shares.create("onwards")
    again = SharedDataObject(name=ABROAD, data_object_type=SharedDataObjectDataObjectType.MODEL)
    with pytest.raises(DatabricksError, match="acme"):
        workspace.shares.update(
            "onwards", updates=[SharedDataObjectUpdate(SharedDataObjectUpdateAction.ADD, again)]
        )
    workspace.shares.delete("onwards")


@pytest.mark.parametrize(
    ("name", "provider", "share", "message"),
    [
        (VENDOR, "acme", SHARE, "exists"),
        ("fresh", "nobody", SHARE, "nobody"),
        ("fresh", "acme", "not_granted", "not_granted"),
        ("no name", "acme", SHARE, "no name"),
        ("fresh", "acme", "", "share_name"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_half_made(
    workspace: WorkspaceClient, name: str, provider: str, share: str, message: str
) -> None:
    before = {each.name for each in workspace.catalogs.list()}
    with pytest.raises(DatabricksError, match=message):
        workspace.catalogs.create(name, provider_name=provider, share_name=share)
    assert {each.name for each in workspace.catalogs.list()} == before


def test_deleting_the_catalog_deletes_what_is_in_it(
    metastores: TwoMetastores, workspace: WorkspaceClient
) -> None:
    name = f"again_{uuid4().hex[:8]}"
    metastores.create_catalog(name)
    assert list(workspace.registered_models.list(catalog_name=name, schema_name="ml_team"))
    workspace.catalogs.delete(name, force=True)
    with pytest.raises(NotFound):
        workspace.registered_models.get(ABROAD.replace(VENDOR, name, 1))
    assert workspace.registered_models.get(ABROAD).full_name == ABROAD
