"""Request fields take effect or are refused: no field that the SDK can send is dropped in silence.

Each method of the SDK that leads to a route of ours is called with each of its arguments; what it then puts
into the query and the body is held against what that route takes. What a route takes, some handler reads.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints
from unittest import mock

import msgspec
import pytest
from aiohttp.test_utils import TestServer
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest
from databricks.sdk.service import catalog, sharing
from databricks.sdk.service.files import FilesAPI
from mlflow.exceptions import MlflowException
from mlflow.store._unity_catalog.registry.rest_store import UcModelRegistryStore

from model_sharing_protocol import unity_catalog as wire
from model_sharing_protocol import unity_catalog_permissions, unity_catalog_sharing
from model_sharing_provider import faces, http
from model_sharing_provider.faces import table
from model_sharing_provider.faces.signed_files.signatures import SIGNATURE
from model_sharing_provider.http.routes import Route
from support.admin_client import AdminClient
from support.databricks_sdk import ask, workspace_client
from support.model_folder import write_model
from support.principals import create_user

ROUTES = [
    dataclasses.replace(route, path=face.path(route))
    for face in table.APIS
    for route in face.routes
    if route.summary
]
SIGNED = {query.name for query in SIGNATURE}
SCORER = "prod.ml_team.scorer"
HANDLERS = [path for room in (faces, http) for path in Path(room.__path__[0]).rglob("*.py")]
APIS = (
    catalog.CatalogsAPI,
    catalog.SchemasAPI,
    catalog.RegisteredModelsAPI,
    catalog.ModelVersionsAPI,
    catalog.GrantsAPI,
    catalog.EntityTagAssignmentsAPI,
    sharing.SharesAPI,
    sharing.RecipientsAPI,
    sharing.ProvidersAPI,
    FilesAPI,
)
NOTHING_MORE = {"include_browse", "include_aliases", "include_unbound"}
"""They ask for more than the usual; here all that there is is always in the answer."""
AT_MOST = {"expire_time"}
"""Until when a URL is needed: clients ask for another when it ends before."""
AS_READ = {"status", "added_at", "added_by"}
"""Of an object in a share, what the server says of it: an object that was read is sent back to be removed."""
NESTED = {
    wire.GivenAlias: catalog.RegisteredModelAlias,
    unity_catalog_permissions.PermissionsChange: catalog.PermissionsChange,
    wire.EntityTagAssignment: catalog.EntityTagAssignment,
    wire.UpdateEntityTag: catalog.EntityTagAssignment,
    unity_catalog_sharing.GivenDataObject: sharing.SharedDataObject,
    unity_catalog_sharing.ShareUpdate: sharing.SharedDataObjectUpdate,
    unity_catalog_sharing.IpAccessList: sharing.IpAccessList,
    unity_catalog_sharing.Properties: sharing.SecurablePropertiesKvPairs,
}


class Anything(str):
    """A value of whatever type the SDK wants."""

    value = "x"

    def as_dict(self) -> dict[str, str]:
        return {"x": "x"}

    def __iter__(self) -> Iterator[Anything]:
        return iter([self] if self == "list" else [])


def calls() -> Iterator[tuple[str, str, set[str], set[str]]]:
    """Method, path, and the fields of query and body, of each method of the SDK with all its arguments."""
    for api in APIS:
        for name, method in inspect.getmembers(api, inspect.isfunction):
            if name.startswith("_"):
                continue
            http = mock.Mock()
            http.do.return_value = {}
            names = list(inspect.signature(method).parameters)[1:]
            given: dict[str, Any] = {parameter: Anything("list") for parameter in names}
            found = method(api(http), **given)
            if inspect.isgenerator(found):
                list(found)
            _, asked = http.do.call_args
            verb, path = http.do.call_args.args[:2]
            yield verb, path, set(asked.get("query") or ()), set(asked.get("body") or ())


def route_of(method: str, path: str) -> Route | None:
    for route in ROUTES:
        pattern = re.sub(r"\{path\}", ".*", re.sub(r"\{(?!path)[^}]*\}", "[^/]+", route.path))
        if route.method == method and re.fullmatch(pattern, path):
            return route
    return None


def refused_in_queries() -> set[str]:
    source = "\n".join(path.read_text() for path in HANDLERS)
    return set(re.findall(r'refuse_query\(request, "(\w+)"\)', source))


def fields_of(struct: Any) -> set[str]:
    is_message = inspect.isclass(struct) and issubclass(struct, msgspec.Struct)
    return {field.encode_name for field in msgspec.structs.fields(struct)} if is_message else set()


def test_whatever_the_sdk_can_send_some_route_takes() -> None:
    served, dropped = 0, {}
    for method, path, query, body in calls():
        route = route_of(method, path)
        if route is None:
            continue
        served += 1
        taken = {each.name for each in route.query} | NOTHING_MORE | refused_in_queries()
        if extra := (query - taken) | (body - fields_of(route.body) - {"x"}):
            dropped[f"{method} {path}"] = extra
    assert served > 50
    assert dropped == {}


def test_nested_messages_are_taken_whole() -> None:
    for ours, theirs in NESTED.items():
        names = {field.name for field in dataclasses.fields(theirs)}
        assert names - fields_of(ours) <= AS_READ, ours


def not_served(struct: type[msgspec.Struct]) -> set[str]:
    """Fields that take nothing but null, or the one value that says what is done anyway."""
    refused = set()
    for name, hint in get_type_hints(struct).items():
        kinds = {str(kind) for kind in get_args(hint)} or {str(hint)}
        if all("NoneType" in kind or "Literal" in kind for kind in kinds):
            refused.add(name)
    return refused


def attribute(field: str) -> str:
    """Attribute of a message that a field of the wire becomes: `accepted_by` for `acceptedBy`."""
    return re.sub("(?<=[a-z])[A-Z]", lambda capital: f"_{capital[0].lower()}", field)


HINTS = {"jsonPredicateHints", "maxFiles", "predicateHints"}
"""Fields of a table's query that a server may ignore: the client filters what it gets."""


