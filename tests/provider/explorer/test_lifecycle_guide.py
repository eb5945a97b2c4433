"""UI flows of the guide "Manage model lifecycle in Unity Catalog".

Each is done by a colleague with exactly the privileges that the guide lists, and refused without each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.securables import ModelVersion, RegisteredModel, SecurableType
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.registry.lineage import UPSTREAM
from model_sharing_provider.services.registry.tags import TagChange
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient, ExplorerPage, new_browser
from support.model_folder import write_model
from support.principals import (
    SecurablePrivilege,
    create_user,
    grant_privileges,
    on_catalog,
    on_model,
    on_schema,
)

IRIS = "prod.ml_team.iris_model"
APPROVED = "prod.ml_team.iris_approved"
WHO = "ana@example.com"
USE_CATALOG = on_catalog(Privilege.USE_CATALOG, "prod")
USE_SCHEMA = on_schema(Privilege.USE_SCHEMA, "prod.ml_team")
OWN = on_model(Privilege.OWN, IRIS)
EXECUTE = on_model(Privilege.EXECUTE, IRIS)
OWNER = (USE_CATALOG, USE_SCHEMA, OWN)
Check = Callable[[AdminClient], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What a person does: opens `page`, then the panel `control`, fills in `fields` and presses `button`.

    `sees` is what opening the page takes beside. `action` is where the form goes, for those who send it
    without having it on a page. Without `control`, only the form's answer tells what is missing.
    """

    needs: tuple[SecurablePrivilege, ...]
    sees: tuple[SecurablePrivilege, ...] = ()
    page: str
    control: str = ""
    button: str
    action: str
    done: Check
    fields: dict[str, str] = field(default_factory=dict)


def _model(check: Callable[[RegisteredModel], bool]) -> Check:
    async def done(admin: AdminClient) -> bool:
        return check(await admin.provider.models.get(admin.context, FullName.parse(IRIS)))

    return done


async def _is_renamed(admin: AdminClient) -> bool:
    async with admin.provider.database.read() as rows:
        return await rows.models.find(FullName.parse("prod.ml_team.iris")) is not None


async def _is_granted(admin: AdminClient) -> bool:
    grants = await admin.provider.permissions.get(admin.context, SecurableType.MODEL, IRIS, "bo@example.com")
    return [grant.privilege for grant in grants] == [Privilege.EXECUTE]


def _version(check: Callable[[ModelVersion], bool]) -> Check:
    async def done(admin: AdminClient) -> bool:
        return check(await admin.provider.versions.get(admin.context, FullName.parse(IRIS), 1))

    return done


async def _is_copied(admin: AdminClient) -> bool:
    async with admin.provider.database.read() as rows:
        model = await rows.models.find(FullName.parse(APPROVED))
        assert model is not None
        return await rows.versions.find(model.id, 1) is not None


async def _version_is_gone(admin: AdminClient) -> bool:
    async with admin.provider.database.read() as rows:
        model = await rows.models.find(FullName.parse(IRIS))
        assert model is not None
        return await rows.versions.find(model.id, 1) is None


async def _model_is_gone(admin: AdminClient) -> bool:
    async with admin.provider.database.read() as rows:
        return await rows.models.find(FullName.parse(IRIS)) is None


