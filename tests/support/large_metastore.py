"""A metastore with any number of models, and each kind of call on it."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from model_sharing_protocol.names import FullName, SchemaName, SharedName
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.securables import ModelFilter, SecurableType
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.context import Context
from support.admin_client import AdminClient
from support.bulk_insert import bulk_insert, model_name
from support.model_folder import write_model
from support.principals import (
    User,
    create_user,
    grant_privileges,
    on_catalog,
    on_schema,
    privileges_to_load,
    recipient_context,
)

Call = Callable[[], Awaitable[object]]
SCHEMA = SchemaName("prod", "ml")
REAL = FullName("prod", "ml", "real")
EVENTS_PER_MODEL = 10
RARE_ACTION = "audit log, a rare action"


async def fill(admin: AdminClient, url: str, folder: Path, models: int, versions: int) -> None:
    """Share a schema of so many models with globex; one of them has files."""
    await admin.register(write_model(folder), str(REAL))
    await admin.share("everything", "globex")
    await admin.add_schema("everything", str(SCHEMA))
    async with admin.provider.database.read() as rows:
        found = await rows.catalogs.find_schema(SCHEMA)
    assert found is not None
    bulk_insert(url, found.id, models, versions, models * EVENTS_PER_MODEL)


async def calls(admin: AdminClient, models: int) -> Mapping[str, Call]:
    """Each kind of call, to be repeated. Whoever names a model names another each time."""
    provider, context = admin.provider, admin.context
    globex, view = await recipient_context(admin, "globex"), provider.recipient_view
    ann, bob = await create_user(admin, "ann"), await create_user(admin, "bob")
    await grant_privileges(admin, ann.name, *privileges_to_load(f"{SCHEMA}.{model_name(models - 1)}"))
    everything = (
        on_catalog(Privilege.USE_CATALOG, SCHEMA.catalog),
        *(on_schema(each, str(SCHEMA)) for each in (Privilege.USE_SCHEMA, Privilege.EXECUTE)),
    )
    await grant_privileges(admin, bob.name, *everything)
    _, code = await provider.recipients.create(context, "invited")
    await provider.share_permissions.grant(context, "everything", "invited")
    # Rows are counted once a minute for all readers, along an index but from end to end.
    await provider.overviews.get(context)
    numbers = itertools.count(1)

    def some() -> str:
        return model_name(next(numbers) * 7919 % models)

    def shared() -> SharedName:
        return SharedName(SCHEMA.schema, some())

    first, deep = PageRequest(100), PageRequest(100, f"{SCHEMA}.{model_name(models // 2)}")
    last = PageRequest(100, f"{SCHEMA}.{model_name(models - 101)}")
    deep_in_share = PageRequest(100, f"{SCHEMA.schema}.{model_name(models // 2)}")

    async def listed(person: User, page: PageRequest) -> object:
        context: Context = await person.context()
        return await provider.models.search(context, page)

    return {
        "models of a schema, first page of 100": lambda: provider.models.page(context, SCHEMA, first),
        "models of a schema, middle page": lambda: provider.models.page(context, SCHEMA, deep),
        "models of a schema, last page": lambda: provider.models.page(context, SCHEMA, last),
        "all models, middle page": lambda: provider.models.search(context, deep),
        "models of one who may read all": lambda: listed(bob, deep),
        "models of one who may read one": lambda: listed(ann, first),
        "models of a schema by the beginning of their names": lambda: provider.models.page(
            context, SCHEMA, first, ModelFilter(name_prefix=some()[:-1])
        ),
        "all models by the beginning of their names": lambda: provider.models.search(
            context, first, ModelFilter(name_prefix=some()[:-1])
        ),
        "versions of a model, newest first": lambda: provider.versions.page(
            context, FullName("prod", "ml", some()), first, newest_first=True
        ),
        "shares of a model": lambda: provider.shares.of_model(context, FullName("prod", "ml", some())),
        "scope of a model's deletion": lambda: provider.pull_history.scope_of_deletion(
            context, SecurableType.MODEL, f"{SCHEMA}.{some()}"
        ),
        "audit log of a model": lambda: provider.audit.of_model(
            context, FullName("prod", "ml", some()), first
        ),
        "versions of a model": lambda: provider.versions.page(context, FullName("prod", "ml", some()), first),
        "a share's models, first page": lambda: view.list_models(globex, "everything", None, first),
        "a share's models, middle page": lambda: view.list_models(globex, "everything", "ml", deep_in_share),
        "an alias, in the share": lambda: view.resolve_alias(globex, "everything", shared(), "champion"),
        "a version's files, in the share": lambda: provider.recipient_files.version_files(
            globex, "everything", SharedName("ml", "real"), number=1
        ),
        "what an activation link offers": lambda: provider.activation_links.offer(context, code),
        "recipients that pulled a model": lambda: provider.pull_history.who_pulled(
            context, FullName("prod", "ml", some())
        ),
        "what a share's end would affect": lambda: provider.pull_history.impact_of_share(
            context, "everything", "ml.none"
        ),
        "overview of an administrator": lambda: provider.overviews.get(context),
        "search for a model by its name": lambda: provider.search.find(context, some()[:-1]),
        "search for a tag": lambda: provider.search.find(context, "task: none"),
        "search for a digest": lambda: provider.search.find(context, "sha256:0123456789"),
        "audit log, a page of denials": lambda: provider.audit.page(context, first, outcome="DENIED"),
        "audit log, the newest 100": lambda: provider.audit.latest(context, 100),
        "audit log of a recipient": lambda: provider.audit.latest(context, 100, recipient="recipient_3"),
        "audit log, denials": lambda: provider.audit.latest(context, 100, outcome="DENIED"),
        RARE_ACTION: lambda: provider.audit.latest(context, 100, action=AuditAction.RETRIEVE_RECIPIENT_TOKEN),
        "audit log, a page of a rare action": lambda: provider.audit.page(
            context, first, action=AuditAction.RETRIEVE_RECIPIENT_TOKEN
        ),
    }