def test_what_a_route_takes_some_handler_reads() -> None:
    files = [*HANDLERS, Path(wire.__file__), Path(unity_catalog_permissions.__file__)]
    lines = [line for path in files for line in path.read_text().splitlines()]
    source = "\n".join(line for line in lines if "Query(" not in line)
    unread = set()
    for route in ROUTES:
        asked = {query.name for query in route.query} - AT_MOST - SIGNED
        unread |= {name for name in asked if f'"{name}"' not in source}
        if fields := fields_of(route.body):
            fields -= not_served(route.body)
            unread |= {name for name in fields if not re.search(rf'\.{attribute(name)}\b|"{name}"', source)}
    assert unread == HINTS


@pytest.mark.parametrize(
    ("api", "method", "given"),
    [
        ("catalogs", "create", {"name": "c", "options": {"a": "b"}}),
        ("catalogs", "update", {"name": "prod", "isolation_mode": catalog.CatalogIsolationMode.ISOLATED}),
        ("catalogs", "update", {"name": "prod", "options": {"a": "b"}}),
        ("schemas", "create", {"name": "s", "catalog_name": "prod", "storage_root": "s3://b"}),
        (
            "schemas",
            "update",
            {
                "full_name": "prod.ml_team",
                "enable_predictive_optimization": catalog.EnablePredictiveOptimization.ENABLE,
            },
        ),
        ("registered_models", "update", {"full_name": SCORER, "storage_location": "s3://b"}),
        ("registered_models", "update", {"full_name": SCORER, "name": "another"}),
        ("registered_models", "update", {"full_name": SCORER, "browse_only": True}),
        ("model_versions", "update", {"full_name": SCORER, "version": 1, "run_id": "another"}),
        ("shares", "create", {"name": "s", "storage_root": "s3://b"}),
        ("recipients", "list", {"data_recipient_global_metastore_id": "aws:x:y"}),
        ("providers", "list", {"data_provider_global_metastore_id": "aws:x:y"}),
    ],
)
async def test_what_is_not_served_is_refused_by_its_name(
    admin: AdminClient,
    server: TestServer,
    provider_home: Path,
    tmp_path: Path,
    api: str,
    method: str,
    given: dict[str, Any],
) -> None:
    await admin.register(write_model(tmp_path / "m"), SCORER)
    workspace: WorkspaceClient = await workspace_client(server, (provider_home / "admin.token").read_text())
    what = list(given)[-1]
    with pytest.raises(BadRequest, match=rf"{what}|storage location|isolation_mode"):
        await ask(lambda: list(getattr(getattr(workspace, api), method)(**given) or ()))