_PAGE = f"/explorer/models/{IRIS}"
_VERSION = f"{_PAGE}/versions/1"
FLOWS = {
    "set an alias": Flow(
        needs=OWNER,
        page=_PAGE,
        control="Set alias",
        button="Set alias",
        action=f"{_PAGE}/aliases",
        fields={"alias": "Challenger", "version": "1"},
        done=_model(lambda model: model.aliases.get("Challenger") == 1),
    ),
    "update an alias": Flow(
        needs=OWNER,
        page=_PAGE,
        control="Move Champion",
        button="Move Champion",
        action=f"{_PAGE}/aliases",
        fields={"alias": "Champion", "version": "1"},
        done=_model(lambda model: model.aliases == {"Champion": 1}),
    ),
    "remove an alias": Flow(
        needs=OWNER,
        page=_PAGE,
        control="Delete Champion",
        button="Delete alias Champion",
        action=f"{_PAGE}/aliases/Champion/delete",
        done=_model(lambda model: model.aliases == {}),
    ),
    "add a tag": Flow(
        needs=(USE_CATALOG, USE_SCHEMA, on_model(Privilege.APPLY_TAG, IRIS)),
        sees=(EXECUTE,),
        page=_PAGE,
        control="Edit tags",
        button="Set tag",
        action=f"{_PAGE}/tags",
        fields={"key": "task", "value": "question-answering"},
        done=_model(lambda model: model.tags.get("task") == "question-answering"),
    ),
    "remove a tag": Flow(
        needs=OWNER,
        page=_PAGE,
        control="Edit tags",
        button="Remove stage",
        action=f"{_PAGE}/tags/delete",
        fields={"key": "stage"},
        done=_model(lambda model: model.tags == {}),
    ),
    "describe a model": Flow(
        needs=OWNER,
        page=_PAGE,
        control="✎ Edit description",
        button="Save",
        action=_PAGE,
        fields={"comment": "What it is for."},
        done=_model(lambda model: model.comment == "What it is for."),
    ),
    "rename a model": Flow(
        needs=(*OWNER, on_schema(Privilege.CREATE_MODEL, "prod.ml_team")),
        page=_PAGE,
        control="Rename",
        button="Rename",
        action=_PAGE,
        fields={"name": "iris"},
        done=_is_renamed,
    ),
    "set an alias of a version": Flow(
        needs=OWNER,
        page=_VERSION,
        control="Edit aliases",
        button="Set alias",
        action=f"{_VERSION}/aliases",
        fields={"alias": "Champion"},
        done=_version(lambda version: version.aliases == ("Champion",)),
    ),
    "tag a version": Flow(
        needs=(USE_CATALOG, USE_SCHEMA, on_model(Privilege.APPLY_TAG, IRIS)),
        sees=(EXECUTE,),
        page=_VERSION,
        control="Edit tags",
        button="Set tag",
        action=f"{_VERSION}/tags",
        fields={"key": "validation_status", "value": "approved"},
        done=_version(lambda version: version.tags == {"validation_status": "approved"}),
    ),
    "describe a version": Flow(
        needs=OWNER,
        page=_VERSION,
        control="✎ Edit description",
        button="Save",
        action=_VERSION,
        fields={"comment": "Trained on petals."},
        done=_version(lambda version: version.comment == "Trained on petals."),
    ),
    "copy a version": Flow(
        needs=(USE_CATALOG, USE_SCHEMA, EXECUTE, on_model(Privilege.OWN, APPROVED)),
        page=_VERSION,
        button="Copy",
        action=f"{_VERSION}/copy",
        fields={"destination": APPROVED},
        done=_is_copied,
    ),
    "delete a version": Flow(
        needs=OWNER,
        page=f"{_VERSION}/delete",
        button="Delete for good",
        action=f"{_VERSION}/delete",
        fields={"confirmation": f"{IRIS}/1"},
        done=_version_is_gone,
    ),
    "delete a model": Flow(
        needs=OWNER,
        page=f"{_PAGE}/delete",
        button="Delete for good",
        action=f"{_PAGE}/delete",
        fields={"confirmation": IRIS},
        done=_model_is_gone,
    ),
    "grant access": Flow(
        needs=(OWN,),
        page=f"{_PAGE}/permissions",
        control="Grant",
        button="Grant",
        action=f"{_PAGE}/permissions",
        fields={"principal": "bo@example.com", "privilege": "EXECUTE"},
        done=_is_granted,
    ),
}


@pytest.fixture
async def colleague(server: TestServer, admin: AdminClient, tmp_path: Path) -> AsyncIterator[ExplorerClient]:
    """Browser of a colleague without a privilege; the model has two versions, the second is the Champion."""
    for number in (1, 2):
        folder = write_model(tmp_path / f"m{number}", {"model.pkl": b"%d" % number})
        await admin.register(folder, IRIS, "Champion" if number == 2 else None)
    await admin.provider.models.tag(admin.context, FullName.parse(IRIS), TagChange(add={"stage": "test"}))
    await admin.provider.models.create(admin.context, FullName.parse(APPROVED))
    await create_user(admin, "bo@example.com")
    client = new_browser(server)
    await client.sign_in((await create_user(admin, WHO)).token)
    yield client
    await client.session.close()


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
async def test_a_flow_needs_exactly_what_the_guide_lists(
    admin: AdminClient, colleague: ExplorerClient, flow: Flow
) -> None:
    await grant_privileges(admin, WHO, *flow.needs, *flow.sees)
    page = await colleague.open(flow.page)
    assert not flow.control or page.refusal(flow.control) == ""
    for missing in flow.needs:
        await missing.revoke(admin, WHO)
        await _is_refused(colleague, flow)
        assert not await flow.done(admin), f"done without {missing}"
        await missing.grant(admin, WHO)
    page = await (await colleague.open(flow.page)).submit(flow.button, **flow.fields)
    assert page.status == 200, page.text
    assert await flow.done(admin)


async def _is_refused(colleague: ExplorerClient, flow: Flow) -> None:
    """On the page, which names what is missing, and of the form sent without it."""
    page = await colleague.open(flow.page)
    if page.status == 200 and flow.control:
        assert _refusal(page, flow.control), f"{flow.control} is offered"
    token = page.soup.find("input", {"name": "csrf_token"})
    assert token is not None
    answer = await colleague.post(flow.action, [("csrf_token", str(token["value"])), *flow.fields.items()])
    assert (answer.status, "lacks" in answer.text) == (403, True), answer.text


def _refusal(page: ExplorerPage, control: str) -> str:
    """Why a control is not offered; those of rows that nobody may change are not there at all."""
    try:
        return page.refusal(control)
    except AssertionError:
        return "it is not there"


async def test_viewing_a_model_needs_execute_and_the_way_to_it(
    admin: AdminClient, colleague: ExplorerClient
) -> None:
    needs = (USE_CATALOG, USE_SCHEMA, EXECUTE)
    await grant_privileges(admin, WHO, *needs)
    for missing in needs:
        await missing.revoke(admin, WHO)
        page = await colleague.open(_PAGE)
        assert (page.status, "lacks" in page.text) == (403, True)
        await missing.grant(admin, WHO)
    page = await colleague.open(_PAGE)
    assert (page.status, page.title) == (200, "iris_model")
    assert "Version 2" in page.text


async def test_the_table_that_a_model_was_trained_on_is_in_the_lineage_tab(
    admin: AdminClient, colleague: ExplorerClient
) -> None:
    """As MLflow tells it after `mlflow.log_input`."""
    table = {"table": {"name": "prod.ml_team.iris", "table_id": "8f3b4f1e"}}
    told = {"entities": [{"notebook": {"id": "42"}}], "lineages": [{"source_securables": [table]}]}
    await admin.provider.lineage.emit(admin.context, FullName.parse(IRIS), 2, UPSTREAM, told)
    await grant_privileges(admin, WHO, USE_CATALOG, USE_SCHEMA, EXECUTE)
    page = await colleague.open(f"{_PAGE}/versions/2/lineage")
    rows = [" ".join(row.get_text(" ").split()) for row in page.soup.select("main tbody tr")]
    assert any(row.startswith("Table prod.ml_team.iris admin") for row in rows), rows
    assert any(row.startswith("Notebook 42 admin") for row in rows), rows