async def test_what_was_read_may_be_sent_back(
    admin: AdminClient, server: TestServer, provider_home: Path, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), SCORER)
    workspace = await workspace_client(server, (provider_home / "admin.token").read_text())
    model = await ask(workspace.registered_models.get, SCORER)
    await ask(
        lambda: workspace.registered_models.update(
            SCORER,
            comment="new",
            name=model.name,
            catalog_name=model.catalog_name,
            schema_name=model.schema_name,
            storage_location=model.storage_location,
        )
    )
    version = await ask(workspace.model_versions.get, SCORER, 1)
    shown = await ask(
        lambda: workspace.model_versions.update(
            SCORER, 1, comment="new", id=version.id, status=version.status
        )
    )
    assert shown.comment == "new"
    await create_user(admin, "ana")
    changes = [catalog.PermissionsChange(principal="ana", add=[catalog.Privilege.USE_CATALOG])]
    quiet = await ask(
        lambda: workspace.grants.update("CATALOG", "prod", changes=changes, omit_permissions_in_response=True)
    )
    assert not quiet.privilege_assignments


async def test_mlflow_is_refused_a_job_that_deploys(
    server: TestServer,
    admin: AdminClient,
    provider_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await admin.register(write_model(tmp_path / "m"), SCORER)
    monkeypatch.setenv("DATABRICKS_HOST", str(server.make_url("/")).rstrip("/"))
    monkeypatch.setenv("DATABRICKS_TOKEN", (provider_home / "admin.token").read_text())
    store = UcModelRegistryStore("databricks-uc", "databricks-uc")
    for call in (
        lambda: store.create_registered_model("prod.ml_team.other", deployment_job_id="1"),
        lambda: store.update_registered_model(SCORER, "new", deployment_job_id="1"),
    ):
        with pytest.raises(MlflowException, match="deployment_job_id"):
            await ask(call)
    assert (await ask(store.get_registered_model, SCORER)).description == ""


async def test_a_model_with_versions_is_not_deleted_without_force(
    server: TestServer, admin: AdminClient, provider_home: Path, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), SCORER)
    workspace = await workspace_client(server, (provider_home / "admin.token").read_text())
    do, path = workspace.api_client.do, f"{wire.PREFIX}/models/{SCORER}"
    for word in ("false", "False", "0", "perhaps"):
        with pytest.raises(BadRequest, match="force"):
            await ask(do, "DELETE", path, query={"force": word})
    assert (await ask(workspace.model_versions.get, SCORER, 1)).version == 1
    await ask(workspace.model_versions.delete, SCORER, 1)
    await ask(do, "DELETE", path, query={"force": "false"})


async def test_grants_are_paged_for_who_asks_for_pages(
    server: TestServer, admin: AdminClient, provider_home: Path, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), SCORER)
    workspace = await workspace_client(server, (provider_home / "admin.token").read_text())
    names = ["ana", "ben", "eve"]
    for name in names:
        await create_user(admin, name)
        changes = [catalog.PermissionsChange(principal=name, add=[catalog.Privilege.USE_CATALOG])]
        await ask(lambda changes=changes: workspace.grants.update("CATALOG", "prod", changes=changes))  # type: ignore[misc]
    get, effective = workspace.grants.get, workspace.grants.get_effective
    whole = await ask(get, "CATALOG", "prod"), await ask(effective, "CATALOG", "prod")
    assert [len(each.privilege_assignments or []) for each in whole] == [3, 3]
    seen, token = [], None
    while token != "":
        page = await ask(get, "CATALOG", "prod", max_results=2, page_token=token)
        seen += [each.principal for each in page.privilege_assignments or []]
        token = page.next_page_token or ""
    assert seen == names
    first = await ask(effective, "CATALOG", "prod", max_results=2)
    assert (len(first.privilege_assignments or []), bool(first.next_page_token)) == (2, True)
